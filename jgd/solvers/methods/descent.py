"""Descent along directions of a model, with a line search: what quasi-Newton methods and conjugate gradients share."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.bounds import first_step, longest_step, steepest
from jgd.solvers.methods.line_searches import LineSearch, contradiction, start_and_trial
from jgd.solvers.methods.method import Iterate, Method, at_start, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import MOST_STALLS, Stalls
from jgd.transforms.line_search import RayPoint

UNKNOWN_ALONG = 100
"""As UNKNOWN of precision.py, of what one direction promises. In 528 runs in float32, 10 ended wrongly with PRECISION
22 times and rightly 368 times, and 100 10 and 361 times."""


class Ray(NamedTuple):
    """A direction that is being searched."""

    model: Any
    fresh: jax.Array  # bool[], the model has learned nothing, so that its direction is steepest descent
    direction: jax.Array  # f[n]
    slope: jax.Array  # f[], at its start, which is the point of the iterate
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

    def first_step(self, model: Any, last: RayPoint, start: RayPoint) -> Scalar:
        """Return the first step to try on a ray that starts so, given the last one's start and step; 1 by default."""
        return 1.0

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate."""
        zero, direction = jnp.zeros_like(point.value), jnp.zeros_like(point.params)
        search = self.line_search.begin(RayPoint(zero, point.value, zero, point))
        stalls = Stalls.none(zero, zero)
        ray = Ray(self.start(problem, point), jnp.array(True), direction, zero, zero, search, zero, stalls)
        return at_start(point, point.params, ray)

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Go on with the search, or, where it is over and at the start, along the next direction."""
        ray, old = iterate.memory, iterate.point
        start, trial = start_and_trial(ray, old, new)
        longest = longest_step(problem, old.params, ray.direction)
        noise = jnp.maximum(ray.noise, contradiction(start, trial))
        ray = ray._replace(noise=noise)
        search = self.line_search.receive(ray.search, start, trial, longest, noise)

        def further() -> Iterate:
            step = self.line_search.next(search, longest)
            tried = iterate._replace(accepted=jnp.array(False), memory=ray._replace(step=step, search=search))
            return tried._replace(trial=problem.inside(old.params + step * ray.direction))

        return jax.lax.cond(
            search.done | search.failed | first,
            lambda: cast_like(self._move(problem, iterate._replace(memory=ray), trial, search, first), iterate),
            lambda: cast_like(further(), iterate),
        )

    def _move(self, problem: Objective, iterate: Iterate, trial: RayPoint, search: Any, first: jax.Array) -> Iterate:
        """Return the first trial from the end of a search, or from the start."""
        ray, old, end = iterate.memory, iterate.point, where(first, trial, search.point)
        moved = (end.step > 0) & (search.done | (end.value < old.value)) & ~first
        point = where(moved | first, end.aux, old)
        model, fresh_model = self.learn(problem, ray.model, old, point), self.start(problem, point)
        model = where(moved, model, fresh_model) if self.knows_at_once else model
        down = steepest(problem, point)
        size = jnp.linalg.norm(down)
        unsure = ray.stalls._replace(unsure=jnp.int32(old.params.size))
        stalls = where(moved, ray.stalls.after(point.value, size), unsure)
        stalls = where(first, Stalls.none(point.value, size), stalls)
        over = ((~moved & ray.fresh) | (stalls.count >= MOST_STALLS)) & ~first
        why = jnp.where(over, stalls.status(point.value, ray.noise), status(Status.RUNNING))
        direction = self.direction(problem, model, point)
        fresh = (~moved & ~first if self.knows_at_once else ~moved) | ~(direction @ point.grad < 0)
        direction, model = jnp.where(fresh, down, direction), where(fresh, fresh_model, model)
        slope = direction @ point.grad
        start = RayPoint(jnp.zeros_like(point.value), point.value, slope, point)
        step = first_step(problem, size, point.value, slope)
        step = jnp.where(fresh, step, self.first_step(model, RayPoint(end.step, old.value, ray.slope), start))
        unknown = fresh & (stalls.promised > 0)  # a model's promise, which it did not keep, says more
        stalls = stalls.along(jnp.where(unknown, 0.0, -UNKNOWN_ALONG * step * slope / 2))
        grew = moved & search.failed & (end.step >= trial.step)  # and would have gone on: as far at once next time
        step = jnp.maximum(step, jnp.where(grew, end.step, 0.0))
        step = jnp.minimum(step, longest_step(problem, point.params, direction)).astype(ray.step.dtype)
        begun = self.line_search.begin(start)
        ray = Ray(model, fresh, direction, slope, step, begun, jnp.zeros_like(slope), stalls)
        return Iterate(point, problem.inside(point.params + step * direction), moved | first, size, why, ray)
