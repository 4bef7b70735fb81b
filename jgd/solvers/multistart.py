"""Non-convex problems: minimize from many starts at once, and keep the best."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jgd.core.arguments import ARRAYS, FLAG, checked, function_of
from jgd.core.errors import InputError
from jgd.core.status import Status
from jgd.core.stop import STOP, Stop
from jgd.core.tree import name_of
from jgd.core.types import Params, Transform
from jgd.core.values import select
from jgd.solvers.minimize import TUPLE, minimize
from jgd.solvers.solution import Solution


@checked(starts=ARRAYS, has_aux=FLAG, args=TUPLE, fn=function_of("(params, *args) -> scalar"), stop=STOP)
def multistart(
    fn: Callable[..., Any],
    optimizer: Transform,
    starts: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Solution:
    """The best `Solution` among those from `starts`, whose leaves have a leading axis of starting points.

    All searches run in one program, for as many steps as the longest needs; a start where the function is not finite
    cannot win. For every solution, call `minimize` under `jax.vmap` oneself.
    """
    rows = [(name_of(path), jnp.shape(x)) for path, x in jax.tree_util.tree_leaves_with_path(starts)]
    for name, shape in rows:
        if shape[:1] != rows[0][1][:1] or not shape or shape[0] == 0:
            raise InputError(
                f"multistart(starts): the leaf at {name} has shape {shape}; stack the starting points along a leading "
                "axis, at least one and as many in every leaf."
            )
    every = jax.vmap(lambda start: minimize(fn, optimizer, start, stop, args=args, has_aux=has_aux))(starts)
    # A NaN would win an argmin.
    best = select(every, jnp.argmin(jnp.where(jnp.isfinite(every.value), every.value, jnp.inf)))
    if isinstance(best.status, jax.core.Tracer):
        return best
    return dataclasses.replace(best, status=Status.of(best.status))
