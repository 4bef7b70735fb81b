"""The subgradient method, for convex functions with kinks and no prox."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.tree import ratio, where
from jgd.core.types import Scalar
from jgd.solvers.methods.method import Iterate, Method, is_finite, status
from jgd.solvers.methods.objective import Objective, Point


class Walk(NamedTuple):
    """Where the method is; the iterate's point is the best that it has seen."""

    current: Point
    count: jax.Array  # f[], steps taken
    share: jax.Array  # f[], of the rule's step that is taken


@record
class Subgradient(Method):
    """Descend by subgradients with steps that shrink.

    x+ = P(x - t g), t = scale / (sqrt(k + 1) |g|), where g is the subgradient that JAX derives (Shor 1962).

    With `minimum`, the least value where it is known, t = scale (f - minimum) / |g|^2 (Polyak 1969), which needs no
    tuning and is linear on sharp functions. P projects on the bounds or on a set, or is the prox of a penalty. The
    value rises and falls: the solution is the best point seen, and `gradient_norm` the subgradient's norm there, which
    need not be small at a kink. So end it by `Stop(patience=)`, `max_steps` or `value`; a step that improves nothing
    changes the value by 0. A trial that is not finite halves the steps, from the best point on.
    """

    scale: Scalar = hyper(default=1.0, interval="(0, inf)")
    minimum: Scalar | None = hyper(default=None)
    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth", "bounds"})

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the start and the first step."""
        zero = jnp.zeros_like(point.value)
        return self._step(problem, point, Walk(point, zero, zero + 1), jnp.array(True))

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return the step from the new point, with the better of the two as what is found."""
        walk: Walk = iterate.memory
        fine = is_finite(new)
        best = where(fine & (new.value < iterate.point.value), new, iterate.point)
        share = jnp.where(fine, walk.share, walk.share / 2)
        return self._step(problem, best, Walk(where(fine, new, best), walk.count + 1, share), fine)

    def _step(self, problem: Objective, best: Point, walk: Walk, fine: jax.Array) -> Iterate:
        here = walk.current
        size = jnp.linalg.norm(here.grad)
        if self.minimum is None:
            step = ratio(1 / jnp.sqrt(walk.count + 1), size)
        else:
            step = ratio(jnp.maximum(here.value - self.minimum, 0.0), size**2)
        # Of 0 a prox makes nothing.
        step = jnp.maximum(walk.share * self.scale * step, jnp.finfo(size.dtype).tiny).astype(size.dtype)
        trial = problem.nearest(here.params - step * here.grad, step)
        still = jnp.linalg.norm(trial - here.params) <= jnp.finfo(size.dtype).eps * jnp.linalg.norm(here.params)
        over = jnp.where(fine, status(Status.PRECISION), status(Status.LINE_SEARCH))
        end = jnp.where(still, over, status(Status.RUNNING))
        return Iterate(best, trial, jnp.array(True), jnp.linalg.norm(best.grad), end, walk)


subgradient = Subgradient
