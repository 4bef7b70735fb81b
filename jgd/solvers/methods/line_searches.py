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

    def receive(self, search: Any, start: RayPoint, new: RayPoint, longest: Scalar) -> Any:
        """Return the search after the evaluation of that step."""
        raise NotImplementedError


LINE_SEARCH = instance_of("be a line search, such as jgd.strong_wolfe()", LineSearch)


class WolfeSearch(NamedTuple):
    """The state of a search. Values of `low` and `high` are relative to that of the start."""

    count: jax.Array  # i32[], the points that were evaluated
    next: jax.Array  # f[], the step to try
    trial: RayPoint  # the newest
    kept: RayPoint  # the lowest so far, the start at first
    low: RayPoint  # the end of the interval with the lower value, of f or of psi
    high: RayPoint
    bracketed: jax.Array  # bool[], whether there is an interval; else the steps grow from `low`
    modified: jax.Array  # bool[], whether no step has yet had sufficient decrease and a slope upwards
    width: jax.Array  # f[], of the interval
    last_width: jax.Array  # f[], one trial before
    wall: jax.Array  # f[], the shortest step that was not finite
    noise: jax.Array  # f[], values that differ by at most this count for nothing; negative where slopes do
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
        end, infinite = RayPoint(zero, zero, start.slope), jnp.full_like(zero, jnp.inf)
        noise = self._rtol(start.value) * jnp.abs(start.value)
        return WolfeSearch(
            zero_count(), zero, start, start, end, end, no, ~no, infinite, infinite, infinite, noise, no, no
        )

    def next(self, search: WolfeSearch, longest: Scalar) -> jax.Array:
        """Return the step of the model."""
        return jnp.minimum(search.next, longest).astype(search.next.dtype)

    def receive(self, search: WolfeSearch, start: RayPoint, new: RayPoint, longest: Scalar) -> WolfeSearch:
        """End where both conditions hold, or where the longest step is too short; else the next interval and step."""
        old, t, goal = search, new.step, self.slope_rtol * start.slope
        finite = jnp.isfinite(new.value) & jnp.isfinite(new.slope)
        rise, seen = new.value - start.value, contradiction(start, new)
        most = NOISIEST * self._rtol(start.value) * jnp.abs(start.value)
        noise = jnp.where((old.noise < 0) | (seen > most), -1.0, jnp.maximum(old.noise, 2 * seen))
        rise = jnp.where(jnp.abs(rise) <= noise, t * (start.slope + new.slope) / 2, rise)
        decreases = finite & (rise <= t * goal)
        done = decreases & (jnp.abs(new.slope) <= self.curv_rtol * jnp.abs(start.slope))
        done = done | (decreases & ~old.bracketed & (new.slope < 0) & (t >= longest))
        modified = old.modified & ~(decreases & (new.slope >= 0))
        psi = jnp.where(modified & (rise <= old.low.value) & ~decreases, goal, 0.0)
        low, high, trial = (_tilted(end, psi) for end in (old.low, old.high, RayPoint(t, rise, new.slope)))
        span = t - old.low.step
        least = jnp.where(old.count == 0, 0.0, t + 1.1 * span)
        grown = least, t + self.increase_factor * span
        low, high, bracketed, step = _safeguarded(low, high, trial, old.bracketed, grown)
        low, high = _tilted(low, -psi), _tilted(high, -psi)
        width = jnp.abs(high.step - low.step)
        halves = bracketed & (width >= 0.66 * old.last_width)
        step = jnp.where(halves, (low.step + high.step) / 2, step)
        step = jnp.where(bracketed, step, jnp.minimum(step, (t + old.wall) / 2))
        short = finite & bracketed & (width <= jnp.finfo(t.dtype).eps * jnp.maximum(low.step, high.step))
        low, high = where(finite, (low, high), (old.low, old.high))
        newer = finite & bracketed
        count = increment(old.count)
        better = finite & (new.value < old.kept.value)
        state = WolfeSearch(
            count,
            jnp.where(finite, step, old.low.step + (t - old.low.step) / 4),
            new,
            where(better, new, old.kept),
            low,
            high,
            jnp.where(finite, bracketed, old.bracketed),
            modified,
            jnp.where(newer, width, old.width),
            jnp.where(newer, old.width, old.last_width),
            jnp.where(finite, old.wall, jnp.minimum(old.wall, t)),
            jnp.where(finite, noise, old.noise),
            done,
            ~done & ((count >= self.max_steps) | short),
        )
        return cast_like(state, old)

    def _rtol(self, value: jax.Array) -> Scalar:
        return equal_rtol(value) if self.approx_dec_rtol is None else self.approx_dec_rtol


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

    def receive(self, search: StepSearch, start: RayPoint, new: RayPoint, longest: Scalar) -> StepSearch:
        """End where the value has fallen enough."""
        decrease, _ = wolfe_errors(new, start, self.slope_rtol, jnp.inf, equal_rtol(start.value))
        return receive(search, new, decrease, jnp.where(jnp.isfinite(decrease), 0.0, jnp.inf), max_steps=self.max_steps)


armijo = Armijo


def _tilted(end: RayPoint, slope: jax.Array) -> RayPoint:
    """Return the point of f(t) - slope t."""
    return end._replace(value=end.value - slope * end.step, slope=end.slope - slope)


def _safeguarded(
    low: RayPoint, high: RayPoint, new: RayPoint, bracketed: jax.Array, grown: tuple[jax.Array, jax.Array]
) -> tuple[RayPoint, RayPoint, jax.Array, jax.Array]:
    """Return the interval with a trial, whether there is one, and the next step (Moré & Thuente 1994, section 4).

    `grown` are the least and the longest step that may follow while there is no interval.
    """
    x, y, t = low.step, high.step, new.step
    higher, turned = new.value > low.value, new.slope * low.slope < 0
    flatter = jnp.abs(new.slope) < jnp.abs(low.slope)
    cubic, line = _cubic(low, new), t - new.slope * (t - x) / (new.slope - low.slope)
    # Where the trial is higher, both minima are measured from the lower end, and lie between.
    near, parabola = _cubic(new, low), x + (t - x) / (2 * (1 + (low.value - new.value) / ((t - x) * low.slope)))
    between = jnp.where(jnp.abs(near - x) <= jnp.abs(parabola - x), near, (near + parabola) / 2)
    is_nearer = jnp.abs(cubic - t) < jnp.abs(line - t)
    across = jnp.where(is_nearer, line, cubic)
    # Where it is lower and its slope flatter, the cubic may have its minimum on the wrong side, or none.
    beyond = (cubic - t) * (t - x) > 0
    outer = jnp.where(t > x, grown[1], grown[0])
    extrapolated = jnp.where(beyond, cubic, outer)
    is_nearer = jnp.abs(extrapolated - t) < jnp.abs(line - t)
    inner = jnp.where(is_nearer & beyond, extrapolated, line)
    limit = t + 0.66 * (y - t)
    inner = jnp.where(t > x, jnp.minimum(inner, limit), jnp.maximum(inner, limit))
    outside = jnp.clip(jnp.where(is_nearer, line, extrapolated), grown[0], grown[1])
    further = jnp.where(bracketed, inner, outside)
    last = jnp.where(bracketed, _cubic(high, new), outer)
    step = jnp.where(higher, between, jnp.where(turned, across, jnp.where(flatter, further, last)))
    lower, upper = where(higher, low, new), where(higher, new, where(turned, low, high))
    bracketed = bracketed | higher | turned
    left, right = jnp.minimum(lower.step, upper.step), jnp.maximum(lower.step, upper.step)
    is_inside = (step > left) & (step < right)
    return lower, upper, bracketed, jnp.where(bracketed & ~is_inside, (left + right) / 2, step)


def _cubic(a: RayPoint, b: RayPoint) -> jax.Array:
    """Return the minimum of the cubic with both values and slopes, measured from b (Nocedal & Wright 2006, 3.59)."""
    h = b.step - a.step
    theta = 3 * (a.value - b.value) / h + a.slope + b.slope
    scale = jnp.maximum(jnp.abs(theta), jnp.maximum(jnp.abs(a.slope), jnp.abs(b.slope)))
    root = jnp.sqrt(jnp.maximum((theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale), 0.0))
    gamma = jnp.sign(h) * scale * root
    return b.step - h * (b.slope + gamma - theta) / (b.slope - a.slope + 2 * gamma)
