"""Steps whose length is found by backtracking: what proximal, mirror and conditional gradient methods share."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.tree import where
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import Iterate, Method, is_finite, status
from jgd.solvers.methods.objective import Objective, Point

LONGEST = 1e12
"""No step is longer, so that a linear function on a bounded set overflows nothing."""
IDLE = 100
"""After so many accepted steps in a row that improve nothing the method ends: the rest is rounding."""


class StepProgress(NamedTuple):
    """The length of the step, and what is known about it."""

    step: jax.Array  # f[], of the trial
    settled: jax.Array  # bool[], whether a trial has been rejected, so that the step is near its limit
    value: jax.Array  # f[], the least so far
    optimality: jax.Array  # f[], the least so far
    idle: jax.Array  # i32[], accepted steps in a row in which neither fell
    here: Any  # the point in the method's own form, () for a method that needs none
    there: Any  # the trial in that form


@record
class Backtracking(Method):
    """x+ minimises f(x) + g'(x+ - x) + h(x+) + D(x+, x) / t for a distance D, where t is found by backtracking.

    A trial is accepted where f(x+) <= f(x) + g'(x+ - x) + D(x+, x) / t. Where rounding of f hides that, half
    of (g+ - g)'(x+ - x) stands for what f exceeds its tangent by, which is exact for quadratic functions. A rejected
    trial shortens t by at least half, and an accepted one lengthens it by `increase_factor` at most, and by no more
    than the curvature along the step allows. It ends by itself with PRECISION where a step moves x by its rounding
    alone, or where 100 in a row improve neither the value nor the optimality, and with LINE_SEARCH where no step is
    short enough.
    """

    increase_factor: Scalar = hyper(default=1.5, interval="[1, inf)")

    def move(self, problem: Objective, point: Point, step: jax.Array) -> jax.Array:
        """Return the trial from a point, f[n]."""
        raise NotImplementedError

    def form(self, point: Point) -> Any:
        """Return the start in the method's own form; by default it has none, ()."""
        return ()

    def aim(self, problem: Objective, point: Point, here: Any, step: jax.Array) -> tuple[jax.Array, Any]:
        """Return the trial from a point, f[n], and its form, given the point's; by default `move`'s, and none."""
        return self.move(problem, point, step), ()

    def distance(self, problem: Objective, new: jax.Array, old: jax.Array) -> jax.Array:
        """Return D(new, old): half the squared Euclidean distance, if nothing else is said."""
        return jnp.sum((new - old) ** 2) / 2

    def residual(self, problem: Objective, point: Point, trial: jax.Array, step: jax.Array) -> jax.Array:
        """Return the optimality at a point, given the trial from it: the prox residual |x - x+| / t."""
        return jnp.linalg.norm(point.params - trial) / step

    def is_still(self, new: jax.Array, old: jax.Array) -> jax.Array:
        """Tell whether a step is within the rounding of the point, bool[]."""
        return jnp.linalg.norm(new - old) <= jnp.finfo(old.dtype).eps * jnp.linalg.norm(old)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the start, and a first step that is of length 1 along the gradient at most."""
        here = self.form(point)
        step = 1 / jnp.maximum(1.0, jnp.linalg.norm(point.grad))
        trial, there = self.aim(problem, point, here, step)
        optimality = self.residual(problem, point, trial, step)
        idle = jnp.zeros((), jnp.int32)
        progress = StepProgress(step, jnp.array(False), point.value, optimality, idle, here, there)
        return Iterate(point, trial, jnp.array(True), optimality, status(Status.RUNNING), progress)

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return the step from the new point, or a shorter one from the old."""
        old: StepProgress = iterate.memory
        share = self.share(problem, iterate.point, new, old.step)
        accepted = share <= self.most(problem, iterate, new)
        point, here = where(accepted, (new, old.there), (iterate.point, old.here))
        progress = self.resized(old, share, accepted, iterate.point, new)
        trial, there = self.aim(problem, point, here, progress.step)
        residual = self.residual(problem, point, trial, progress.step)
        optimality = jnp.where(accepted, residual, iterate.optimality)
        progress = noted(progress._replace(here=here, there=there), accepted, new.value, optimality)
        end = ended(progress, iterate.point, new, accepted, self.is_still(trial, point.params))
        return Iterate(point, trial, accepted, optimality, end, progress)

    def share(self, problem: Objective, old: Point, new: Point, step: jax.Array) -> jax.Array:
        """Tell by how much f exceeds its tangent at `old`, as a share of D / t, which is what the step allows."""
        s = new.params - old.params
        allowed = self.distance(problem, new.params, old.params) / step
        before, after = smooth(old), smooth(new)
        unseen = allowed <= 10 * rounding(before)
        excess = jnp.where(unseen, (new.grad - old.grad) @ s / 2, after - before - old.grad @ s)
        share = jnp.where(allowed > 0, excess / jnp.where(allowed > 0, allowed, 1.0), 0.0)
        return jnp.where(is_finite(new) & ~jnp.isnan(share), share, jnp.inf)

    def most(self, problem: Objective, iterate: Iterate, new: Point) -> Any:
        """Tell which share of D / t is accepted; by default 1."""
        return 1.0

    def resized(
        self, progress: StepProgress, share: jax.Array, accepted: jax.Array, old: Point, new: Point
    ) -> StepProgress:
        """Return the progress with the length of the next trial, after one that took a share of what it was allowed."""
        fitting = jnp.where(share > 0, 0.9 / jnp.where(share > 0, share, 1.0), jnp.inf)
        settled = progress.settled | ~accepted
        longer = jnp.clip(fitting, 1.0, jnp.where(settled, self.increase_factor, 10.0))
        factor = jnp.where(accepted, longer, jnp.clip(fitting, 0.1, 0.5))
        return progress._replace(step=jnp.minimum(progress.step * factor, LONGEST), settled=settled)


def smooth(point: Point) -> jax.Array:
    """Return the value of the smooth part at a point."""
    return point.value if point.smooth is None else point.smooth


def noted(progress: StepProgress, accepted: jax.Array, value: jax.Array, optimality: jax.Array) -> StepProgress:
    """Return the progress with the value and the optimality of a step, if it was accepted."""
    better = (value < progress.value) | (optimality < progress.optimality)
    return progress._replace(
        value=jnp.where(accepted, jnp.minimum(value, progress.value), progress.value),
        optimality=jnp.where(accepted, jnp.minimum(optimality, progress.optimality), progress.optimality),
        idle=jnp.where(accepted, jnp.where(better, 0, progress.idle + 1), progress.idle),
    )


def ended(progress: StepProgress, old: Point, new: Point, accepted: jax.Array, still: jax.Array) -> jax.Array:
    """Return the status after a trial: PRECISION or LINE_SEARCH where nothing can follow, else RUNNING."""
    flat = jnp.abs(new.value - old.value) <= rounding(old.value)
    failed = jnp.where(flat, status(Status.PRECISION), status(Status.LINE_SEARCH))
    done = jnp.where(accepted, status(Status.PRECISION), failed)
    return jnp.where(still | (progress.idle >= IDLE), done, status(Status.RUNNING))
