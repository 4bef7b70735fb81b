"""Programs for searches side by side: begin some, put new ones where others have ended, and go on for a segment."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jgd.core.record import part, record
from jgd.core.stop import Stop
from jgd.core.tree import global_norm, where
from jgd.core.types import Params
from jgd.solvers.loop import Turn, first_turn, solve
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.objective import Objective
from jgd.solvers.methods.vector import Vector
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import UserProblem

TURNS = 32
"""Evaluations of each search between two looks at which have ended."""


@record
class Searches:
    """Problems that differ in numbers alone. A pytree."""

    problem: UserProblem = part()
    method: Method = part()
    stop: Stop = part()

    def of(self, args: tuple[Any, ...], like: Params) -> tuple[Objective, Vector | None]:
        """One of the problems as its method sees it; parameters have the shapes of `like`."""
        return self.problem.with_args(args).for_method(self.method, like)


class Programs:
    """The compiled programs of so many lanes, spread over devices, each of which loops until its own lanes pause.

    `like` are the parameters of one search, `args` its arguments; `own` says for each of these whether every search
    has its own, with a leading axis of lanes.
    """

    def __init__(
        self, searches: Searches, like: Params, args: Any, own: Sequence[bool], width: int, devices: Sequence[Any]
    ) -> None:
        mesh, rows = Mesh(np.array(devices), ("lanes",)), PartitionSpec("lanes")
        shared = PartitionSpec()
        arg_specs = tuple(rows if is_own else shared for is_own in own)
        arg_axes = tuple(0 if is_own else None for is_own in own)
        self.rows, self.everywhere = NamedSharding(mesh, rows), NamedSharding(mesh, shared)

        def spread(fn: Callable[..., Any], *axes: Any) -> Any:
            """A function of one search on all of them; `axes` and the specs of its arguments after the first two."""
            on_device = jax.vmap(fn, in_axes=(None, arg_axes, *axes))
            specs = (shared, arg_specs, *(rows for _ in axes))
            return jax.shard_map(on_device, mesh=mesh, in_specs=specs, out_specs=rows, check_vma=False)

        def many(x: Any) -> Any:
            return jax.ShapeDtypeStruct((width, *x.shape), x.dtype)

        starts, fresh = jax.tree.map(many, like), jax.ShapeDtypeStruct((width,), bool)
        args = tuple(jax.tree.map(many, arg) if is_own else arg for arg, is_own in zip(args, own, strict=True))
        turns: Any = jax.eval_shape(spread(partial(_begin, like), 0), searches, args, starts)
        self.empty = turns
        refill = jax.jit(spread(partial(_refill, like), 0, 0, 0), donate_argnums=2)
        self.refill = refill.lower(searches, args, turns, starts, fresh).compile()
        self.go = jax.jit(spread(partial(_go, like), 0), donate_argnums=2).lower(searches, args, turns).compile()
        end = spread(partial(_end, like), 0)
        self.end = jax.jit(end).lower(searches, args, turns).compile()
        self.solutions = jax.eval_shape(end, searches, args, turns)
        self.width = width

    def trace(self, searches: Searches, args: Any, like: Params) -> Any:
        """One search from beginning to end, for the fingerprint of what is computed."""
        return _go(like, searches, args, _begin(like, searches, args, like))

    def no_turns(self) -> Turn:
        """Places that hold no search."""
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype, device=self.rows), self.empty)

    @property
    def bytes_needed(self) -> int:
        """Bytes on each device while a segment runs; 0 where the compiler does not tell."""
        told = [program.memory_analysis() for program in (self.refill, self.go, self.end)]
        sizes = ("temp_size_in_bytes", "argument_size_in_bytes", "output_size_in_bytes")
        return max(sum(getattr(one, size) for size in sizes) - one.alias_size_in_bytes for one in told if one)


def _begin(like: Params, searches: Searches, args: tuple[Any, ...], start: Params) -> Turn:
    problem, form = searches.of(args, like)
    return first_turn(searches.method, problem, start if form is None else form.pack(start), searches.stop)


def _refill(
    like: Params, searches: Searches, args: tuple[Any, ...], turn: Turn, start: Params, fresh: jax.Array
) -> Turn:
    return where(fresh, _begin(like, searches, args, start), turn)


def _go(like: Params, searches: Searches, args: tuple[Any, ...], turn: Turn) -> Turn:
    problem, _ = searches.of(args, like)
    return solve(searches.method, problem, searches.stop, turn, turn.evaluations + TURNS)


def _end(like: Params, searches: Searches, args: tuple[Any, ...], turn: Turn) -> Solution:
    """The solution of a search, at the best point that it has accepted."""
    _, form = searches.of(args, like)
    last, best = turn.iterate, turn.best
    lower = best.value < last.point.value - rounding(last.point.value)  # or the last is as good, and more stationary
    norm = jnp.where(lower, global_norm(best.grad), last.optimality)
    point = where(lower, best, last.point)
    return turn._replace(iterate=last._replace(point=point, optimality=norm)).solution(form)
