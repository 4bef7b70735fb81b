"""Descent along directions of a model, with a line search: what quasi-Newton methods and conjugate gradients share."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import LineSearch, rounding
from jgd.solvers.methods.method import Iterate, Method, at_start, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.transforms.line_search import RayPoint


class Ray(NamedTuple):
    """A direction that is being searched."""

    model: Any
    fresh: jax.Array  # bool[], the model has learned nothing, so that its direction is steepest descent
    direction: jax.Array  # f[n]
    start: RayPoint
    first: jax.Array  # f[], the first step to try
    step: jax.Array  # f[], the step that is being tried
    search: Any


class Descent(Method):
    """x+ = x + t d, where d is the model's direction at x and t what the line search finds.

    A direction that does not descend, and a search that finds nothing lower, bring back the model of the start, once;
    then the method ends: PRECISION where the values differ by no more than rounding, else LINE_SEARCH. A method of this
    kind is a record with a `line_search` and four functions, of which the last two have defaults.
    """

    line_search: LineSearch

    def direction(self, problem: Objective, model: Any, point: Point) -> jax.Array:
        """Where to go from a point, f[n]."""
        raise NotImplementedError

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> Any:
        """The model after a step."""
        raise NotImplementedError

    def start(self, problem: Objective, point: Point) -> Any:
        """The model that has learned nothing; its direction is -g."""
        raise NotImplementedError

    def first_step(self, model: Any, point: Point, ray: Ray, slope: jax.Array, fresh: jax.Array) -> Scalar:
        """The first step to try, given the last ray: of length at most 1 along the gradient, else the model's own."""
        return jnp.where(fresh, 1 / jnp.maximum(1.0, jnp.linalg.norm(point.grad)), 1.0)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Steepest descent from the start."""
        zero, model = jnp.zeros_like(point.value), self.start(problem, point)
        start = RayPoint(zero, point.value, zero, point)
        none = Ray(model, jnp.array(True), -point.grad, start, zero, zero, self.line_search.begin(start))
        return self._aim(problem, at_start(point, point.params, none), model, jnp.array(True))

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Go on with the search, or, where it is over, along the next direction."""
        ray: Ray = iterate.memory
        trial = cast_like(RayPoint(ray.step, new.value, new.grad @ ray.direction, new), ray.start)
        search = self.line_search.receive(ray.search, ray.start, trial)
        end, over = search.point, search.done | search.failed
        step = self.line_search.next(search, ray.first)
        tried = iterate._replace(
            trial=iterate.point.params + step * ray.direction,
            accepted=jnp.array(False),
            memory=ray._replace(step=step, search=search),
        )

        def move() -> Iterate:
            moved = end.step > 0
            point = where(moved, end.aux, iterate.point)
            model = where(moved, self.learn(problem, ray.model, iterate.point, point), self.start(problem, point))
            flat = jnp.abs(trial.value - ray.start.value) <= rounding(ray.start.value)
            why = jnp.where(flat, status(Status.PRECISION), status(Status.LINE_SEARCH))
            found = at_start(point, iterate.trial, ray)
            found = found._replace(accepted=moved, status=jnp.where(~moved & ray.fresh, why, found.status))
            return cast_like(self._aim(problem, found, model, ~moved), iterate)

        return jax.lax.cond(over, move, lambda: cast_like(tried, iterate))

    def _aim(self, problem: Objective, iterate: Iterate, model: Any, fresh: jax.Array) -> Iterate:
        """The ray from the point of the iterate, and its first trial."""
        point, last = iterate.point, iterate.memory
        direction = self.direction(problem, model, point)
        slope = direction @ point.grad
        uphill = ~(slope < 0)
        direction = jnp.where(uphill, -point.grad, direction)
        slope = jnp.where(uphill, -(point.grad @ point.grad), slope)
        model, fresh = where(uphill, self.start(problem, point), model), fresh | uphill
        start = RayPoint(jnp.zeros_like(point.value), point.value, slope, point)
        search = self.line_search.begin(start)
        first = jnp.asarray(self.first_step(model, point, last, slope, fresh), point.value.dtype)
        step = self.line_search.next(search, first)
        ray = Ray(model, fresh, direction, start, first, step, search)
        return iterate._replace(trial=point.params + step * direction, memory=ray)
