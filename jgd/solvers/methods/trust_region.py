"""Trust regions: minimize a model of the objective within a radius that its predictions earn."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import FALLS, Iterate, Method, at_start, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import MOST_STALLS, Stalls


class Region(NamedTuple):
    """A model, and the step that is being tried."""

    model: Any
    step: jax.Array  # f[n]
    predicted: jax.Array  # f[], by how much the step lowers the model
    radius: jax.Array  # f[], how far the model is trusted; 0 before the start is evaluated
    stalls: Stalls


@record
class TrustRegion(Method):
    """x+ = x + d, d of least m(d) with |d| <= radius; the ratio (f - f+) / (m(0) - m(d)) decides.

    It is taken where the ratio is above `accept`. A ratio below 1/4 shrinks the radius to a part of |d|, of at least
    `shrink`; one above 3/4 at the boundary lets it grow to `grow` |d|, without an end. A trial that is not finite
    shrinks it. The `radius` of the start is by default the length of the steepest descent that minimizes the model, or
    where that has no minimum min(1, |g|).

    Ten rounding units of f are added to both parts of the ratio (Conn, Gould & Toint 2000, 17.4.2), and where the model
    promises no more than those, the gradient must get smaller. Where a step is at most sqrt(eps) |x|, slopes tell the
    change of the value, d'(g + g+) / 2, if values agree with that but for the rounding of those at the start. It ends
    where no step is taken, or where ten in a row together lower neither f, beyond its rounding, nor the gradient by a
    tenth: with PRECISION where all that the model promised since is rounding of f, with TRUST_REGION where it was more.
    A method of this kind is a record with `model` and `solve`.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"hess"})

    radius: Scalar | None = hyper(default=None, interval="(0, inf)")
    accept: Scalar = hyper(default=1e-4, interval="[0, 0.25)")
    shrink: Scalar = hyper(default=0.1, interval="(0, 0.5]")
    grow: Scalar = hyper(default=2.0, interval="(1, inf)")

    unknown: ClassVar[float] = 1.0  # how many times what its model promises may be left to gain

    def model(self, problem: Objective, point: Point) -> Any:
        """Describe the curvature at a point that was accepted."""
        raise NotImplementedError

    def solve(self, problem: Objective, model: Any, point: Point, radius: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the step f[n] and the decrease of the model f[]."""
        raise NotImplementedError

    def along(self, problem: Objective, model: Any, point: Point, direction: jax.Array) -> jax.Array:
        """Return the curvature along a direction at the start: d'Bd, f[]."""
        return direction @ problem.curvature(point.params)(direction)

    def optimality(self, model: Any, point: Point) -> jax.Array:
        """Return the norm that is 0 at a solution."""
        return jnp.linalg.norm(point.grad)

    def learn(self, problem: Objective, region: Region, old: Point, new: Point, accepted: jax.Array) -> Any:
        """Return the model after a trial: another only where that was accepted."""
        return jax.lax.cond(accepted, lambda: self.model(problem, new), lambda: region.model)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate."""
        zero, model = jnp.zeros_like(point.value), self.model(problem, point)
        return at_start(point, point.params, Region(model, point.params, zero, zero, Stalls.none(zero, zero)))

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Take the step or stay, and aim anew."""
        old, region = iterate.point, iterate.memory
        noise, rise = rounding(old.value), self._rise(old, new, region)
        finite, small = is_finite(new), region.predicted <= noise
        ratio = jnp.where(finite, (noise - rise) / (region.predicted + noise), -jnp.inf)
        falls = jnp.linalg.norm(new.grad) < FALLS * jnp.linalg.norm(old.grad)
        accepted = first | (finite & (ratio > self.accept) & (falls | (~small & (rise < 0))))
        length, size = jnp.linalg.norm(region.step), jnp.linalg.norm(old.params)
        lost = ~accepted & (small | (length <= jnp.finfo(size.dtype).eps * size))
        stalls = where(accepted, region.stalls.after(new.value, jnp.linalg.norm(new.grad)), region.stalls)
        stalls = where(first, Stalls.none(new.value, jnp.linalg.norm(new.grad)), stalls)
        over = lost | (stalls.count >= MOST_STALLS)
        why = stalls.status(where(accepted, new, old).value, otherwise=Status.TRUST_REGION)
        slope = jnp.minimum(old.grad @ region.step, 0.0)
        part = jnp.where(finite, -slope / (2 * (rise - slope)), 0.0)  # where the parabola through both is lowest
        shorter = jnp.clip(jnp.nan_to_num(part), self.shrink, 0.5)
        good = jnp.where(accepted, ratio, -jnp.inf)
        model = cast_like(self.learn(problem, region, old, new, accepted), region.model)
        radius = jax.lax.cond(
            first,
            lambda: jnp.asarray(self.first_radius(problem, model, new), size.dtype),
            lambda: self.resized(region, good, length, shorter).astype(size.dtype),
        )
        region = region._replace(model=model, radius=radius, stalls=stalls)
        return self._aim(
            problem,
            Iterate(
                where(accepted, new, old),
                iterate.trial,
                accepted,
                iterate.optimality,
                jnp.where(over, why, status(Status.RUNNING)),
                region,
            ),
        )

    def _rise(self, old: Point, new: Point, region: Region) -> jax.Array:
        """Tell by how much the value of a trial is higher, f[]."""
        rise, by_slopes = new.value - old.value, region.step @ (old.grad + new.grad) / 2
        eps = float(jnp.finfo(rise.dtype).eps)
        short = jnp.linalg.norm(region.step) <= eps**0.5 * jnp.linalg.norm(old.params)
        agree = jnp.abs(rise - by_slopes) <= rounding(jnp.maximum(jnp.abs(old.value), region.stalls.scale))
        return jnp.where(short & agree, by_slopes, rise)

    def resized(self, region: Region, ratio: jax.Array, length: jax.Array, shorter: jax.Array) -> jax.Array:
        """Return the next radius, after a step of this length; `shorter` is the part of it to try after a bad one."""
        longer = jnp.maximum(region.radius, self.grow * length)
        return jnp.where(ratio < 0.25, shorter * length, jnp.where(ratio > 0.75, longer, region.radius))

    def first_radius(self, problem: Objective, model: Any, point: Point) -> Any:
        """Return the radius of the start."""
        if self.radius is not None:
            return self.radius
        norm = jnp.linalg.norm(point.grad)
        unit = point.grad / jnp.where(norm == 0, 1.0, norm)
        curvature = self.along(problem, model, point, unit)
        convex = (curvature > 0) & (norm > 0)
        away = jnp.where(norm > 0, jnp.minimum(1.0, norm), 1.0)
        return jnp.where(convex, norm / jnp.where(convex, curvature, 1.0), away)

    def _aim(self, problem: Objective, iterate: Iterate) -> Iterate:
        """Return the step from the point of the iterate."""
        point, region = iterate.point, iterate.memory
        step, predicted = self.solve(problem, region.model, point, region.radius)
        stalls = region.stalls.along(jnp.where(iterate.accepted, self.unknown * predicted, 0.0))
        return iterate._replace(
            trial=point.params + step,
            optimality=self.optimality(region.model, point),
            memory=region._replace(step=step, predicted=predicted, stalls=stalls),
        )
