"""Non-convex problems: minimize from many starts at once, and keep the best."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jgd.core.arguments import ARRAYS, checked, whole_from
from jgd.core.errors import InputError
from jgd.core.status import Status
from jgd.core.stop import STOP, Stop
from jgd.core.types import Params
from jgd.core.values import select
from jgd.solvers.many import AXES, minimize_many
from jgd.solvers.names import METHOD
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import FUNCTION


@checked(
    fn=FUNCTION,
    optimizer=METHOD,
    starts=ARRAYS,
    stop=STOP,
    keep=whole_from(1),
    in_axes=AXES,
)
def multistart(
    fn: Callable[..., Any],
    optimizer: Any,
    starts: Params,
    stop: Stop | None = None,
    *,
    keep: int = 1,
    in_axes: Any = None,
    **keywords: Any,
) -> Solution:
    """Return the best `Solution` among those from `starts`, whose leaves have a leading axis of starting points.

    With `keep` more than 1, so many of them, the best first, along a leading axis. A start where the function is not
    finite cannot win, nor one that misses constraints, unless all do: then the nearest comes first. For restarts with
    noise from what has been found, `basin_hopping(temperature=0.0)`. `keywords` are those of `minimize_many`, which
    searches; `args` are shared by all starts, unless `in_axes` says otherwise.
    """
    check_keep("multistart", keep, starts, "starts")
    return best_solutions(minimize_many(fn, optimizer, starts, stop, in_axes=in_axes, **keywords), keep)


def check_keep(place: str, keep: int, starts: Params, called: str) -> None:
    """Refuse to keep more solutions than there are starts, before anything is searched."""
    most = min((len(x) for x in jax.tree.leaves(starts) if jnp.ndim(x)), default=keep)
    if most and keep > most:
        raise InputError(f"{place}(keep={keep}): there are {most} {called}; keep at most as many.")


def best_solutions(every: Solution, keep: int) -> Solution:
    """Return the best of many solutions, or with `keep` more than 1 so many of them, the best first."""
    order = every.best_first
    best = jax.tree.map(lambda x: x[order[:keep]], every)
    if keep > 1:
        return best
    best = select(best, 0)
    if isinstance(best.status, jax.core.Tracer):
        return best
    return dataclasses.replace(best, status=Status.of(best.status))
