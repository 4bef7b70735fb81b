"""The augmented Lagrangian: constraints as a penalty whose multipliers are learned, around a method that has none."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import Kind
from jgd.core.errors import InputError
from jgd.core.record import hyper, part, record
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.constraint_rows import ConstraintRows
from jgd.solvers.methods.limited_memory import LBFGSB
from jgd.solvers.methods.method import Iterate, Method, is_finite, status
from jgd.solvers.methods.objective import Objective, Point

LARGEST = 1e20  # that a multiplier may be
ENOUGH = 0.5  # a round that leaves more of the violation raises the penalty
SAME = 0.99  # a round that leaves more has not lowered the violation
MOST_IDLE = 4  # rounds in a row that lower nothing

INNER = Kind(
    "be a method for smooth functions, such as jgd.lbfgsb() or jgd.bfgs()",
    lambda x: isinstance(x, Method) and not x.needs and "residual" not in x.takes and "constraints" not in x.takes,
)


class PenaltyRound(NamedTuple):
    """The minimization of one augmented Lagrangian."""

    inner: Iterate  # of the inner method, with the Lagrangian's values, and (f, aux) as its aux
    multipliers: jax.Array  # f[m]
    penalty: jax.Array  # f[]
    tol: jax.Array  # f[], the gradient's norm at which the round ends
    missed: jax.Array  # f[], the violation, or the complementarity, at the end of the last round
    least: jax.Array  # f[], the optimality, the least so far
    idle: jax.Array  # i32[], rounds in a row that lowered neither
    begins: jax.Array  # bool[], the trial is the first of the round
    start: jax.Array  # f[n], where the round began
    floor: jax.Array  # f[], a value below it is taken for minus infinity


@record
class AugmentedLagrangian(Method):
    """Minimize L(x) = f + rho/2 |c + y/rho - P(c + y/rho)|^2 - |y|^2 / 2 rho, then y+ = rho (c + y/rho - P(c + y/rho)).

    (Hestenes 1969; Powell 1969; Rockafellar 1973.) P clips to the limits of the constraints. Bounds are left to
    `inner`, and never left by it. rho is multiplied by `increase_factor` where a round leaves more than half of |y+ -
    y| / rho, unless its own tolerance is the cause; its first value, `penalty`, is by default 2 max(1, |f|) /
    |missed|^2 within 1e-6 and 10 (Birgin & Martínez 2014). A round ends where the gradient's norm is at most a
    tolerance, which is divided by ten with every round. The optimality is the norm of x - P(x - g - J'y+) and c - P(c +
    y+): stationarity, feasibility and complementarity. It ends with INFEASIBLE where several rounds with growing
    penalties leave the constraints as they were. For many parameters and constraints: no Jacobian is formed. A round
    costs one evaluation besides those of `inner`; memory as that of `inner`. For solutions to many digits in few
    evaluations take `sqp`.
    """

    takes = frozenset({"bounds", "constraints"})
    inner: Method = part(default=LBFGSB(), expect=INNER)
    penalty: Scalar | None = hyper(default=None, interval="(0, inf)")
    increase_factor: Scalar = hyper(default=10.0, interval="(1, inf)")

    def evaluate_start(self, problem: Objective, params: jax.Array) -> Point:
        """Return the start, under the first penalty and multipliers of 0."""
        return self._evaluate(problem, params, None)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the trial, whose gradient is that of the augmented Lagrangian."""
        return self._evaluate(problem, iterate.trial, iterate.memory), jnp.ones((), jnp.int32)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate, and the first round's numbers."""
        if problem.lower is not None and "bounds" not in self.inner.takes:
            raise InputError(
                f"augmented_lagrangian(inner={type(self.inner).__name__}): it does not take bounds=; pass one that "
                "does, such as jgd.lbfgsb()."
            )
        y, rows = jnp.zeros_like(point.constraint), problem.rows
        rho = self._first_penalty(rows, point.value, point.constraint)
        lagrangian = _Lagrangian(problem, y, rho)
        inner = self.inner.begin(lagrangian.objective, lagrangian.seen(point))
        size, optimality = _sizes(problem, point)
        missed, zero = jnp.max(jnp.abs(rows.residual(point.constraint, y)), initial=0.0), jnp.zeros((), jnp.int32)
        tol = (0.1 if y.size else 0.0) * jnp.where(size > 0, size, 1.0)  # without constraints, one round
        memory = PenaltyRound(
            inner, y, rho, tol, missed, optimality, zero, jnp.array(False), point.params, _floor(point.value)
        )
        return Iterate(point, point.params, jnp.array(True), optimality, status(Status.RUNNING), memory)

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Return the next trial of the inner method, or the first of the next round."""
        now: PenaltyRound = where(first, cast_like(self.begin(problem, new).memory, iterate.memory), iterate.memory)
        lagrangian, begins = _Lagrangian(problem, now.multipliers, now.penalty), first | now.begins
        inner = self.inner.turn(lagrangian.objective, now.inner, lagrangian.seen(new), begins)
        inner = cast_like(inner, now.inner)
        point = inner.point._replace(value=inner.point.aux[0], aux=inner.point.aux[1])
        size, optimality = _sizes(problem, point)
        diverges = (~is_finite(inner.point) | (inner.point.value < now.floor)) & ~first
        over = ((inner.status != Status.RUNNING) | (size <= now.tol) | diverges) & ~first
        accepted = (inner.accepted & ~begins & ~diverges) | first
        going = Iterate(
            where(diverges, iterate.point, point), inner.trial, accepted, optimality, status(Status.RUNNING),
            now._replace(inner=inner, begins=jnp.array(False)),
        )  # fmt: skip
        return where(over, self._next_round(problem, going, diverges), going)

    def _next_round(self, problem: Objective, iterate: Iterate, diverges: jax.Array) -> Iterate:
        """Return the round after the one that has ended, from its point, or from its start where it diverges."""
        now, point, rows = iterate.memory, iterate.point, problem.rows
        y = jnp.where(diverges, now.multipliers, jnp.clip(point.multipliers, -LARGEST, LARGEST))
        missed = jnp.max(jnp.abs(y - now.multipliers), initial=0.0) / now.penalty
        limit = jnp.finfo(y.dtype).eps ** (-2 / 3) * jnp.maximum(1.0, jnp.abs(point.value))
        least = jnp.maximum(now.tol / now.penalty, jnp.finfo(y.dtype).eps ** 0.5)  # below it, the rest is the round's
        slow = (missed > ENOUGH * now.missed) & (missed > least)
        raised = (diverges | slow) & (now.penalty <= limit)
        better = (missed < SAME * now.missed) | (iterate.optimality < SAME * now.least)
        idle = jnp.where(better | diverges, 0, now.idle + 1)
        feasible = rows.is_feasible(point.constraint)
        spent = slow & (now.penalty > limit) & ~feasible
        end = jnp.where(now.inner.status == Status.RUNNING, status(Status.RUNNING), now.inner.status)
        end = jnp.where(feasible, end, status(Status.INFEASIBLE))
        end = jnp.where((idle >= (MOST_IDLE if y.size else 0)) | spent, end, status(Status.RUNNING))
        trial = jnp.where(diverges, now.start, point.params)
        return iterate._replace(
            trial=trial,
            status=end,
            memory=now._replace(
                multipliers=y,
                penalty=jnp.where(raised, self.increase_factor * now.penalty, now.penalty),
                tol=0.1 * now.tol,
                missed=jnp.where(diverges, now.missed, missed),
                least=jnp.minimum(now.least, iterate.optimality),
                idle=idle,
                begins=jnp.array(True),
                start=trial,
                floor=jnp.where(diverges, now.floor, _floor(point.value)),
            ),
        )

    def _evaluate(self, problem: Objective, params: jax.Array, now: PenaltyRound | None) -> Point:
        def both(x: jax.Array) -> tuple[tuple[jax.Array, jax.Array], Any]:
            value, aux = problem.fn(x)
            return (value, problem.rows.fn(x)), aux

        (value, c), backward, aux = jax.vjp(both, params, has_aux=True)
        y, rho = jnp.zeros_like(c), self._first_penalty(problem.rows, value, c)
        if now is not None:  # its penalty is 0 before the start
            y, rho = now.multipliers, jnp.where(now.penalty > 0, now.penalty, rho)
        estimate = _estimate(problem.rows, c, y, rho)
        (grad,) = backward((jnp.ones_like(value), estimate))
        return Point(params, value, grad, aux, constraint=c, multipliers=estimate)

    def _first_penalty(self, rows: ConstraintRows, value: jax.Array, c: jax.Array) -> jax.Array:
        if self.penalty is not None:
            return jnp.asarray(self.penalty, value.dtype)
        missed = jnp.sum(rows.violation(c) ** 2)
        return jnp.clip(2 * jnp.maximum(1.0, jnp.abs(value)) / jnp.maximum(missed, 1e-6), 1e-6, 10.0)


augmented_lagrangian = AugmentedLagrangian


class _Lagrangian:
    """The augmented Lagrangian of a round, as the inner method sees it."""

    def __init__(self, problem: Objective, multipliers: jax.Array, penalty: jax.Array) -> None:
        self.problem, self.y, self.rho = problem, multipliers, penalty

    def value(self, f: jax.Array, c: jax.Array) -> jax.Array:
        """Return its value, given those of the function and of the constraints."""
        estimate = _estimate(self.problem.rows, c, self.y, self.rho)
        return f + jnp.sum((estimate - self.y) * (estimate + self.y)) / (2 * self.rho)

    def seen(self, point: Point) -> Point:
        """Return a point with its value, which keeps that of f."""
        return point._replace(value=self.value(point.value, point.constraint), aux=(point.value, point.aux))

    @property
    def objective(self) -> Objective:
        """The problem without constraints."""

        def fn(x: jax.Array) -> tuple[jax.Array, None]:
            return self.value(self.problem.value(x), self.problem.rows.fn(x)), None

        return dataclasses.replace(self.problem, fn=fn, constraints=None)


def _floor(value: jax.Array) -> jax.Array:
    """Tell below what an augmented Lagrangian that began at this value has no minimum, and needs a larger penalty."""
    return -1e10 * jnp.maximum(1.0, jnp.abs(value))


def _estimate(rows: ConstraintRows, c: jax.Array, y: jax.Array, rho: jax.Array) -> jax.Array:
    """Return the multipliers after a step: rho times the distance of c + y/rho to the limits."""
    moved = c + y / rho
    return rho * (moved - jnp.clip(moved, rows.lower, rows.upper))


def _sizes(problem: Objective, point: Point) -> tuple[jax.Array, jax.Array]:
    """Return the norm of the projected gradient, and of that with the residual of the constraints."""
    size = jnp.linalg.norm(problem.projected(point.params, point.grad))
    missed = jnp.linalg.norm(problem.rows.residual(point.constraint, point.multipliers))
    return size, jnp.hypot(size, missed)
