"""Least squares by damped Gauss-Newton steps: Levenberg and Marquardt's method in Moré's form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record, static
from jgd.core.status import Status
from jgd.core.tree import cast_like
from jgd.core.types import Scalar
from jgd.solvers.methods.bounds import steepest
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.linear_model import LinearModel, columns_of, scaled_gradient_norm
from jgd.solvers.methods.method import Iterate, Method, at_start, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import UNKNOWN

LEAST_RATIO = 1e-4
"""Of the model's decrease, for a step to be accepted."""
NEAR = 100
"""Within how many roundings, of the value or of the parameters, a solution is near, if no step lowers the value."""


class TrustedModel(NamedTuple):
    """The model about the accepted point, where it is trusted, and the step that is being tried."""

    model: LinearModel
    columns: jax.Array  # f[n], the largest norms of the Jacobian's columns so far
    radius: jax.Array  # f[]
    step: jax.Array  # f[n], in the model's scale
    damping: jax.Array  # f[], 0 where the step does not reach the radius


class DampedGaussNewton(Method):
    """d = scale * z, where z minimizes |A z + r|^2 / 2 among |z| <= radius, A = J scale.

    `scale` is by default 1 over the largest norm that the parameter's column of J has had, so that the method does not
    depend on the parameters' units. A step is accepted where the value falls by 1e-4 of what the model says. Below a
    quarter the radius becomes 0.1 to 0.5 of the step, by the parabola through what was evaluated; above three quarters
    twice the step (Moré 1978, "The Levenberg-Marquardt algorithm"). A trial that is not finite counts as one that is
    too high.

    The optimality is |J_j'r| / |J_j| over the parameters. It ends with PRECISION where the model can lower the value by
    no more than a unit of rounding, or where a step changes no parameter beyond its own rounding and a hundred
    roundings are all that is left: of the parameters in the full step, or of the value in one along each parameter,
    |g_j d_j|; with TRUST_REGION where more is.
    """

    takes = needs = frozenset({"residual"})
    factor: Scalar

    def linearize(self, problem: Objective, point: Point, columns: jax.Array) -> LinearModel:
        """Return the model about a point."""
        return LinearModel.of(1 / columns, point.jacobian / columns[None], point.residual)

    def choose(
        self, problem: Objective, point: Point, model: LinearModel, radius: jax.Array, optimality: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Return the step in the model's scale, and its damping."""
        return model.within(radius)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate, without an evaluation."""
        columns, size = jnp.zeros_like(point.grad), jnp.zeros_like(point.value)
        region = TrustedModel(self.linearize(problem, point, columns), columns, size, columns, size)
        return at_start(point, point.params, region)

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Accept or reject the trial, and try the next step."""
        old, (model, columns, radius, step, damping) = iterate.point, iterate.memory
        fell = jnp.where(is_finite(new), old.value - new.value, -jnp.inf)
        expected, slope, length = -model.change(step), -model.slope(step), jnp.linalg.norm(step)
        ratio = fell / jnp.where(expected > 0, expected, 1.0)
        accepted = first | (ratio > LEAST_RATIO)
        short = jnp.clip(slope / (2 * (slope - fell)), 0.1, 0.5) * length
        long = jnp.where((ratio >= 0.75) | (damping == 0), self.widened(radius, length), radius)
        radius = jnp.where(ratio <= 0.25, short, long)

        def accept() -> tuple[Point, jax.Array, LinearModel, jax.Array]:
            norms = columns_of(new.jacobian)
            larger = jnp.maximum(columns, norms)
            return new, larger, self.linearize(problem, new, larger), scaled_gradient_norm(problem, new, norms)

        kept = (old, columns, model, iterate.optimality)
        point, columns, model, optimality = jax.lax.cond(accepted, lambda: cast_like(accept(), kept), lambda: kept)
        size = model.size(point.params)
        radius = jnp.where(first, self.factor * jnp.where(size > 0, size, 1.0), radius)
        step, damping = self.choose(problem, point, model, radius, optimality)
        trial = self.placed(problem, point, problem.inside(point.params + model.scale * step))
        region = TrustedModel(model, columns, radius, step, damping)
        return Iterate(point, trial, accepted, optimality, self._status(problem, point, model, trial), region)

    def widened(self, radius: jax.Array, length: jax.Array) -> jax.Array:
        """Return the radius after a good step of this length."""
        return 2 * length

    def placed(self, problem: Objective, point: Point, trial: jax.Array) -> jax.Array:
        """Return the trial, or what is better than that within rounding."""
        return trial

    def _status(self, problem: Objective, point: Point, model: LinearModel, trial: jax.Array) -> jax.Array:
        """Tell why it ends with this trial, if it does."""
        x, size, eps = point.params, model.size(point.params), float(jnp.finfo(trial.dtype).eps)
        smallest = jnp.maximum(jnp.abs(x), eps * size * model.scale)  # where a parameter is 0, its unit is the model's
        stuck = jnp.all(jnp.abs(trial - x) <= eps / 2 * smallest)
        along = jnp.abs(point.grad) @ jnp.abs(steepest(problem, point, 1 / columns_of(point.jacobian) ** 2))
        near = (model.step_norm() <= NEAR * eps * size) | (along <= NEAR * rounding(point.value))
        flat = UNKNOWN * model.most() <= rounding(point.value)
        why = jnp.where(stuck, status(Status.TRUST_REGION), status(Status.RUNNING))
        return jnp.where(flat | (stuck & near), status(Status.PRECISION), why)


@record
class LevenbergMarquardt(DampedGaussNewton):
    """Solve damped linearised least squares problems within a radius.

    (J'J + lambda D'D) d = -J'r, with lambda such that |D d| is at most a radius (Levenberg 1944, Moré 1978).

    D are the largest norms that J's columns have had. The method for least squares without bounds. `factor` is the
    first radius in units of |D x|; make it 1 or 0.1 where the first step leaves the function's domain. With `geodesic`,
    half the geodesic acceleration is added to each step where it is at most 3/8 of it (Transtrum & Sethna 2012,
    arXiv:1201.5885): an evaluation more at every trial, and fewer trials in narrow curved valleys.
    A turn costs 2 m n^2 + 20 n^3 operations, and f[m, n] numbers of memory.
    """

    geodesic: bool = static(default=False)
    factor: Scalar = hyper(default=100.0, interval="(0, inf)")

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the point at the trial, which the acceleration has bent."""
        if not self.geodesic:
            return super().evaluate(problem, iterate)
        x, region = iterate.point.params, iterate.memory
        model, d = region.model, iterate.trial - x

        def velocity(x: jax.Array) -> jax.Array:
            return jax.jvp(lambda x: problem.fn(x)[0], (x,), (d,))[1]

        acceleration = jax.jvp(velocity, (x,), (d,))[1]
        if problem.loss is not None:
            acceleration = problem.loss.weights(problem.fn(x)[0])[1] * acceleration
        bend = model.inverse(-model.scale * (acceleration @ iterate.point.jacobian), region.damping)
        small = 2 * jnp.linalg.norm(bend) <= 0.75 * jnp.linalg.norm(region.step)
        trial = iterate.trial + jnp.where(small, model.scale * bend / 2, 0.0)
        return problem.evaluate(trial), jnp.where(region.radius > 0, 2, 1)  # 0 before the start is evaluated


levenberg_marquardt = LevenbergMarquardt
