"""Descent along directions of a model, with a line search: what quasi-Newton methods and conjugate gradients share."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.bounds import first_step, longest_step, steepest
from jgd.solvers.methods.line_searches import LineSearch, contradiction
from jgd.solvers.methods.method import Iterate, Method, at_start, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import MOST_STALLS, UNKNOWN, Stalls
from jgd.transforms.line_search import RayPoint


class Ray(NamedTuple):
    """A direction that is being searched."""

    model: Any
    fresh: jax.Array  # bool[], the model has learned nothing, so that its direction is steepest descent
    direction: jax.Array  # f[n]
    start: RayPoint
    longest: jax.Array  # f[], the step that reaches the bounds
    step: jax.Array  # f[], the step that is being tried
    search: Any
    noise: jax.Array  # f[], by how much a trial of this search was higher where the slopes say lower
    stalls: Stalls


class Descent(Method):
    """x+ = x + t d, where d is the model's direction at x and t what the line search finds.

    A direction that does not descend, and a search that finds nothing lower, bring back the model of the start, once;
    then the method ends. So it does where ten steps in a row together lower neither the value, beyond its rounding, nor
    the gradient by a tenth. It ends with PRECISION where ten times what the model promised since the last fall, -t g'd
    / 2, is rounding of the value, and with LINE_SEARCH elsewhere: so it does after a model that began anew, until that
    has learned n steps. By how much trials are higher though slopes say lower is rounding, too; where that is too much,
    values count for nothing. A model knows no direction whose slope the gradient's rounding hides, as where curvatures
    differ by more than 1/eps: then PRECISION may be said too early. With bounds, steepest descent is P(x - g) - x, and
    its norm, of all entries together, is the optimality. A method of this kind is a record with a `line_search` and
    four functions, of which the last has a default.
    """

    line_search: LineSearch
    knows_at_once: ClassVar[bool] = False  # whether the model's direction is one to go before it has learned anything

    def direction(self, problem: Objective, model: Any, point: Point) -> jax.Array:
        """Tell where to go from a point, f[n], by a model that has learned; with bounds x + d obeys them."""
        raise NotImplementedError

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> Any:
        """Return the model after a step."""
        raise NotImplementedError

    def start(self, problem: Objective, point: Point) -> Any:
        """Return the model that has learned nothing."""
        raise NotImplementedError

    def first_step(self, model: Any, last: Ray, start: RayPoint) -> Scalar:
        """Return the first step to try on a ray that starts so, given the last ray and its step; 1 by default."""
        return 1.0

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate."""
        zero, model, fresh = jnp.zeros_like(point.value), self.start(problem, point), jnp.array(True)
        start = RayPoint(zero, point.value, zero, point)
        ray = Ray(
            model, fresh, point.grad, start, zero, zero, self.line_search.begin(start), zero, Stalls.none(zero, zero)
        )
        return at_start(point, point.params, ray)

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Go on with the search, or, where it is over and at the start, along the next direction."""
        ray: Ray = iterate.memory
        trial = cast_like(RayPoint(ray.step, new.value, new.grad @ ray.direction, new), ray.start)
        search = self.line_search.receive(ray.search, ray.start, trial, ray.longest)
        step = self.line_search.next(search, ray.longest)
        ray = ray._replace(noise=jnp.maximum(ray.noise, contradiction(ray.start, trial)))
        tried = iterate._replace(
            trial=problem.inside(iterate.point.params + step * ray.direction),
            accepted=jnp.array(False),
            memory=ray._replace(step=step, search=search),
        )
        return jax.lax.cond(
            search.done | search.failed | first,
            lambda: cast_like(self._move(problem, iterate._replace(memory=ray), trial, search, first), iterate),
            lambda: cast_like(tried, iterate),
        )

    def _move(self, problem: Objective, iterate: Iterate, trial: RayPoint, search: Any, first: jax.Array) -> Iterate:
        """Return the first trial from the end of a search, or from the start."""
        ray, old, end = iterate.memory, iterate.point, search.point
        moved = (end.step > 0) & (search.done | (end.value < old.value)) & ~first
        grew = moved & search.failed & (end.step >= trial.step)  # and would have gone on: as far at once next time
        point = where(moved, end.aux, where(first, trial.aux, old))
        fresh_model = self.start(problem, point)
        model = where(moved, self.learn(problem, ray.model, old, point), fresh_model)
        down = steepest(problem, point)
        size = jnp.linalg.norm(down)
        stalls = where(
            moved, ray.stalls.after(point.value, size), ray.stalls._replace(unsure=jnp.int32(old.params.size))
        )
        stalls = where(first, Stalls.none(point.value, size), stalls)
        over = ((~moved & ray.fresh) | (stalls.count >= MOST_STALLS)) & ~first
        why = jnp.where(over, stalls.status(point.value, ray.noise), status(Status.RUNNING))
        last = ray._replace(step=end.step, stalls=stalls)
        iterate = Iterate(point, iterate.trial, moved | first, size, why, last)
        direction = self.direction(problem, model, point)
        fresh = (~moved & ~first if self.knows_at_once else ~moved) | ~(direction @ point.grad < 0)
        direction, model = jnp.where(fresh, down, direction), where(fresh, fresh_model, model)
        return self._aim(problem, iterate, model, fresh, direction, jnp.where(grew, end.step, 0.0))

    def _aim(
        self, problem: Objective, iterate: Iterate, model: Any, fresh: jax.Array, direction: jax.Array, at_least: Any
    ) -> Iterate:
        """Return the ray from the point of the iterate, and its first trial."""
        point, last = iterate.point, iterate.memory
        slope = direction @ point.grad
        start = RayPoint(jnp.zeros_like(point.value), point.value, slope, point)
        longest = longest_step(problem, point.params, direction)
        first = first_step(problem, iterate.optimality, point.value, slope)
        first = jnp.where(fresh, first, self.first_step(model, last, start))
        unknown = fresh & (last.stalls.promised > 0)  # a model's promise, which it did not keep, says more
        stalls = last.stalls.along(jnp.where(unknown, 0.0, -UNKNOWN * first * slope / 2))
        step = jnp.minimum(jnp.maximum(first, at_least), longest).astype(last.step.dtype)
        search = self.line_search.begin(start)
        ray = Ray(model, fresh, direction, start, longest, step, search, jnp.zeros_like(slope), stalls)
        return iterate._replace(trial=problem.inside(point.params + step * direction), memory=ray)
