"""The line search of CG_DESCENT: secant steps on the slopes, and a test that rounding of the value cannot defeat."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.tree import increment, where, zero_count
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import LineSearch, equal_rtol
from jgd.transforms.line_search import RayPoint

GROW, FIRST, SECOND, HALF = range(4)
"""Which trial comes: a longer step, one of the two secant steps, or the middle of the interval."""


class SecantSearch(NamedTuple):
    """The state of a search: an interval whose low end goes down without being too high, and whose high end goes up.

    While `halving`, the high end is too high instead, and goes down.
    """

    count: jax.Array  # i32[], the points that were evaluated
    phase: jax.Array  # i32[], which trial `next` is
    next: jax.Array  # f[]
    trial: RayPoint  # the newest
    kept: RayPoint  # the lowest so far, the start at first
    low: RayPoint
    high: RayPoint
    halving: jax.Array  # bool[]
    width: jax.Array  # f[], of the interval before the secant steps
    done: jax.Array  # bool[]
    failed: jax.Array  # bool[]

    @property
    def point(self) -> RayPoint:
        """The newest trial if the search succeeded, else the lowest."""
        return where(self.failed, self.kept, self.trial)


@record
class HagerZhang(LineSearch):
    """Search until Wolfe's conditions hold or, near a minimum, their form in slopes (Hager & Zhang 2005, 2006).

    Wolfe: f(x + t d) <= f(x) + delta t f'(x; d) and f'(x + t d; d) >= sigma f'(x; d). In slopes:
    (2 delta - 1) f'(x; d) >= f'(x + t d; d) >= sigma f'(x; d) where f(x + t d) <= f(x) + epsilon |f(x)|. The steps grow
    by `rho` until the slope turns; then two secant steps a turn shorten the interval, and its middle where they leave
    more than `gamma` of it. `epsilon` is by default ten rounding units, and 1e-6 in the papers.
    """

    delta: Scalar = hyper(default=0.1, interval="(0, 0.5)")
    sigma: Scalar = hyper(default=0.9, interval="(0, 1)")
    epsilon: Scalar | None = hyper(default=None, interval="[0, inf)")
    theta: Scalar = hyper(default=0.5, interval="(0, 1)")
    gamma: Scalar = hyper(default=0.66, interval="(0, 1)")
    rho: Scalar = hyper(default=5.0, interval="(1, inf)")
    max_steps: Scalar = hyper(default=30, interval="[1, inf)", whole=True)

    def begin(self, start: RayPoint) -> SecantSearch:
        """Return a search that knows nothing but the start."""
        bare, no, zero = start._replace(aux=()), jnp.array(False), jnp.zeros_like(start.value)
        return SecantSearch(zero_count(), jnp.int32(GROW), zero, start, start, bare, bare, no, zero, no, no)

    def next(self, search: SecantSearch, longest: Scalar) -> jax.Array:
        """Return the step that the phase wants."""
        return jnp.minimum(search.next, longest).astype(search.next.dtype)

    def receive(
        self, search: SecantSearch, start: RayPoint, new: RayPoint, longest: Scalar, noise: Scalar = 0.0
    ) -> SecantSearch:
        """Return the interval after a trial, and the next phase."""
        old, bare = search, new._replace(aux=())
        finite = jnp.isfinite(new.value) & jnp.isfinite(new.slope)
        rtol = equal_rtol(start.value) if self.epsilon is None else self.epsilon
        most = start.value + rtol * jnp.abs(start.value)
        high_enough = ~(new.value <= most) | ~finite
        up = finite & (new.slope >= 0)
        lower = finite & ~up & ~high_enough
        growing = old.phase == GROW
        low = where(lower, bare, old.low)
        high = where(lower, old.high, bare)
        halving = jnp.where(up, False, jnp.where(high_enough, True, old.halving & ~growing))
        grows = growing & lower
        count = increment(old.count)
        done = self._is_done(start, new, finite, most) | (grows & (new.step >= longest))
        width = jnp.abs(high.step - low.step)
        short = ~grows & (width <= jnp.finfo(width.dtype).eps * jnp.maximum(high.step, low.step))
        better = finite & (new.value < old.kept.value)
        phase, step, width = self._after(old, low, high, halving, grows, width)
        return SecantSearch(
            count,
            phase,
            jnp.where(grows, self.rho * new.step, step).astype(new.step.dtype),
            new,
            where(better, new, old.kept),
            low,
            high,
            halving,
            width.astype(old.width.dtype),
            done,
            ~done & ((count >= self.max_steps) | short),
        )

    def _is_done(self, start: RayPoint, new: RayPoint, finite: jax.Array, most: jax.Array) -> jax.Array:
        flat_enough = finite & (new.slope >= self.sigma * start.slope)
        decreases = new.value <= start.value + self.delta * new.step * start.slope
        slopes = (new.value <= most) & (new.slope <= (2 * self.delta - 1) * start.slope)
        return flat_enough & (decreases | slopes)

    def _after(
        self, old: SecantSearch, low: RayPoint, high: RayPoint, halving: jax.Array, grows: jax.Array, width: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return the next phase, its step, and the width with which the secant steps began (procedure `secant2`)."""
        moved_high = high.step != old.high.step
        again = where(moved_high, _secant(old.high, high), _secant(old.low, low))
        inside = (again > low.step) & (again < high.step)
        middle = low.step + self.theta * (high.step - low.step)
        first = _secant(low, high)
        first = jnp.where((first > low.step) & (first < high.step), first, middle)
        # Halving goes on until the high end goes up; it takes the place of the second secant step.
        second = (old.phase == FIRST) & ~old.halving & ~halving & inside
        half = ((old.phase == FIRST) | (old.phase == SECOND)) & ~second & (width > self.gamma * old.width)
        phase = jnp.where(second, SECOND, jnp.where(half, HALF, FIRST))
        step = jnp.where(second, again, jnp.where(half, (low.step + high.step) / 2, first))
        step = jnp.where(halving, middle, step)
        phase = jnp.where(grows, GROW, jnp.where(halving, jnp.where(old.phase == GROW, HALF, old.phase), phase))
        begun = (phase == FIRST) & ~halving
        return phase.astype(jnp.int32), step, jnp.where(begun, width, old.width)


hager_zhang = HagerZhang


def _secant(a: RayPoint, b: RayPoint) -> jax.Array:
    """Return the step at which the line through both slopes is 0; NaN where there is none."""
    return (a.step * b.slope - b.step * a.slope) / (b.slope - a.slope)
