"""The first calls by hand: a scan of scans from evaluation to evaluation, jitted, and vmapped over the rates."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from bench.first.problem import BATCH, DATA, HELD_OUT, ROWS, init, judge, loss


def sweep(trials: int, steps: int, every: int) -> None:
    """Train Adam and SGD, each with so many learning rates."""
    for make, rates in ((optax.adam, (1e-4, 1e-1)), (optax.sgd, (1e-3, 1.0))):
        program = jax.jit(jax.vmap(trained(make), in_axes=(0, None, None, None, None)))
        show(program(np.geomspace(*rates, trials, dtype=np.float32), init(jax.random.key(0)), *arrays(steps, every)))


def fit(steps: int, every: int) -> None:
    """Train Adam once."""
    show(jax.jit(trained(optax.adam))(1e-3, init(jax.random.key(0)), *arrays(steps, every)))


def trained(make: Callable[..., optax.GradientTransformation]) -> Callable[..., Any]:
    """Return a function of the rate, first parameters, rows of batches and the data, that returns curves."""

    def train(rate: Any, params: Any, rows: Any, data: Any, held: Any) -> Any:
        optimizer = make(rate)

        def step(carry: Any, rows: Any) -> Any:
            params, state = carry
            value, grads = jax.value_and_grad(loss)(params, jax.tree.map(lambda x: x[rows], data))
            updates, state = optimizer.update(grads, state, params)
            return (optax.apply_updates(params, updates), state), value

        def segment(carry: Any, rows: Any) -> Any:
            carry, values = jax.lax.scan(step, carry, rows)
            return carry, {"loss": values.mean(), **judge(held, carry[0])}

        return jax.lax.scan(segment, (params, optimizer.init(params)), rows)[1]

    return train


def arrays(steps: int, every: int) -> tuple[Any, Any, Any]:
    """Return the rows of every batch, i32[segments, every, batch], epoch after epoch, and the data."""
    draw, whole = np.random.default_rng(0), ROWS - ROWS % BATCH
    epochs = [draw.permutation(ROWS)[:whole].reshape(-1, BATCH) for _ in range(steps * BATCH // whole + 1)]
    return np.concatenate(epochs)[:steps].reshape(-1, every, BATCH).astype(np.int32), DATA, HELD_OUT


def show(curves: Any) -> None:
    """Print the best loss of the last evaluation."""
    print(float(np.nanmin(np.asarray(curves["validation_loss"])[..., -1])))
