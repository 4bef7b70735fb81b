"""Eight devices by hand: a jitted step, and a checkpoint whose arrays are put where those of the start lie."""

import os
import pickle
from typing import Any

import jax
import optax

from examples.eight_devices import EVERY, STEPS, task


def placed(x: Any, like: jax.Array) -> Any:
    """Return the array where `like` lies; counters stay free to go where the others are."""
    return jax.device_put(x, like.sharding) if len(like.sharding.device_set) > 1 else x


def train(folder: str, until: int = STEPS, start: Any = None) -> tuple[Any, Any, list[float], int]:
    """Return parameters, moments, losses and the steps taken here; from the folder's checkpoint where there is one."""
    problem = task()
    tx = optax.adam(0.01)
    params = problem.init(jax.random.key(0)) if start is None else start
    state, first, losses = tx.init(params), 0, []
    path = os.path.join(folder, "checkpoint.pickle")
    if os.path.exists(path):
        with open(path, "rb") as file:
            kept, first, losses = pickle.load(file)
        params, state = jax.tree.map(placed, kept, (params, state))

    @jax.jit
    def segment(carry: Any, data: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            params, state = carry
            value, grads = jax.value_and_grad(problem.loss)(params, data)
            updates, state = tx.update(grads, state, params)
            return (optax.apply_updates(params, updates), state), value

        return jax.lax.scan(step, carry, length=EVERY)

    for number in range(first + EVERY, until + 1, EVERY):
        (params, state), values = segment((params, state), problem.data)
        losses += values.tolist()
        os.makedirs(folder, exist_ok=True)
        with open(path + ".new", "wb") as file:
            pickle.dump((jax.device_get((params, state)), number, losses), file)
        os.replace(path + ".new", path)
    return params, state, losses, until - first
