"""Averages of parameters that a loss is computed with, seen by what changes the loss and what does not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.tree import global_norm
from jgd.core.types import Params, State
from jgd.health.layers import batch_loss
from jgd.health.leaves import redrawn
from jgd.train.task import Task

STEP = 0.01  # of the parameters' norm, downhill and uphill
STILL = 0.2  # of the change that the parameters make alone: what may be left where the average makes up for it


def share_in_average(task: Task, params: Params, model_state: State, later: State, batch: Any, key: jax.Array) -> float:
    """Return s where the loss is computed with s * params + (1 - s) * what the model state holds of them; else 1.

    The loss falls by a step of either as s to 1 - s, also where one is behind a stop_gradient. That it is such an
    average is seen by (1 - s) r added to the parameters and s r taken from the state, which together leave it as it is.
    Only where the model state has a matrix for each of the parameters', and a step has changed it (`later`): else it
    holds no average. Costs a gradient and seven losses there, else nothing.
    """
    own, held = _matrices(params), _matrices(model_state)
    if not own or [x.shape for x in own] != [x.shape for x in held]:
        return 1.0
    if all(np.array_equal(x, y) for x, y in zip(held, _matrices(later), strict=True)):
        return 1.0
    return float(_share(task, params, model_state, batch, key, redrawn(own)))


def _is_matrix(x: Any) -> bool:
    return np.ndim(x) > 1 and jnp.issubdtype(jnp.result_type(x), jnp.inexact)


def _matrices(tree: Any) -> list[Any]:
    return [x for x in jax.tree.leaves(tree) if _is_matrix(x)]


def _shifted(tree: Any, factor: jax.Array, shifts: list[Any]) -> Any:
    """Add multiples of `shifts` to the matrices of a tree."""
    rest = iter(shifts)
    return jax.tree.map(lambda x: (x + factor * next(rest)).astype(x.dtype) if _is_matrix(x) else x, tree)


@jax.jit
def _share(task: Task, params: Params, model_state: State, batch: Any, key: jax.Array, draw: list[Any]) -> jax.Array:
    def losses(shifts: list[Any], *factors: tuple[Any, Any]) -> jax.Array:
        def loss(pair: jax.Array) -> jax.Array:
            state = _shifted(model_state, pair[1], shifts)
            return batch_loss(_shifted(params, pair[0], shifts), task, state, batch, key)

        return jax.lax.map(loss, jnp.asarray(factors, jnp.float32))

    grads = _matrices(jax.grad(batch_loss, allow_int=True)(params, task, model_state, batch, key))
    length = STEP * global_norm(_matrices(params)) / global_norm(grads)
    down = [-length * jnp.conj(g) for g in grads]
    low, high, held_low, held_high = losses(down, (1, 0), (-1, 0), (0, 1), (0, -1))
    share = (high - low) / (high - low + held_high - held_low)
    base, alone, both = losses(draw, (0, 0), (1, 0), (1 - share, -share))
    is_average = (high > low) & (held_high > held_low) & (jnp.abs(both - base) < STILL * jnp.abs(alone - base))
    return jnp.where(is_average, share, 1.0)
