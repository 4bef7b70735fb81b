"""Programs for searches side by side: begin some, put new ones where others have ended, and go on for a segment.

Each is compiled once for a structure, a width and the devices, whatever the numbers, and kept by `jax.jit`.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.core.tree import global_norm, where
from jgd.core.types import Params
from jgd.solvers.loop import Turn, first_turn, solve
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.objective import Objective
from jgd.solvers.methods.vector import Trees, Vector
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import UserProblem

TURNS = 32
"""Evaluations of each search between two looks at which have ended."""
ROWS, SHARED = PartitionSpec("lanes"), PartitionSpec()


@record
class Searches:
    """Problems that differ in numbers alone. A pytree."""

    problem: UserProblem = part()
    method: Method = part()
    stop: Stop = part()

    def of(self, args: tuple[Any, ...], form: Vector) -> tuple[Objective, Vector | Trees]:
        """Return one of the problems as its method sees it; parameters are trees of a form."""
        return self.problem.with_args(args).for_method(self.method, form.tree)


class LaneLayout(NamedTuple):
    """Describe what a program of lanes is compiled for besides the shapes of its arguments. Hashable."""

    form: Vector  # of the parameters of one search
    own: tuple[bool, ...]  # for each of the arguments, whether every search has its own, along a leading axis
    mesh: Mesh  # of devices along "lanes", each of which loops until its own lanes pause

    @property
    def rows(self) -> NamedSharding:
        """How arrays with a leading axis of lanes lie on the devices."""
        return NamedSharding(self.mesh, ROWS)

    @property
    def everywhere(self) -> NamedSharding:
        """How arrays that all lanes share lie on the devices."""
        return NamedSharding(self.mesh, SHARED)

    def spread(self, fn: Callable[..., Any], searches: Searches, args: tuple[Any, ...], *rows: Any) -> Any:
        """Compute `fn(layout, searches, args, *rows)`, which is of one search, for all of them."""
        axes = tuple(0 if own else None for own in self.own)
        specs = tuple(ROWS if own else SHARED for own in self.own)
        on_device = jax.vmap(partial(fn, self), in_axes=(None, axes, *(0 for _ in rows)))
        in_specs = (SHARED, specs, *(ROWS for _ in rows))
        return jax.shard_map(on_device, mesh=self.mesh, in_specs=in_specs, out_specs=ROWS, check_vma=False)(
            searches, args, *rows
        )


@partial(jax.jit, static_argnums=0)
def no_turns(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], starts: Params) -> Turn:
    """Return lanes that hold no search, and pause at once."""
    return layout.spread(_no_turn, searches, args, starts)


@partial(jax.jit, static_argnums=0, donate_argnums=3)
def refill(
    layout: LaneLayout, searches: Searches, args: tuple[Any, ...], turns: Turn, starts: Params, fresh: jax.Array
) -> Turn:
    """Begin at the starts where `fresh`, bool[lanes], and leave the others as they are."""
    return layout.spread(_refill, searches, args, turns, starts, fresh)


@partial(jax.jit, static_argnums=0, donate_argnums=3)
def go(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], turns: Turn) -> Turn:
    """Go on in every lane until its search has ended, for at most `TURNS` evaluations."""
    return layout.spread(_go, searches, args, turns)


@partial(jax.jit, static_argnums=0)
def end(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], turns: Turn) -> Solution:
    """Return the solutions so far, each at the best point that it has accepted."""
    return layout.spread(_end, searches, args, turns)


def one_search(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], start: Params) -> Turn:
    """Return one search as it is computed in a lane, for a fingerprint of that."""
    return _go(layout, searches, args, _begin(layout, searches, args, start))


class LanePlan(NamedTuple):
    """Describe what so many lanes hold and take."""

    turns: Turn  # their shapes
    solutions: Solution  # theirs
    bytes_needed: int  # on each device while a segment runs; 0 where the compiler does not tell


def lane_plan(layout: LaneLayout, searches: Searches, args: Any, starts: Any) -> LanePlan:
    """Return the plan for lanes whose arguments and starts have these shapes; it compiles the programs, once."""
    leaves, structure = jax.tree.flatten((jax.tree.map(_shape, searches), args, starts))
    return _plan(layout, structure, tuple(leaves), bool(jax.config.read("jax_enable_x64")))


@lru_cache(maxsize=256)
def _plan(layout: LaneLayout, structure: Any, leaves: tuple[Any, ...], x64: bool) -> LanePlan:
    searches, args, starts = structure.unflatten(leaves)

    def placed(x: Any) -> Any:
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=layout.rows)

    turns = jax.tree.map(placed, no_turns.eval_shape(layout, searches, args, starts))
    fresh = jax.ShapeDtypeStruct(turns.status.shape, bool, sharding=layout.rows)
    lowered = (
        refill.lower(layout, searches, args, turns, starts, fresh),
        go.lower(layout, searches, args, turns),
        end.lower(layout, searches, args, turns),
    )
    told: Any = [program.compile().memory_analysis() for program in lowered]
    sizes = ("temp_size_in_bytes", "argument_size_in_bytes", "output_size_in_bytes")
    need = max((sum(getattr(one, size) for size in sizes) - one.alias_size_in_bytes for one in told if one), default=0)
    return LanePlan(turns, end.eval_shape(layout, searches, args, turns), need)


def _shape(x: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding, weak_type=x.weak_type)


def _no_turn(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], start: Params) -> Turn:
    turn: Any = jax.eval_shape(partial(_begin, layout), searches, args, start)
    turn = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), turn)
    return turn._replace(status=jnp.int32(int(Status.INTERRUPTED)))


def _begin(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], start: Params) -> Turn:
    problem, form = searches.of(args, layout.form)
    keep_best = not problem.has_multipliers  # the point of the least value may miss constraints
    return first_turn(searches.method, problem, form.pack(start), searches.stop, keep_best=keep_best)


def _refill(
    layout: LaneLayout, searches: Searches, args: tuple[Any, ...], turn: Turn, start: Params, fresh: jax.Array
) -> Turn:
    return where(fresh, _begin(layout, searches, args, start), turn)


def _go(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], turn: Turn) -> Turn:
    problem, _ = searches.of(args, layout.form)
    return solve(searches.method, problem, searches.stop, turn, turn.evaluations + TURNS)


def _end(layout: LaneLayout, searches: Searches, args: tuple[Any, ...], turn: Turn) -> Solution:
    """Return a search's solution, at the best point that it has accepted, or the last where there are constraints."""
    problem, form = searches.of(args, layout.form)
    given = searches.problem.with_args(args)
    last, best = turn.iterate, turn.best
    if best is None:
        return given.as_returned(turn.solution(form))
    lower = best.value < last.point.value - rounding(last.point.value)  # or the last is as good, and more stationary
    smooth = problem.lower is None and problem.nonsmooth is None
    norm = jnp.where(lower, global_norm(best.grad if smooth else problem.stationarity(best.params)), last.optimality)
    point = where(lower, best, last.point)
    return given.as_returned(turn._replace(iterate=last._replace(point=point, optimality=norm)).solution(form))
