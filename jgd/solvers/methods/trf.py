"""Least squares inside bounds: the reflective trust region of Branch, Coleman and Li."""

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.types import Scalar
from jgd.solvers.methods.levenberg_marquardt import DampedGaussNewton
from jgd.solvers.methods.linear_model import LinearModel
from jgd.solvers.methods.objective import Objective, Point

BACK = 0.995
"""The least share of the way to a bound that a step may go."""
CLOSE = 4
"""Within how many rounding units of a bound a step may end, and not on it."""


@record
class TRF(DampedGaussNewton):
    """Solve bounded least squares problems inside their bounds.

    Levenberg-Marquardt in variables that a bound's distance scales (Branch, Coleman & Li 1999).

    D = diag(sqrt(v) / |J_j|), where v is |J_j| times the distance to the bound that -g points at, and 1 where it points
    at none; the model has |g| / |J_j| on its diagonal besides, for the bounds' sake. Of the step cut short at the
    bound, the same reflected there, and the gradient's, the one is taken that the model likes most. Iterates stay
    strictly inside until four rounding units are left to the bound that -g points at, and then lie on it. `factor` is
    the first radius in units of |D^-1 x|. Without bounds it is `levenberg_marquardt` with another first radius. A turn
    costs 2 (m + n) n^2 + 20 n^3 operations.
    """

    factor: Scalar = hyper(default=1.0, interval="(0, inf)")
    takes = frozenset({"residual", "bounds"})

    def linearize(self, problem: Objective, point: Point, columns: jax.Array) -> LinearModel:
        """Return the model in the scaled variables."""
        if problem.lower is None:
            return super().linearize(problem, point, columns)
        x, g = point.params, point.grad
        room = jnp.where(g < 0, problem.upper - x, x - problem.lower)
        bounded = (g != 0) & jnp.isfinite(room)
        scale = jnp.sqrt(jnp.where(bounded, jnp.maximum(room, 0.0) * columns, 1.0)) / columns
        barrier = jnp.sqrt(jnp.where(bounded, jnp.abs(g) / columns, 0.0))
        matrix = jnp.concatenate([point.jacobian * scale[None], jnp.diag(barrier)])
        return LinearModel.of(scale, matrix, jnp.concatenate([point.residual, jnp.zeros_like(x)]))

    def choose(
        self, problem: Objective, point: Point, model: LinearModel, radius: jax.Array, optimality: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Return the best of three steps inside the bounds."""
        z, damping = super().choose(problem, point, model, radius, optimality)
        if problem.lower is None:
            return z, damping
        share = optimality / jnp.sqrt(jnp.maximum(2 * point.value, jnp.finfo(z.dtype).tiny))
        theta = jnp.maximum(BACK, 1 - share)

        def reach(x: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
            """Return the longest step along z inside the bounds, and at which variables it ends."""
            d = model.scale * z
            room = jnp.where(d > 0, problem.upper - x, x - problem.lower)
            steps = jnp.where(d != 0, jnp.maximum(room, 0.0) / jnp.where(d != 0, jnp.abs(d), 1.0), jnp.inf)
            return jnp.min(steps), (steps == jnp.min(steps)) & (d != 0)

        longest, hits = reach(point.params, z)
        cut, mirrored = jnp.minimum(longest, 1.0), jnp.where(hits, -z, z)
        edge = cut * z
        onward = reach(point.params + model.scale * edge, mirrored)[0]
        sphere = _to_sphere(edge, mirrored, radius)
        least, most = (1 - theta) * cut / jnp.minimum(onward, sphere), jnp.minimum(theta * onward, sphere)
        reflected = edge + _lowest(model, edge, mirrored, least, most) * mirrored
        reflected = jnp.where(least <= most, reflected, 0.0)
        down, zero = -(model.singular * model.along) @ model.right, jnp.zeros_like(z)
        most = jnp.minimum(theta * reach(point.params, down)[0], _to_sphere(zero, down, radius))
        steepest = _lowest(model, zero, down, jnp.zeros_like(most), most) * down
        steps = jnp.stack([theta * edge, reflected, steepest])
        best = steps[jnp.argmin(jax.vmap(model.change)(steps))]
        return jnp.where(longest > 1, z, best), jnp.where(longest > 1, damping, 1.0)

    def placed(self, problem: Objective, point: Point, trial: jax.Array) -> jax.Array:
        """Return the trial on the bounds that only rounding parts it from."""
        if problem.lower is None:
            return trial
        bound = jnp.where(point.grad < 0, problem.upper, problem.lower)
        left = jnp.abs(bound - trial) <= CLOSE * jnp.finfo(trial.dtype).eps * jnp.abs(bound)
        return jnp.where(left & jnp.isfinite(bound), bound, trial)

    def widened(self, radius: jax.Array, length: jax.Array) -> jax.Array:
        """Return one that is never smaller, since a bound may have cut the step short."""
        return jnp.maximum(radius, 2 * length)


trf = TRF


def _to_sphere(start: jax.Array, z: jax.Array, radius: jax.Array) -> jax.Array:
    """Return the t >= 0 at which start + t z leaves the sphere."""
    a, b, c = z @ z, start @ z, jnp.minimum(start @ start - radius**2, 0.0)
    root = jnp.sqrt(b * b - a * c)
    return jnp.where(b > 0, -c / (b + root), (root - b) / jnp.where(a > 0, a, 1.0))


def _lowest(model: LinearModel, start: jax.Array, z: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Return the t in [low, high] at which the model is least along start + t z; `low` where there is none."""
    curvature, slope = model.product(z, z), model.product(start, z) + model.slope(z)
    t = jnp.where(curvature > 0, -slope / jnp.where(curvature > 0, curvature, 1.0), jnp.where(slope < 0, high, low))
    return jnp.clip(t, low, jnp.maximum(low, high))
