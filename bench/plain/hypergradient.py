"""The hypergradient by hand: training as a function of two named numbers, from which optax's optimizer is made anew."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from examples.hypergradient import STEPS, problem, squared_error


def train(numbers: Any, data: Any) -> jax.Array:
    """Return the parameters after forty steps."""
    tx = optax.sgd(numbers["learning_rate"], numbers["momentum"])

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = tx.update(jax.grad(squared_error)(params, data), state, params)
        return (optax.apply_updates(params, updates), state), None

    params = jnp.zeros(data[0].shape[1])
    return jax.lax.scan(step, (params, tx.init(params)), length=STEPS)[0][0]


def learn() -> tuple[Any, list[float]]:
    """Return the rate and momentum after a hundred steps on them, and the validation losses."""
    training, validation = problem()
    outcome = jax.jit(jax.value_and_grad(lambda numbers: squared_error(train(numbers, training), validation)))
    numbers = {"learning_rate": jnp.asarray(0.01), "momentum": jnp.asarray(0.5)}
    meta = optax.adam(0.003)
    state, values = meta.init(numbers), []
    for i in range(101):
        value, gradient = outcome(numbers)
        values.append(float(value))
        if i % 20 == 0:
            print(f"{i:3d} steps on the numbers: validation loss {value:.4f}  {jax.device_get(numbers)}")
        updates, state = meta.update(gradient, state, numbers)
        numbers = optax.apply_updates(numbers, updates)
    return numbers, values
