"""Groups and unfreezing by hand: optax.partition over a tree of labels, a schedule of steps, a loop, and a watch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from examples.groups_and_unfreezing import STEPS, UNFREEZE, init, loss, sentences


def fitted(tx: Any, params: Any, data: Any, steps: int, rows: Any = None, watch: Any = None) -> tuple[Any, np.ndarray]:
    """Return the parameters and losses after so many steps; `watch(step, params)` is called every hundred."""

    @jax.jit
    def step(params: Any, state: Any, data: Any, rows: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, jax.tree.map(lambda x: x[rows], data))
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    rng, state, losses = np.random.default_rng(0), tx.init(params), []
    for number in range(steps):
        if rows is None and number % 8 == 0:
            order = rng.permutation(512).reshape(8, 64)
        batch = rows[number] if rows is not None else order[number % 8]
        params, state, value = step(params, state, data, batch)
        losses.append(value)
        if watch is not None and (number + 1) % 100 == 0:
            watch(number + 1, params)
    return params, np.asarray(losses)


def labels(params: Any) -> Any:
    """Return a label for each leaf."""
    names = {"embed": "frozen", "backbone": "backbone", "head": "head"}
    labelled = {name: jax.tree.map(lambda _, label=names[name]: label, part) for name, part in params.items()}
    labelled["head"]["b"] = "no decay"
    return labelled


def train(start: Any = None, rows: Any = (None, None)) -> tuple[np.ndarray, np.ndarray, dict[int, Any]]:
    """Return the losses of both phases, and how far each part had moved every hundred steps of the second."""
    small_words = sentences(0, lambda w: (w < 15).sum(1) >= 3)
    even_words = sentences(1, lambda w: (w % 2 == 0).sum(1) >= 4)
    params = init(jax.random.key(0)) if start is None else start
    pretrained, before = fitted(optax.adam(3e-3), params, small_words, 300, rows[0])
    groups: Any = {
        "frozen": optax.set_to_zero(),
        "backbone": optax.adamw(lambda count: jnp.where(jnp.asarray(count) < UNFREEZE, 0.0, 3e-3), weight_decay=1e-2),
        "head": optax.adamw(1e-2, weight_decay=1e-2),
        "no decay": optax.adam(1e-2),
    }
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.partition(groups, labels))
    moved = {}

    def watch(step: int, params: Any) -> None:
        change = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), params, pretrained)
        moved[step] = {"embed": change["embed"], **{k: change[k]["w"] for k in ("backbone", "head")}}
        print(f"step {step}: " + ", ".join(f"{name} {x:.4f}" for name, x in moved[step].items()))

    after = fitted(tx, pretrained, even_words, STEPS, rows[1], watch)[1]
    return before, after, moved
