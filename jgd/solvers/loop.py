"""The loop under every solver: evaluate the trial, let the method advance, and look at the rules of `Stop`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.core.stop import Stop, Watch
from jgd.core.tree import cast_like, global_norm, ratio, where
from jgd.core.types import Params
from jgd.solvers.methods.method import Iterate, Method, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.vector import Trees, Vector
from jgd.solvers.solution import History, Solution

MAX_STEPS = 10_000
MAX_EVALUATIONS = 100_000
UNBOUNDED = -1e20
"""A value below this is taken for minus infinity."""


class Turn(NamedTuple):
    """The state of the loop between two evaluations. Under `vmap` every leaf has a leading axis."""

    iterate: Iterate
    watch: Watch
    first_norm: jax.Array  # f[], the optimality of the start
    best: Any  # the accepted Point with the least value, where it was asked for; else None
    steps: jax.Array  # i32[], steps that were accepted
    evaluations: jax.Array  # i32[]
    status: jax.Array  # i32[], `Status.RUNNING` as long as it goes on
    history: Any  # a History, or None

    def solution(self, form: Vector | Trees) -> Solution:
        """Return the solution so far, of parameters that are trees or vectors of a form."""
        point = self.iterate.point
        return Solution(
            form.unpack(point.params),
            point.value,
            self.iterate.optimality,
            self.steps,
            self.status,
            point.aux,
            self.evaluations,
            self.history,
            point.residual,
            multipliers=point.multipliers,
        )


def first_turn(
    method: Method, problem: Objective, params: Params, stop: Stop, recorded: int = 0, keep_best: bool = False
) -> Turn:
    """Begin, with the start moved inside the bounds. `recorded` is how many evaluations the history holds, or 0."""
    iterate, zero = method.before(problem, problem.inside(params)), jnp.zeros((), jnp.int32)
    history = History.empty(recorded, iterate.point.value.dtype) if recorded else None
    best = iterate.point if keep_best else None
    return Turn(iterate, stop.begin(), iterate.optimality, best, zero, zero, status(Status.RUNNING), history)


def next_turn(method: Method, problem: Objective, stop: Stop, turn: Turn) -> Turn:
    """Evaluate the trial of a turn that is running, at first the start, and decide what comes next."""
    old, first = turn.iterate, turn.evaluations == 0
    new, cost = method.evaluate(problem, old)
    iterate = cast_like(method.turn(problem, old, cast_like(new, old.point), first), old)
    history = turn.history
    if history is not None:
        history = history.put(turn.evaluations, new.value, iterate.optimality, iterate.accepted)
    best = turn.best
    if best is not None:
        best = where(first | (iterate.accepted & (iterate.point.value < best.value)), iterate.point, best)
    turn = turn._replace(
        iterate=iterate,
        first_norm=jnp.where(first, iterate.optimality, turn.first_norm),
        best=best,
        steps=turn.steps + (iterate.accepted & ~first),
        evaluations=turn.evaluations + cost,
        history=history,
    )
    return _judge(problem, stop, turn, old.point)


def solve(method: Method, problem: Objective, stop: Stop, turn: Turn, until: Any = None) -> Turn:
    """Go on until a rule holds, or for at most `until` evaluations in all."""

    def going(turn: Turn) -> jax.Array:
        running = turn.status == Status.RUNNING
        return running if until is None else running & (turn.evaluations < until)

    return jax.lax.while_loop(going, lambda turn: cast_like(next_turn(method, problem, stop, turn), turn), turn)


def _judge(problem: Objective, stop: Stop, turn: Turn, last: Point) -> Turn:
    """Return the rules at the point of a turn. Those that look at steps see accepted ones alone.

    Where constraints are missed, by more than rounding and the threshold for the gradient, nothing has converged.
    """
    iterate, point = turn.iterate, turn.iterate.point
    finite, running = is_finite(point), status(Status.RUNNING)
    watch, code = stop.check(
        turn.watch,
        value=point.value,
        gradient_norm=iterate.optimality,
        finite=finite,
        first_norm=turn.first_norm,
        **_sizes_of_step(stop, turn, last),
    )
    unbounded = point.value < UNBOUNDED
    if problem.constraints is not None:
        feasible = problem.is_feasible(point, 0.0 if stop.gradient_norm is None else stop.gradient_norm)
        code = jnp.where(feasible | ~finite | (code == Status.PLATEAU), code, running)
        unbounded = unbounded & feasible
    # Where several hold, the last of these says why it ends.
    spent = turn.evaluations >= (stop.max_evaluations or MAX_EVALUATIONS)
    why = jnp.where(turn.steps >= (stop.max_steps or MAX_STEPS), status(Status.MAX_STEPS), running)
    why = jnp.where(spent, status(Status.MAX_EVALUATIONS), why)
    why = jnp.where(iterate.status == running, why, iterate.status)
    why = jnp.where(unbounded, status(Status.UNBOUNDED), why)
    why = jnp.where((iterate.accepted & (code != running)) | ~finite, code, why)
    return turn._replace(watch=where(iterate.accepted, watch, turn.watch), status=why)


def _sizes_of_step(stop: Stop, turn: Turn, last: Point) -> dict[str, jax.Array]:
    """Return how far the step from the last point went, and by how much the value changed, where `stop` asks for it."""
    point, sizes = turn.iterate.point, {}
    if stop.step_norm is not None or stop.relative_step_norm is not None:
        step = global_norm(jax.tree.map(jnp.subtract, point.params, last.params))
        sizes["step_norm"] = jnp.where(turn.steps > 0, step, jnp.inf)
        sizes["params_norm"] = global_norm(point.params)
    if stop.value_change is not None:
        size = jnp.maximum(jnp.abs(point.value), jnp.abs(last.value))
        sizes["change"] = jnp.where(turn.steps > 0, ratio(jnp.abs(point.value - last.value), size), jnp.inf)
    return sizes
