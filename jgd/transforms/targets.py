"""Slow copies of parameters, as target networks are: moved a little in each step, or replaced now and then."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import ARRAY, ARRAYS, checked
from jgd.core.tree import widen
from jgd.core.types import Params, Scalar


@checked(new_tensors=ARRAYS, old_tensors=ARRAYS, step_size=ARRAY)
def incremental_update(new_tensors: Params, old_tensors: Params, step_size: Scalar) -> Params:
    """Average parameters with older ones.

    `step_size * new + (1 - step_size) * old`, leaf by leaf: Polyak averaging, with a step of 1 - decay.

    Computed in float32 at least; each leaf has its old dtype. Integers and flags, such as a counter, are the new ones,
    and so is a `None`.
    """

    def moved(new: Any, old: Any) -> Any:
        if new is None or not jnp.issubdtype(jnp.result_type(old), jnp.inexact):
            return new
        return (step_size * widen(new) + (1 - step_size) * widen(old)).astype(jnp.result_type(old))

    return jax.tree.map(moved, new_tensors, old_tensors, is_leaf=lambda x: x is None)


@checked(new_tensors=ARRAYS, old_tensors=ARRAYS, steps=ARRAY, update_period=ARRAY)
def periodic_update(new_tensors: Params, old_tensors: Params, steps: Any, update_period: Any) -> Params:
    """Return the new parameters when `steps` is a multiple of `update_period`, else the old ones, in the old dtypes."""
    new = jax.tree.map(lambda n, o: jnp.asarray(n).astype(jnp.result_type(o)), new_tensors, old_tensors)
    old = jax.tree.map(jnp.asarray, old_tensors)
    return jax.lax.cond(jnp.mod(steps, update_period) == 0, lambda: new, lambda: old)
