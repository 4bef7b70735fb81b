"""Sequential quadratic programming: steps that solve a quadratic model under linearised constraints."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.eigen import eigh
from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.tree import where
from jgd.core.types import Scalar
from jgd.solvers.methods.bounds import steepest
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import FALLS, Iterate, Method, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import MOST_STALLS, UNKNOWN, Stalls
from jgd.solvers.methods.quadratic_program import QuadraticProgram, solve_quadratic_program

DAMPED = 0.2  # of the curvature along a step is kept at least (Powell 1978)
FLOOR = 1e-4  # of the largest eigenvalue of an exact Hessian, which no other falls below
WHOLE_STEP, CORRECTED, SHORTER = range(3)


class Model(NamedTuple):
    """The quadratic model at a point, and the step along its solution that is being tried."""

    B: jax.Array  # f[n, n]
    pairs: jax.Array  # i32[], how many pairs it has learned since it was the identity
    direction: jax.Array  # f[n]
    penalties: jax.Array  # f[m], of the merit function
    slope: jax.Array  # f[], of the merit function along the direction
    phase: jax.Array  # i32[], what the trial is
    step: jax.Array  # f[]
    trials: jax.Array  # i32[]
    stalls: Stalls


@record
class SequentialQuadratic(Method):
    """Solve a quadratic program under linearised constraints at each step.

    x+ = x + t d, d of least g'd + d'Bd/2 under the linearised constraints (Wilson 1963; Powell 1978).

    B is the damped BFGS matrix of the Lagrangian f + y'c; with `hess` its Hessian, those of the constraints derived,
    whose eigenvalues are replaced by their absolute values, at least 1e-4 of the largest: Newton's method, quadratic
    near a solution where it is positive definite. The quadratic program is solved by an interior point method,
    its constraints elastic by `weight`, so that contradictory ones have a solution too. t is the first of 1, a second
    order correction (Nocedal & Wright 2006, Alg. 18.3), and shorter steps, that lowers f + sum mu_i |missed c_i| by
    `slope_rtol` of what the model promises; mu_i = max(|y_i|, (mu_i + |y_i|) / 2). The optimality is the norm of
    x - P(x - g - J'y) and c - P(c + y), where P clips to the bounds and to the limits: stationarity, feasibility and
    complementarity. Where values cannot show what is promised and B is the identity, a step must lower that by a tenth.

    It ends with INFEASIBLE where no step lowers what the constraints are missed by; else where ten steps in a row
    together lower neither the merit function nor the optimality, or where no step is found with B the identity again:
    with PRECISION where ten times what the program, or a parameter alone, promised since then is rounding of the merit
    function, with LINE_SEARCH where it is more. What the identity promises counts only where no B has promised since.

    Bounds are never left, and an active one is met exactly. For up to a few hundred parameters: a step factorises about
    fifteen matrices f[n + m, n + m]. Memory: 8 (n + m) (n + 4 m) bytes in float64.
    """

    takes = frozenset({"bounds", "constraints", "hess"})
    slope_rtol: Scalar = hyper(default=1e-4, interval="(0, 0.5)")
    weight: Scalar = hyper(default=1e6, interval="[10, inf)")
    max_trials: Scalar = hyper(default=40, interval="[1, inf)", whole=True)

    def evaluate_start(self, problem: Objective, params: jax.Array) -> Point:
        """Return the start with its constraints and their Jacobian."""
        return _evaluate(problem, params)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the trial with its constraints and their Jacobian."""
        return _evaluate(problem, iterate.trial), jnp.ones((), jnp.int32)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the model with the identity as its Hessian."""
        n, x, c = point.params.size, point.params, point.constraint
        zero, none = jnp.zeros_like(point.value), jnp.zeros((), jnp.int32)
        still = Stalls.none(point.value, zero + jnp.inf)
        exact = problem.hess is not None
        B = _exact(problem, x, point.multipliers) if exact else jnp.eye(n, dtype=x.dtype)
        model = Model(B, none, jnp.zeros_like(x), jnp.zeros_like(c), zero, none, zero, none, still)
        iterate = Iterate(point, x, jnp.array(True), zero, status(Status.RUNNING), model)
        d, y = _solved(problem, point, model.B, c, self.weight)
        return self._aim(problem, iterate, d, y, none + exact)

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return the next trial from the new point, or another from the old."""
        model, old = iterate.memory, iterate.point
        before, after = _merit(problem, old, model.penalties), _merit(problem, new, model.penalties)
        promised = model.step * model.slope
        unseen = -promised <= rounding(before)
        lower = jnp.where(unseen, after <= before + rounding(before), after <= before + self.slope_rtol * promised)
        x, eps = old.params, float(jnp.finfo(old.params.dtype).eps)
        moves = (model.slope < 0) & jnp.any(jnp.abs(model.step * model.direction) > eps / 2 * jnp.abs(x))
        nearer = _optimality(problem, new._replace(multipliers=old.multipliers)) < FALLS * iterate.optimality
        accepted = lower & is_finite(new) & moves & (~unseen | (model.pairs > 0) | nearer)
        missed = jnp.any(problem.rows.violation(new.constraint) > 0)
        correct = ~accepted & (model.phase == WHOLE_STEP) & is_finite(new) & missed
        spent = ~accepted & ((model.trials >= self.max_trials) | ~moves)
        restart = spent & (model.pairs > 0)
        if problem.hess is None:
            learned, pairs = _learned(problem, model, old, new)
        else:
            exact = partial(_exact, problem, new.params, old.multipliers)
            learned, pairs = jax.lax.cond(accepted, exact, lambda: model.B), model.pairs + 1
        B = jnp.where(accepted, learned, jnp.where(restart, jnp.eye(len(learned), dtype=learned.dtype), model.B))
        pairs = jnp.where(accepted, pairs, jnp.where(restart, 0, model.pairs))
        point = where(accepted, new, old)
        shifted = new.constraint - old.jacobian @ (new.params - old.params)
        c = jnp.where(correct & ~spent, shifted, point.constraint)
        d, y = jax.lax.cond(
            accepted | correct | restart,
            lambda: _solved(problem, point, B, c, self.weight),
            lambda: (model.direction, point.multipliers),
        )
        stalls = where(accepted, model.stalls.after(after, iterate.optimality, before), model.stalls)
        aimed = iterate._replace(point=point, accepted=accepted, memory=model._replace(B=B, stalls=stalls))
        aimed = self._aim(problem, aimed, d, y, pairs)
        tried = _tried_again(problem, iterate, correct, d, after - before - promised)
        found = where(accepted | restart, aimed, tried)
        over = (spent & ~restart) | (stalls.count >= MOST_STALLS)
        why = found.memory.stalls.status(jnp.where(accepted, after, before))
        why = jnp.where(problem.rows.is_feasible(found.point.constraint), why, status(Status.INFEASIBLE))
        return found._replace(status=jnp.where(over, why, found.status))

    def _aim(self, problem: Objective, iterate: Iterate, d: jax.Array, y: jax.Array, pairs: jax.Array) -> Iterate:
        """Return the whole step of a program that was solved at the point of the iterate."""
        point, model, rows = iterate.point._replace(multipliers=y), iterate.memory, problem.rows
        penalties = jnp.maximum(jnp.abs(y), (jnp.abs(y) + model.penalties) / 2)
        now, then = rows.violation(point.constraint), rows.violation(point.constraint + point.jacobian @ d)
        slope = point.grad @ d - penalties @ (now - then)
        pull = point.grad + y @ point.jacobian
        # A program is solved to rounding of its largest numbers: what a parameter alone promises counts, too.
        alone = steepest(problem, point._replace(grad=pull), 1 / jnp.diag(model.B))
        unknown = (pairs == 0) & (model.stalls.promised > 0)  # a model's promise, which it did not keep, says more
        promised = UNKNOWN * jnp.maximum(-slope, jnp.max(-pull * alone)) / 2
        stalls = model.stalls.along(jnp.where(unknown, 0.0, promised))
        lengths = jnp.linalg.norm(point.jacobian, axis=1)
        lengths = jnp.where(lengths > 0, lengths, 1.0)
        stuck = jnp.sum(then / lengths) > (1 - 1e-6) * jnp.sum(now / lengths)
        infeasible = ~rows.is_feasible(point.constraint) & stuck
        one = jnp.ones_like(model.step)
        return iterate._replace(
            point=point,
            trial=problem.inside(point.params + d),
            optimality=_optimality(problem, point),
            status=jnp.where(infeasible, status(Status.INFEASIBLE), status(Status.RUNNING)),
            memory=model._replace(
                pairs=pairs, direction=d, penalties=penalties, slope=slope, phase=jnp.int32(WHOLE_STEP), step=one,
                trials=jnp.zeros((), jnp.int32), stalls=stalls,
            ),
        )  # fmt: skip


sqp = SequentialQuadratic


def _tried_again(problem: Objective, iterate: Iterate, correct: jax.Array, d: jax.Array, curve: jax.Array) -> Iterate:
    """Correct the iterate's trial, or shorten it: by a parabola of this curvature, or half after that."""
    model, promised = iterate.memory, iterate.memory.step * iterate.memory.slope
    best = jnp.where(curve > 0, -promised / (2 * jnp.where(curve > 0, curve, 1.0)), 0.5)
    part = jnp.clip(jnp.where(jnp.isfinite(best), best, 0.1), 0.1, 0.5)
    part = jnp.where(model.phase == CORRECTED, 0.5, part)
    step = jnp.where(correct, model.step, part * model.step)
    along = jnp.where(correct, d, step * model.direction)
    phase = jnp.where(correct, CORRECTED, SHORTER).astype(jnp.int32)
    return iterate._replace(
        trial=problem.inside(iterate.point.params + along),
        accepted=jnp.array(False),
        memory=model._replace(step=step, phase=phase, trials=model.trials + 1),
    )


def _evaluate(problem: Objective, params: jax.Array) -> Point:
    point = problem.evaluate(params)
    c, jacobian = problem.rows.with_jacobian(params)
    return point._replace(constraint=c, jacobian=jacobian, multipliers=jnp.zeros_like(c))


def _solved(
    problem: Objective, point: Point, B: jax.Array, c: jax.Array, weight: Scalar
) -> tuple[jax.Array, jax.Array]:
    """Return the step and the multipliers of the model at a point, with these values of the constraints."""
    rows, x = problem.rows, point.params
    lower = -jnp.inf if problem.lower is None else problem.lower - x
    upper = jnp.inf if problem.lower is None else problem.upper - x
    program = QuadraticProgram(
        B, point.grad, point.jacobian, rows.lower - c, rows.upper - c,
        jnp.broadcast_to(lower, x.shape), jnp.broadcast_to(upper, x.shape), jnp.asarray(weight, x.dtype),
    )  # fmt: skip
    return solve_quadratic_program(program)


def _exact(problem: Objective, x: jax.Array, multipliers: jax.Array) -> jax.Array:
    """Make the Lagrangian's Hessian positive definite: its eigenvalues' absolute values, the least ones raised."""

    def pulled(x: jax.Array) -> jax.Array:
        return multipliers @ problem.rows.fn(x)

    values, basis = eigh(problem.hessian(x) + jax.hessian(pulled)(x))
    sizes = jnp.abs(values)
    largest = jnp.max(sizes)
    sizes = jnp.where(largest > 0, jnp.maximum(sizes, FLOOR * largest), 1.0)
    return (basis * sizes[None]) @ basis.T


def _merit(problem: Objective, point: Point, penalties: jax.Array) -> jax.Array:
    """Return the l1 merit function, f + sum mu_i |missed c_i|."""
    return point.value + penalties @ problem.rows.violation(point.constraint)


def _optimality(problem: Objective, point: Point) -> jax.Array:
    """Return the norm of what stationarity, feasibility and complementarity lack at a point with its multipliers."""
    grad = problem.projected(point.params, point.grad + point.multipliers @ point.jacobian)
    return jnp.linalg.norm(jnp.concatenate([grad, problem.rows.residual(point.constraint, point.multipliers)]))


def _learned(problem: Objective, model: Model, old: Point, new: Point) -> tuple[jax.Array, jax.Array]:
    """Return B after a step, by the Lagrangian's gradient along it, damped so that it stays positive, and its pairs."""
    y, s = old.multipliers, new.params - old.params
    change = new.grad + y @ new.jacobian - old.grad - y @ old.jacobian
    curvature = s @ change
    size = jnp.where(curvature > 0, change @ change / jnp.where(curvature > 0, curvature, 1.0), 1.0)
    B = jnp.where(model.pairs == 0, size, 1.0) * model.B
    Bs = B @ s
    sBs = s @ Bs
    damped = curvature < DAMPED * sBs
    share = jnp.where(damped, (1 - DAMPED) * sBs / jnp.where(damped, sBs - curvature, 1.0), 1.0)
    r = share * change + (1 - share) * Bs
    sr = s @ r
    fine = (sr > 0) & (sBs > 0)
    B = B - jnp.outer(Bs, Bs) / jnp.where(fine, sBs, 1.0) + jnp.outer(r, r) / jnp.where(fine, sr, 1.0)
    return jnp.where(fine, B, model.B), model.pairs + fine
