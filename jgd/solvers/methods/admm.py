"""The alternating direction method of multipliers: a smooth function, and a penalty of a linear map."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import Iterate, Method, status
from jgd.solvers.methods.mixing import Mixing
from jgd.solvers.methods.objective import Objective, Point

UNBALANCED, FACTOR, ADAPTATIONS = 10.0, 2.0, 100
"""How far the residuals may be apart, what rho is then changed by, and in how many steps at most it is."""
NEWTON = 0.1
"""The share of its gradient that a step in x must leave, or another one follows before z and u move."""
MOST_NEWTON = 10
SHORTEST = 1e-10
Sizes = tuple[jax.Array, jax.Array]  # of z and of y
IDLE = 100
"""After so many steps whose residuals do not fall, where they are small, the rest is rounding."""
MEMORY = 20
"""From how many steps the next is extrapolated."""


class Splitting(NamedTuple):
    """The memory of the method."""

    x: Point
    z: jax.Array  # f[m]
    u: jax.Array  # f[m], the multipliers over rho; z is the prox of z + u
    rho: jax.Array  # f[]
    direction: jax.Array  # f[n]
    share: jax.Array  # f[], of the direction, that is tried
    slope: jax.Array  # f[], the norm of the augmented Lagrangian's gradient in x before the step
    newton: jax.Array  # i32[], steps in x since z moved
    adapted: jax.Array  # i32[]
    least: jax.Array  # f[], the least optimality so far
    idle: jax.Array  # i32[], steps since
    track: "Track"


class Track(NamedTuple):
    """The iteration of z + u as one of a fixed point, which extrapolation shortens."""

    mixing: Mixing
    point: jax.Array  # f[m], the last z + u
    residual: jax.Array  # f[m], of it; infinite before the first
    onwards: jax.Array  # f[m], where it goes without extrapolation

    @classmethod
    def begin(cls, point: jax.Array) -> "Track":
        """Return the track before the first step."""
        return cls(Mixing.none(MEMORY, point), point, jnp.full_like(point, jnp.inf), point)

    def after(self, point: jax.Array, onwards: jax.Array) -> tuple["Track", jax.Array, jax.Array]:
        """Return the track, the next point, and whether it leads on from here.

        It is extrapolated; where that has made the residual grow, it is the last plain one.
        """
        residual = onwards - point
        good = jnp.linalg.norm(residual) <= jnp.linalg.norm(self.residual)
        is_first = jnp.isinf(self.residual[:1]).all()
        longer = self.mixing.after(point - self.point, residual - self.residual)
        mixing = where(is_first, self.mixing, longer)
        kept = Track(mixing, point, residual, onwards)
        forgotten = Track.begin(self.point)._replace(onwards=self.onwards)
        following = jnp.where(is_first, onwards, onwards - mixing.correction(residual))
        return where(good, kept, forgotten), jnp.where(good, following, self.onwards), good


@record
class Admm(Method):
    """Split a problem in two parts, and minimize them by turns.

    min f(x) + h(z) where A x = z, by turns in x, in z, and in the multipliers (Boyd et al. 2011).

    x+ minimises f + rho |A x - z + u|^2 / 2 by Newton's steps on the Hessian of f, one where f is quadratic, halved
    where that sum does not fall; z+ = prox(alpha A x+ + (1 - alpha) z + u, 1 / rho); u+ = u + alpha A x+ + (1 - alpha)
    z - z+, with `relaxation` alpha. rho doubles where the primal residual |A x - z| is over 10 times the dual one,
    rho |A'(z+ - z)|, and halves in the opposite case (section 3.4.1), in the first 100 steps that ask for it; the one
    counts as a share of z, the other of y, so that units do not matter (Wohlberg 2017, arXiv:1704.06209).

    z + u determines what follows it, so that it is extrapolated from how its last 20 residuals changed (Anderson 1965;
    Zhang, O'Donoghue & Boyd 2020, arXiv:1808.03971), and taken back where that has made the residual grow. Where the
    prox is piecewise linear, as in linear programs, this is what ends.

    The optimality is the norm of |g + A'y| and |A x - z|, y = rho u, which are 0 at a solution alone for convex f. h is
    `nonsmooth`: without a `jgd.nonsmooth.compose` A is the identity, and the solution is z, which is inside a set and
    has the prox's exact zeros; its value is f(x) + g'(z - x) + h(z). Else it is x, and where h(A x) is infinite by
    rounding, h(z) stands for it. It ends with PRECISION where both residuals are rounding of what they are made of. For
    some hundred parameters: a turn costs an evaluation, n products with the Hessian, and a system of n equations.
    """

    rho: Scalar = hyper(default=1.0, interval="(0, inf)")
    relaxation: Scalar = hyper(default=1.6, interval="(0, 2)")
    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth", "composed", "hess"})
    needs: ClassVar[frozenset[str]] = frozenset({"nonsmooth"})

    def evaluate_start(self, problem: Objective, params: jax.Array) -> Point:
        """Return the start, with multipliers of 0."""
        return _evaluate(problem, params)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the trial; its multipliers are written where it is shown."""
        return _evaluate(problem, iterate.trial), jnp.ones((), jnp.int32)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the prox of A x for z, and no multipliers."""
        at, rho = problem.nonsmooth.linear(point.params), jnp.asarray(self.rho, point.grad.dtype)
        z = problem.nonsmooth.prox_beyond(at, 1 / rho)
        zero, none = jnp.zeros_like(rho), jnp.zeros((), jnp.int32)
        still = point.grad, zero, zero, none, none, zero + jnp.inf, none, Track.begin(z)
        memory = Splitting(point, z, jnp.zeros_like(z), rho, *still)
        optimality = self._residuals(problem, memory, at)[2]
        iterate = Iterate(point, point.params, jnp.array(True), optimality, status(Status.RUNNING), memory)
        return self._aimed(problem, iterate._replace(point=self._found(problem, memory, at)))

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return a shorter step in x, another of Newton's, or new z and u and the first step from there."""
        old: Splitting = iterate.memory
        before, after = self._lagrangian(problem, old, old.x), self._lagrangian(problem, old, new)
        fine = jnp.isfinite(after) & jnp.all(jnp.isfinite(new.grad)) & (after <= before + rounding(before))
        shorter = old._replace(share=old.share / 2)
        failed = (shorter.share < SHORTEST) & ~fine
        over = jnp.where(after - before <= 10 * rounding(before), status(Status.PRECISION), status(Status.LINE_SEARCH))
        tried = iterate._replace(
            trial=old.x.params + shorter.share * old.direction,
            accepted=jnp.array(False),
            status=jnp.where(failed, over, status(Status.RUNNING)),
            memory=shorter,
        )
        moved = self._moved(problem, iterate, old._replace(x=new))
        return where(fine, cast_like(moved, iterate), cast_like(tried, iterate))

    def _moved(self, problem: Objective, iterate: Iterate, at_new: Splitting) -> Iterate:
        """Return new z and u, from a new x, if it is near enough to the minimum in x."""
        old: Splitting = iterate.memory
        at = problem.nonsmooth.linear(at_new.x.params)
        slope = jnp.linalg.norm(self._slope(problem, at_new, at))
        done = (slope <= NEWTON * old.slope) | (old.newton >= MOST_NEWTON)
        relaxed = self.relaxation * at + (1 - self.relaxation) * old.z
        plain = relaxed + old.u
        z = problem.nonsmooth.prox_beyond(plain, 1 / old.rho)
        split = at_new._replace(z=z, u=plain - z)
        sizes, precise, optimality = self._residuals(problem, split, at)
        primal = jnp.linalg.norm(at - z)
        dual = old.rho * jnp.linalg.norm(problem.nonsmooth.transposed(z - old.z))
        track, following, good = old.track.after(old.z + old.u, plain)
        may = good & (split.adapted < ADAPTATIONS) & (sizes[0] > 0) & (sizes[1] > 0)
        primal, dual = primal * sizes[1], dual * sizes[0]
        grown = jnp.where(primal > UNBALANCED * dual, FACTOR, jnp.where(dual > UNBALANCED * primal, 1 / FACTOR, 1.0))
        grown = jnp.where(may, grown, 1.0)
        better = optimality < old.least
        idle = jnp.where(better, 0, old.idle + 1)
        small = optimality <= jnp.finfo(z.dtype).eps ** (2 / 3) * (1 + jnp.linalg.norm(at_new.x.grad))
        end = jnp.where(precise | ((idle >= IDLE) & small), status(Status.PRECISION), status(Status.RUNNING))
        onwards = problem.nonsmooth.prox_beyond(following, 1 / old.rho)
        same = grown == 1
        memory = split._replace(
            rho=old.rho * grown,
            z=jnp.where(same, onwards, z),
            u=jnp.where(same, following - onwards, split.u / grown),
            track=where(same, track, Track.begin(plain)),
            newton=jnp.zeros_like(old.newton),
            adapted=split.adapted + (grown != 1),
            least=jnp.minimum(optimality, old.least),
            idle=idle,
        )
        shown = where(good, (self._found(problem, split, at), optimality), (iterate.point, iterate.optimality))
        found = Iterate(shown[0], iterate.trial, good, shown[1], end, memory)
        inner = iterate._replace(accepted=jnp.array(False), memory=at_new._replace(newton=old.newton + 1))
        return self._aimed(problem, where(done, cast_like(found, iterate), cast_like(inner, iterate)))

    def _aimed(self, problem: Objective, iterate: Iterate) -> Iterate:
        """Return Newton's step in x."""
        memory: Splitting = iterate.memory
        x, rho = memory.x, memory.rho
        slope = self._slope(problem, memory, problem.nonsmooth.linear(x.params))
        gram = jax.vmap(lambda v: problem.nonsmooth.transposed(problem.nonsmooth.pushed(v)))
        matrix = problem.hessian(x.params) + rho * gram(jnp.eye(x.params.size, dtype=x.params.dtype))
        direction = -jnp.linalg.solve(matrix, slope)
        direction = jnp.where(jnp.all(jnp.isfinite(direction)), direction, -slope)
        new = memory._replace(direction=direction, share=jnp.ones_like(rho), slope=jnp.linalg.norm(slope))
        return cast_like(iterate._replace(trial=x.params + direction, memory=new), iterate)

    def _slope(self, problem: Objective, memory: Splitting, at: jax.Array) -> jax.Array:
        """Return the gradient in x of the augmented Lagrangian."""
        return memory.x.grad + memory.rho * problem.nonsmooth.transposed(at - memory.z + memory.u)

    def _lagrangian(self, problem: Objective, memory: Splitting, x: Point) -> jax.Array:
        """Return its value as a function of x."""
        gap = problem.nonsmooth.linear(x.params) - memory.z + memory.u
        return x.smooth + memory.rho * (gap @ gap) / 2

    def _residuals(self, problem: Objective, memory: Splitting, at: jax.Array) -> tuple[Sizes, jax.Array, jax.Array]:
        """Give the sizes that the residuals are to be compared with, whether both are rounding, and the optimality."""
        x, y = memory.x, problem.nonsmooth.transposed(memory.rho * memory.u)
        eps = 10 * float(jnp.finfo(x.grad.dtype).eps)
        primal, dual = jnp.linalg.norm(at - memory.z), jnp.linalg.norm(x.grad + y)
        size_of_z = jnp.maximum(jnp.linalg.norm(at), jnp.linalg.norm(memory.z))
        size_of_y = memory.rho * jnp.linalg.norm(memory.u)  # and not A'y, which is 0 where f is flat
        precise = (primal <= eps * size_of_z) & (dual <= eps * jnp.maximum(jnp.linalg.norm(x.grad), size_of_y))
        return (size_of_z, size_of_y), precise, jnp.hypot(primal, dual)

    def _found(self, problem: Objective, memory: Splitting, at: jax.Array) -> Point:
        """Return the point that is shown as the solution."""
        x, z = memory.x._replace(multipliers=memory.rho * memory.u), memory.z
        beyond = problem.nonsmooth.value_beyond(z).astype(x.value.dtype)
        if problem.nonsmooth.is_composed:
            return x._replace(value=jnp.where(jnp.isfinite(x.value), x.value, x.smooth + beyond))
        return x._replace(params=z, value=x.smooth + x.grad @ (z - x.params) + beyond)


admm = Admm


def _evaluate(problem: Objective, params: jax.Array) -> Point:
    point = problem.evaluate(params)
    return point._replace(multipliers=jnp.zeros_like(problem.nonsmooth.linear(params)))
