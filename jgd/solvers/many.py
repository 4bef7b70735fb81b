"""Many starts and many problems: a queue of searches, so many at a time, within the memory that there is."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import ARRAYS, FLAG, SEED, Kind, admits, checked, whole_from
from jgd.core.errors import InputError
from jgd.core.lock import alone
from jgd.core.record import as_function
from jgd.core.stop import STOP, Stop
from jgd.core.storage import folder_path, is_key
from jgd.core.tree import check_inexact, name_of
from jgd.core.types import Params
from jgd.core.values import select
from jgd.nonsmooth.composed import Composed
from jgd.nonsmooth.nonsmooth import NONSMOOTH
from jgd.solvers.constraints import CONSTRAINTS, check_constraints, each_of
from jgd.solvers.derivatives import is_traced
from jgd.solvers.lanes import Searches
from jgd.solvers.minimize import DEFAULT_STOP, minimize
from jgd.solvers.names import METHOD, check_parts, method_of
from jgd.solvers.restarts import Once, Redraw
from jgd.solvers.search import TUPLE, check_stop
from jgd.solvers.search_queue import SearchQueue
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import BOUNDS, FUNCTION, UserProblem, bounds_of, check_nonsmooth, check_value

AXES = Kind(
    "be 0 where every search has its own, None where all share one, or a tuple of these for each of args",
    lambda x: all(one is None or (isinstance(one, int) and one == 0) for one in (x if isinstance(x, tuple) else (x,))),
)
SAMPLER = Kind("be a function (key) -> start, or None", lambda x: x is None or callable(x))
DRAWN_FROM = Kind(
    "be a seed or a random key, such as jax.random.key(0)",
    lambda x: x is None or admits(SEED, x) or is_key(x) or getattr(x, "dtype", None) == jnp.uint32,
)
WIDTH = Kind(f"{whole_from(1).expected}, or None for what fits", lambda x: x is None or whole_from(1).admits(x))


@checked(
    starts=ARRAYS, optimizer=METHOD, fn=FUNCTION, stop=STOP, args=TUPLE, has_aux=FLAG,
    in_axes=AXES, lanes=WIDTH, nonsmooth=NONSMOOTH, redraw=SAMPLER, key=DRAWN_FROM, bounds=BOUNDS,
    constraints=CONSTRAINTS,
)  # fmt: skip
def minimize_many(
    fn: Callable[..., Any],
    optimizer: Any,
    starts: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    in_axes: Any = 0,
    has_aux: bool = False,
    lanes: int | None = None,
    bounds: Any = None,
    constraints: Any = (),
    nonsmooth: Any = None,
    redraw: Callable[[jax.Array], Params] | None = None,
    key: Any = None,
    dir: Any = None,
    progress: bool | None = None,
) -> Solution:
    """Minimize from many starts, or many problems, or both: a `Solution` whose fields have a leading axis of searches.

    The leaves of `starts` have a leading axis, and so has each of `args` whose entry of `in_axes` is 0; others are
    shared. Each search ends by itself, at the best point that it has seen, and its place is given to the next in the
    queue, so that the cost is that of all searches together and not of the longest for everyone. No search looks at
    another. All devices take part.

    lanes   the most searches at a time; by default 1,024 on each device. Never more than fit into half of the free
            memory; where memory runs out all the same, half as many, with a warning.
    constraints  as in `minimize`; their functions get the `args` of the search. A search ends at its last point then,
            and not at the one with the least value, which may miss them. `Solution.violation` is by search.
    redraw  `redraw(key) -> start`: a start where the function is not finite is replaced, up to 10 times, by draws of
            `key` (a seed or a random key), their own for each search. `Solution.redrawn` counts them.
    dir     a folder that keeps the searches that have ended; the same call with the same arguments goes on from there.
    progress  `None` shows a line in a notebook, and where standard error is a terminal and rich is installed.

    In a lane a search takes the steps that it takes alone: bit for bit the same whatever its neighbours are, and to
    rounding those of `minimize`, or of another number of lanes, whose programs are vectorized otherwise.

    Under `jit`, `vmap` or a derivative it is `jax.vmap` of `minimize`, in one program, with derivatives as there; then
    neither `lanes`, `redraw`, `dir` nor `progress` can act, and they are refused.
    """
    place = "minimize_many"
    if is_traced():
        refuse_host(place, lanes=lanes, redraw=redraw, dir=dir, progress=progress)
        axes = _axes(place, starts, args, in_axes)

        def one(start: Params, args: tuple[Any, ...]) -> Solution:
            given = {"bounds": bounds, "constraints": constraints, "nonsmooth": nonsmooth}
            return minimize(fn, optimizer, start, stop, args=args, has_aux=has_aux, **given)

        return jax.vmap(one, in_axes=(0, axes))(starts, args)
    restarts = Once() if redraw is None else Redraw(redraw, random_key(key))
    problem = SearchRequest(fn, optimizer, starts, stop, args, in_axes, has_aux, bounds, nonsmooth, constraints)
    return run_all(place, problem, lanes, restarts, dir, progress)


class SearchRequest(NamedTuple):
    """Describe a problem, its method and its starts, as a caller gives them."""

    fn: Callable[..., Any]
    optimizer: Any
    starts: Params  # with a leading axis of searches
    stop: Stop | None
    args: tuple[Any, ...]
    in_axes: Any  # of args
    has_aux: bool
    bounds: Any
    nonsmooth: Any
    constraints: Any


def run_all(
    place: str, given: SearchRequest, lanes: int | None, restarts: Once, dir: Any, progress: bool | None
) -> Solution:
    """Return the solutions of all searches, once they have been checked; `place` is the function that was called."""
    stop = check_stop(place, DEFAULT_STOP if given.stop is None else given.stop)
    stop.refuse(("seconds",), "jgd.minimize")
    axes = _axes(place, given.starts, given.args, given.in_axes)
    check_inexact(f"{place}(starts)", given.starts, integers=True)
    method = method_of(given.optimizer, place)
    starts = jax.tree.map(lambda x: np.asarray(x, jnp.result_type(x, float)), given.starts)
    first, own = select(starts, 0), tuple(axis == 0 for axis in axes)
    args = tuple(
        _on_host(arg) if mine else jax.tree.map(jnp.asarray, arg) for arg, mine in zip(given.args, own, strict=True)
    )
    first_args = tuple(jax.tree.map(lambda x: x[0], arg) if mine else arg for arg, mine in zip(args, own, strict=True))
    bounds, fn = bounds_of(place, given.bounds, first), as_function(given.fn)
    constraints = given.constraints if each_of(given.constraints) else None
    problem = UserProblem(fn, first_args, bounds, given.nonsmooth, constraints=constraints, has_aux=given.has_aux)
    parts = {name for name in ("bounds", "constraints", "nonsmooth") if getattr(problem, name) is not None}
    parts |= {"composed"} if isinstance(given.nonsmooth, Composed) else set()
    check_parts(place, given.optimizer, method, parts)
    check_nonsmooth(place, given.nonsmooth, given.bounds, first)
    check_value(place, problem, first)
    check_constraints(place, given.constraints, first, first_args, at_start=False)
    queue = SearchQueue(place, Searches(problem.with_args(()), method, stop), starts, args, own, lanes, restarts)
    folder = None if dir is None else folder_path(place, dir)
    with alone(place, folder):
        return jax.device_put(queue.run(folder, progress))


def refuse_host(place: str, **given: Any) -> None:
    """Refuse what only the host could do, where a transformation traces."""
    for name in (name for name, value in given.items() if value is not None):
        raise InputError(f"{place}({name}=): it cannot act under jit, vmap or a derivative; leave it out.")


def random_key(key: Any) -> jax.Array:
    """Return the key of a seed or of a key; 0 if there is none."""
    return jax.random.key(key or 0) if key is None or isinstance(key, int) else key


def _on_host(tree: Any) -> Any:
    """Return the arrays in the host's memory, so that only those of the lanes take up a device's."""
    return jax.tree.map(lambda x: x if is_key(x) else np.asarray(x, jnp.result_type(x)), tree)


def _count(place: str, starts: Params) -> int:
    """Tell how many searches there are, by the leading axis of the starts."""
    rows = [(name_of(path), jnp.shape(x)) for path, x in jax.tree_util.tree_leaves_with_path(starts)]
    for name, shape in rows:
        if shape[:1] != rows[0][1][:1] or not shape or shape[0] == 0:
            raise InputError(
                f"{place}(starts): the leaf at {name} has shape {shape}; stack the starting points along a "
                "leading axis, at least one and as many in every leaf."
            )
    if not rows:
        raise InputError(f"{place}(starts): there are no arrays in it; pass the points to start from.")
    return rows[0][1][0]


def _axes(place: str, starts: Params, args: tuple[Any, ...], in_axes: Any) -> tuple[Any, ...]:
    """Return 0 or None for each of the arguments; those with 0 have as many rows as there are starts."""
    count = _count(place, starts)
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    if len(axes) != len(args):
        raise InputError(
            f"{place}(in_axes={in_axes}): it has {len(axes)} entries, and args {len(args)}; pass one for each."
        )
    for i, (arg, axis) in enumerate(zip(args, axes, strict=True)):
        for path, x in jax.tree_util.tree_leaves_with_path(arg) if axis == 0 else ():
            if np.shape(x)[:1] != (count,):
                raise InputError(
                    f"{place}(args=): args[{i}]{name_of(path) if path else ''} has shape {np.shape(x)}, and "
                    f"there are {count} starts; give it that leading axis, or None in in_axes."
                )
    return axes
