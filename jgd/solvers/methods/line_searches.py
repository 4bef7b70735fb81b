"""Line searches of the methods: how far to go along a direction, one evaluation at a time."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import instance_of
from jgd.core.record import hyper, record
from jgd.core.tree import cast_like, increment, where, zero_count
from jgd.core.types import Scalar
from jgd.transforms.line_search import RayPoint, StepSearch, begin_search, next_step, receive, wolfe_errors

EPSILONS = 10
"""How many rounding units two values may differ by and still count as equal."""
NOISIEST = 100
"""Up to how many times that their noise may be, where trials show that it is more."""


def equal_rtol(value: jax.Array) -> float:
    """Return the relative difference up to which two values of this dtype count as equal."""
    return EPSILONS * float(jnp.finfo(value.dtype).eps)


def rounding(value: jax.Array) -> jax.Array:
    """Tell by how much values near this one differ through rounding alone."""
    return equal_rtol(value) * jnp.abs(value)


def start_and_trial(ray: Any, old: Any, new: Any) -> tuple[RayPoint, RayPoint]:
    """Return the start of a ray, at the point `old`, and the trial on it, at the point `new`."""
    start = RayPoint(jnp.zeros_like(old.value), old.value, ray.slope, old)
    return start, cast_like(RayPoint(ray.step, new.value, new.grad @ ray.direction, new), start)


def contradiction(start: RayPoint, trial: RayPoint) -> jax.Array:
    """Tell how much a trial is higher though the slopes at both ends say that it is lower, f[]; 0 where they do not.

    It is the noise of the value, as sums that cancel have it, or the derivatives are wrong.
    """
    down = (trial.slope <= start.slope / 2) & jnp.isfinite(trial.value)
    return jnp.where(down, jnp.maximum(trial.value - start.value, 0.0), 0.0)


class LineSearch:
    """A record with three methods, each a formula of scalars; `search.point` is the step to take, when it is over.

    A trial that is not finite shortens the step; the longest that is allowed is taken where longer ones would be lower.
    A search that fails ends at the lowest trial below the start, or at
    the start.
    """

    def begin(self, start: RayPoint) -> Any:
        """Begin a search, before its first trial; `start` is the ray at 0."""
        return begin_search(start)

    def next(self, search: Any, longest: Scalar) -> jax.Array:
        """Return the step to try next, after the first, at most `longest`."""
        raise NotImplementedError

    def receive(self, search: Any, start: RayPoint, new: RayPoint, longest: Scalar, noise: Scalar = 0.0) -> Any:
        """Return the search after the evaluation of that step; `noise` is the largest `contradiction` so far."""
        raise NotImplementedError


LINE_SEARCH = instance_of("be a line search, such as jgd.strong_wolfe()", LineSearch)


class WolfeSearch(NamedTuple):
    """The state of a search. Values of `low` and `high` are relative to that of the start."""

    count: jax.Array  # i32[], the points that were evaluated
    next: jax.Array  # f[], the step to try
    trial: RayPoint  # the newest
    kept: RayPoint  # the lowest so far, the start at first
    low: RayPoint  # the end of the interval with the lower value, of f or of psi
    high: RayPoint  # the other; its step is infinite as long as there is none, while the steps grow from `low`
    modified: jax.Array  # bool[], whether no step has yet had sufficient decrease and a slope upwards
    last_width: jax.Array  # f[], of the interval one trial before
    wall: jax.Array  # f[], the shortest step that was not finite
    done: jax.Array  # bool[]
    failed: jax.Array  # bool[]

    @property
    def point(self) -> RayPoint:
        """The newest trial if the search succeeded, else the lowest."""
        return where(self.failed, self.kept, self.trial)


@record
class StrongWolfe(LineSearch):
    """Search for a step that lowers the value enough and flattens the slope (Moré & Thuente 1994).

    f(x + t d) <= f(x) + c1 t f'(x; d) and |f'(x + t d; d)| <= c2 |f'(x; d)|. The next trial is the minimum of a cubic
    or a zero of the slopes' line, of f or, until a step has met the first with a slope upwards, of
    psi(t) = f(x + t d) - f(x) - c1 t f'(x; d); the middle of the interval, where two trials leave more than 0.66 of it.

    `slope_rtol` is c1, `curv_rtol` c2. While steps are too short, they grow by 1.1 to `increase_factor` times the last
    growth. Values that differ by at most `approx_dec_rtol` |f|, by default ten rounding units, are noise: then
    t (f'(x; d) + f'(x + t d; d)) / 2 is taken for the difference, with which the first condition is Hager and Zhang's
    approximate one (2005). The noise is twice what a trial has risen by whose slope is at least half that of the start
    and points down as that does. Where that is more than 100 times the above, the derivatives are wrong, and values
    alone count.
    """

    slope_rtol: Scalar = hyper(default=1e-4, interval="(0, 1)")
    curv_rtol: Scalar = hyper(default=0.9, interval="(0, 1)")
    max_steps: Scalar = hyper(default=20, interval="[1, inf)", whole=True)
    increase_factor: Scalar = hyper(default=4.0, interval="(1.1, inf)")
    approx_dec_rtol: Scalar | None = hyper(default=None, interval="[0, inf)")

    def begin(self, start: RayPoint) -> WolfeSearch:
        """Return a search that knows nothing but the start."""
        zero, no = jnp.zeros_like(start.value), jnp.array(False)
        low, infinite = RayPoint(zero, zero, start.slope), jnp.full_like(zero, jnp.inf)
        high = low._replace(step=infinite)
        return WolfeSearch(zero_count(), zero, start, start, low, high, ~no, infinite, infinite, no, no)

    def next(self, search: WolfeSearch, longest: Scalar) -> jax.Array:
        """Return the step of the model."""
        return jnp.minimum(search.next, longest).astype(search.next.dtype)

    def receive(
        self, search: WolfeSearch, start: RayPoint, new: RayPoint, longest: Scalar, noise: Scalar = 0.0
    ) -> WolfeSearch:
        """End where both conditions hold, or where the longest step is too short; else the next interval and step."""
        old, t, goal = search, new.step, self.slope_rtol * start.slope
        finite = jnp.isfinite(new.value) & jnp.isfinite(new.slope)
        least = (equal_rtol(t) if self.approx_dec_rtol is None else self.approx_dec_rtol) * jnp.abs(start.value)
        equal = jnp.where(noise > NOISIEST * least, -1.0, jnp.maximum(least, 2 * noise))
        rise = new.value - start.value
        rise = jnp.where(jnp.abs(rise) <= equal, t * (start.slope + new.slope) / 2, rise)
        decreases = finite & (rise <= t * goal)
        flat = jnp.abs(new.slope) <= self.curv_rtol * jnp.abs(start.slope)
        longer = jnp.isinf(old.high.step) & (new.slope < 0)
        modified = old.modified & ~(decreases & (new.slope >= 0))
        psi = jnp.where(modified & (rise <= old.low.value) & ~decreases, goal, 0.0)
        span, trial = t - old.low.step, RayPoint(t, rise, new.slope)
        grown = jnp.where(old.count == 0, 0.0, t + 1.1 * span), t + self.increase_factor * span
        higher, turned, step = _safeguarded(_tilted(old.low, psi), _tilted(old.high, psi), _tilted(trial, psi), grown)
        higher, lower = finite & higher, finite & ~higher
        low = where(lower, trial, old.low)
        high = where(higher, trial, where(lower & turned, old.low, old.high))
        width = jnp.abs(high.step - low.step)
        is_inside = jnp.sign(step - low.step) * jnp.sign(high.step - step) > 0
        halves = ~is_inside | (width >= 0.66 * old.last_width)
        inside = jnp.where(halves, (low.step + high.step) / 2, step)
        step = jnp.where(jnp.isfinite(high.step), inside, jnp.minimum(step, (t + old.wall) / 2))
        short = finite & (width <= jnp.finfo(t.dtype).eps * low.step)
        count = increment(old.count)
        done = decreases & (flat | (longer & (t >= longest)))
        state = WolfeSearch(
            count,
            jnp.where(finite, step, old.low.step + (t - old.low.step) / 4),
            new,
            where(finite & (new.value < old.kept.value), new, old.kept),
            low,
            high,
            modified,
            jnp.where(finite, jnp.abs(old.high.step - old.low.step), old.last_width),
            jnp.where(finite, old.wall, jnp.minimum(old.wall, t)),
            done,
            ~done & ((count >= self.max_steps) | short),
        )
        return cast_like(state, old)


strong_wolfe = StrongWolfe


@record
class Armijo(LineSearch):
    """Search for a step that lowers the value enough.

    f(x + t d) <= f(x) + c1 t f'(x; d): the first trial, or one that interpolation finds below it (Armijo 1966).

    `slope_rtol` is c1. Values that differ by rounding count as equal where the slope has fallen.
    """

    slope_rtol: Scalar = hyper(default=1e-4, interval="(0, 1)")
    max_steps: Scalar = hyper(default=20, interval="[1, inf)", whole=True)

    def next(self, search: StepSearch, longest: Scalar) -> jax.Array:
        """Return the lowest point of a cubic or a parabola."""
        return next_step(search, 0.0, longest, 1.0).astype(search.trial.step.dtype)

    def receive(
        self, search: StepSearch, start: RayPoint, new: RayPoint, longest: Scalar, noise: Scalar = 0.0
    ) -> StepSearch:
        """End where the value has fallen enough."""
        decrease, _ = wolfe_errors(new, start, self.slope_rtol, jnp.inf, equal_rtol(start.value))
        return receive(search, new, decrease, jnp.where(jnp.isfinite(decrease), 0.0, jnp.inf), max_steps=self.max_steps)


armijo = Armijo


def _safeguarded(
    low: RayPoint, high: RayPoint, new: RayPoint, grown: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Tell whether a trial is higher than the low end and whether its slope has turned, and give the next step.

    By Moré & Thuente (1994, section 4). `grown` are the least and the longest step that may follow while there is no
    interval.
    """
    x, y, t = low.step, high.step, new.step
    higher, turned = new.value > low.value, new.slope * low.slope < 0
    flatter, bracketed = jnp.abs(new.slope) < jnp.abs(low.slope), jnp.isfinite(y)
    # Where the trial is higher, both minima are measured from the lower end, and lie between.
    far, near = where(higher, (new, low), (where(turned | flatter, low, high), new))
    cubic, line = _cubic(far, near), t - new.slope * (t - x) / (new.slope - low.slope)
    parabola = x + (t - x) / (2 * (1 + (low.value - new.value) / ((t - x) * low.slope)))
    between = jnp.where(jnp.abs(cubic - x) <= jnp.abs(parabola - x), cubic, (cubic + parabola) / 2)
    # Where it is lower and its slope flatter, the cubic may have its minimum on the wrong side, or none.
    beyond = (cubic - t) * (t - x) > 0
    minimum = jnp.where(beyond | turned, cubic, grown[1])
    is_nearer = jnp.abs(minimum - t) < jnp.abs(line - t)
    farther, nearer = jnp.where(is_nearer, line, minimum), jnp.where(is_nearer & beyond, minimum, line)
    limit = t + 0.66 * (y - t)
    inner = jnp.where(t > x, jnp.minimum(nearer, limit), jnp.maximum(nearer, limit))
    further = jnp.where(bracketed, inner, jnp.clip(farther, *grown))
    last = jnp.where(bracketed, cubic, grown[1])
    return higher, turned, jnp.where(higher, between, jnp.where(turned, farther, jnp.where(flatter, further, last)))


def _tilted(end: RayPoint, slope: jax.Array) -> RayPoint:
    """Return the point of f(t) - slope t."""
    return end._replace(value=end.value - slope * end.step, slope=end.slope - slope)


def _cubic(a: RayPoint, b: RayPoint) -> jax.Array:
    """Return the minimum of the cubic with both values and slopes, measured from b (Nocedal & Wright 2006, 3.59)."""
    h = b.step - a.step
    theta = 3 * (a.value - b.value) / h + a.slope + b.slope
    scale = jnp.maximum(jnp.abs(theta), jnp.maximum(jnp.abs(a.slope), jnp.abs(b.slope)))
    root = jnp.sqrt(jnp.maximum((theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale), 0.0))
    gamma = jnp.sign(h) * scale * root
    return b.step - h * (b.slope + gamma - theta) / (b.slope - a.slope + 2 * gamma)
