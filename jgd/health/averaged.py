"""Averages of parameters that a loss is computed with, seen by its gradients."""

from typing import Any

import jax
import numpy as np

from jgd.core.tree import global_dot, global_norm
from jgd.core.types import Params, State
from jgd.train.task import Task, loss_and_metrics

ALIKE = 0.999  # cosine of gradients that are proportional but for rounding


def share_in_average(task: Task, params: Params, model_state: State, later: State, batch: Any, key: jax.Array) -> float:
    """Return s where the loss is computed with s * params + (1 - s) * what the model state holds of them; else 1.

    Its gradients by both are then proportional, as s to 1 - s. Only where the model state has a matrix for each of the
    parameters', and a step has changed it (`later`): else it holds no average. Costs a gradient there, else nothing.
    """
    own, held = _matrices(params), _matrices(model_state)
    if not own or [x.shape for x in own] != [x.shape for x in held]:
        return 1.0
    if all(np.array_equal(x, y) for x, y in zip(held, _matrices(later), strict=True)):
        return 1.0
    found, others = map(_matrices, _gradients(task, params, model_state, batch, key))
    one, two = float(global_norm(found)), float(global_norm(others))
    return one / (one + two) if float(global_dot(found, others)) > ALIKE * one * two > 0 else 1.0


def _matrices(tree: Any) -> list[Any]:
    return [x for x in jax.tree.leaves(tree) if np.ndim(x) > 1]


@jax.jit
def _gradients(task: Task, params: Params, model_state: State, batch: Any, key: jax.Array) -> tuple[Params, State]:
    def loss(params: Params, state: State) -> jax.Array:
        return loss_and_metrics(task, params, state, batch, key)[0]

    return jax.grad(loss, argnums=(0, 1), allow_int=True)(params, model_state)
