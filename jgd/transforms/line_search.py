"""Line searches: along a ray of parameters, a function of one variable; bracket a good step, then zoom in on it."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError
from jgd.core.errors import CallError
from jgd.core.tree import (
    cast_like,
    check_inexact,
    check_params,
    global_dot,
    increment,
    map_unzip,
    map_updates,
    scalar_of,
    where,
    widen,
    zero_count,
)
from jgd.core.types import Params, Scalar, State, Updates
from jgd.transforms.scale import apply_updates

NEEDED = ("value", "grad", "value_fn")
NO_SEARCH = "step by a learning rate instead of a line search"


class RayPoint(NamedTuple):
    """A point of phi(t): scalars of one dtype, and a tree that belongs to it, such as the gradient there."""

    step: jax.Array
    value: jax.Array
    slope: jax.Array
    aux: Any = ()


class StepSearch(NamedTuple):
    """The state of a search, and its result: `point` is the step to take."""

    count: jax.Array  # i32[], the points that were evaluated
    trial: RayPoint  # the newest
    decrease_error: jax.Array  # of the newest; positive where it violates the condition, infinite where not finite
    curvature_error: jax.Array
    kept: RayPoint  # the lowest with sufficient decrease, else the lowest below the start, else the start
    decreases: jax.Array  # bool[], whether `kept` has sufficient decrease
    low: RayPoint  # the interval, of which low has the lower value and high may lie on either side of it
    high: RayPoint
    previous: RayPoint  # an end that the interval has lost, through which the cubic goes
    bracketed: jax.Array  # bool[]
    done: jax.Array  # bool[], the newest meets both conditions, or is the largest step allowed
    failed: jax.Array  # bool[], the search gave up

    @property
    def point(self) -> RayPoint:
        """The newest trial if the search succeeded, else the one that was kept."""
        return where(self.failed, self.kept, self.trial)

    @property
    def width(self) -> jax.Array:
        """The length of the interval."""
        return jnp.abs(self.high.step - self.low.step)


def zoom_search(
    phi: Callable[[jax.Array], RayPoint],
    start: RayPoint,
    first: Scalar,
    errors: Callable[[RayPoint], tuple[jax.Array, jax.Array]],
    *,
    max_steps: Scalar,
    max_step: Scalar | None = None,
    increase_factor: Scalar = 2.0,
    precision: Scalar = 1e-5,
    tol: Scalar = 0.0,
) -> StepSearch:
    """Search a step t > 0 at which both errors are at most `tol` (Nocedal & Wright 2006, Alg. 3.5 and 3.6).

    `start` is phi at 0, `first` the first step to try, `errors(trial)` by how much a trial violates sufficient decrease
    and small curvature. Every turn of the loop evaluates phi once, whatever its phase, so that lanes under `vmap` wait
    for each other only at the end. `begin_search`, `next_step` and `receive` are the search without the loop.

    Forward-mode derivatives pass through; reverse-mode ones do not, as through any `while_loop`.
    """

    def turn(old: StepSearch) -> StepSearch:
        new = phi(next_step(old, first, max_step, increase_factor))
        return receive(old, new, *errors(new), max_steps=max_steps, max_step=max_step, precision=precision, tol=tol)

    return jax.lax.while_loop(lambda state: ~(state.done | state.failed), turn, begin_search(start))


def begin_search(start: RayPoint) -> StepSearch:
    """Begin a search, before its first trial; `start` is phi at 0."""
    bare, no, infinite = _bare(start), jnp.array(False), jnp.full_like(start.value, jnp.inf)
    return StepSearch(zero_count(), start, infinite, infinite, start, no, bare, bare, bare, no, no, no)


def next_step(search: StepSearch, first: Scalar, max_step: Scalar | None, increase_factor: Scalar) -> jax.Array:
    """Return the step to try next.

    Steps grow by `increase_factor` from `first`, up to `max_step`, until an interval holds a solution; the minimum of a
    cubic, else of a parabola, else the middle divides it.
    """
    grown = jnp.where(search.count == 0, first, increase_factor * search.trial.step)
    grown = grown if max_step is None else jnp.minimum(grown, max_step)
    return jnp.where(search.bracketed, _between(search.low, search.high, search.previous), grown)


def receive(
    old: StepSearch,
    new: RayPoint,
    decrease: jax.Array,
    curvature: jax.Array,
    *,
    max_steps: Scalar,
    max_step: Scalar | None = None,
    precision: Scalar = 1e-5,
    tol: Scalar = 0.0,
) -> StepSearch:
    """Return the search after a trial with these errors.

    A trial that is not finite is an end of the interval like one that is too high. The search fails after `max_steps`
    evaluations, or where the interval is as short as `precision` and some trial had sufficient decrease.
    """
    good = (decrease <= tol) & (curvature <= tol)
    low, high, previous, bracketed = _interval(old, _bare(new), decrease > 0)
    bracketed = bracketed | good
    largest = jnp.array(False) if max_step is None else ~old.bracketed & (new.step >= max_step)
    done = good | (largest & ~bracketed)
    lower = (new.value < old.kept.value) & jnp.isfinite(new.value) & jnp.isfinite(new.slope)
    decreases = decrease <= tol
    better = jnp.where(decreases == old.decreases, lower, decreases)
    decreases = old.decreases | decreases
    short = old.bracketed & (old.width <= precision) & decreases
    count = increment(old.count)
    failed = ~done & ((count >= max_steps) | short)
    kept = where(better, new, old.kept)
    state = StepSearch(count, new, decrease, curvature, kept, decreases, low, high, previous, bracketed, done, failed)
    return cast_like(state, old)


def wolfe_errors(
    trial: RayPoint, start: RayPoint, slope_rtol: Scalar, curv_rtol: Scalar, approx_dec_rtol: Scalar | None
) -> tuple[jax.Array, jax.Array]:
    """Return by how much a trial violates phi(t) <= phi(0) + c1 t phi'(0) and |phi'(t)| <= c2 |phi'(0)|; 0 if it holds.

    Near a minimum the first compares values that differ by rounding; with `approx_dec_rtol` = c3 it is also met by
    phi'(t) <= (2 c1 - 1) phi'(0) where phi(t) <= phi(0) + c3 |phi(0)| (Hager & Zhang 2005, approximate Wolfe).
    """
    rise = trial.value - start.value
    decrease = rise - slope_rtol * trial.step * start.slope
    if approx_dec_rtol is not None:
        slope = trial.slope - (2 * slope_rtol - 1) * start.slope
        decrease = jnp.minimum(decrease, jnp.maximum(slope, rise - approx_dec_rtol * jnp.abs(start.value)))
    allowed = jnp.where(start.slope == 0, 0.0, curv_rtol * jnp.abs(start.slope))  # c2 may be infinite
    finite = jnp.isfinite(trial.value) & jnp.isfinite(trial.slope)
    violations = (decrease, jnp.abs(trial.slope) - allowed)
    decrease, curvature = (jnp.where(finite, jnp.maximum(error, 0), jnp.inf) for error in violations)
    return decrease, curvature


def ray(
    place: str, updates: Updates, like: State, params: Params, extra: dict[str, Any]
) -> tuple[Callable[..., Any], Callable[[jax.Array], Params], RayPoint]:
    """Make what a search along `params + t updates` needs: value_fn, the point at t, and the start.

    The start's `aux` is the gradient as JAX returns it, in the dtypes of `like`.
    """
    check_params(place, params)
    missing = [name for name in NEEDED if extra.get(name) is None]
    if missing:
        raise CallError(
            f"{place}: {' and '.join(missing)} missing; call update(grads, state, params, value=value, grad=grads, "
            "value_fn=fn) with fn(params) -> value."
        )
    value, grad, value_fn = (extra[name] for name in NEEDED)
    # The rule conjugates: complex gradients here point uphill, and JAX's are their conjugates.
    _, raw = map_unzip(lambda u, _, g, p: (u, jnp.conj(g)), updates, like, place=place, read=(grad, params))
    value = widen(value)
    if value.shape or jnp.iscomplexobj(value):
        raise InputError(f"{place}: value is {value.dtype}{list(value.shape)}, expected a real scalar; reduce it.")
    dtype = jnp.result_type(scalar_of(params), value)
    slope = global_dot(updates, grad).astype(dtype)
    start = RayPoint(jnp.zeros((), dtype), value.astype(dtype), slope, raw)
    fn = functools.partial(value_fn, **_taken(value_fn, extra))
    return fn, lambda t: apply_updates(params, scaled_updates(place, t, updates)), start


def scaled_updates(place: str, t: jax.Array, updates: Updates) -> Updates:
    """Compute T u in the dtypes of u, so that applying it gives the very point that was tried."""
    return map_updates(lambda u: t * u, updates, place=place)


def no_gradient(params: Params) -> State:
    """Make zeros in the parameters' dtypes, where the gradient at the step taken will be kept."""
    check_inexact("init", params)
    return jax.tree.map(lambda p: jnp.zeros_like(p, dtype=jnp.result_type(p)), params)


def _taken(value_fn: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return the extra arguments that a function of the parameters takes by name besides; all, if it takes any name."""
    try:
        parameters = list(inspect.signature(value_fn).parameters.values())
    except (TypeError, ValueError):  # a builtin does not tell
        return {}
    names = {p.name for p in parameters[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return {name: x for name, x in extra.items() if name not in NEEDED and (any_name or name in names)}


def _bare(trial: RayPoint) -> RayPoint:
    return trial._replace(aux=())


def _interval(old: StepSearch, new: RayPoint, too_high: jax.Array) -> tuple[RayPoint, RayPoint, RayPoint, jax.Array]:
    """Return the ends after a trial, the end that was lost, and whether there is an interval."""
    last = _bare(old.trial)
    # While the steps grow: the first that is too high, or that goes up again, ends the interval.
    over = too_high | ((new.value >= last.value) & (old.count > 0))
    up = (new.slope >= 0) & ~over
    grown_low, grown_high = where(up, new, last), where(up, last, new)
    # In the interval: low is always the lowest with sufficient decrease, and the slope there points to high.
    worse = too_high | (new.value >= old.low.value)
    turned = (new.slope * (old.high.step - old.low.step) >= 0) & ~worse
    low = where(worse, old.low, new)
    high = where(worse, new, where(turned, old.low, old.high))
    lost = where(worse | turned, old.high, old.low)
    low, high = where(old.bracketed, (low, high), (grown_low, grown_high))
    return low, high, where(old.bracketed, lost, grown_low), old.bracketed | over | up


def _between(low: RayPoint, high: RayPoint, previous: RayPoint) -> jax.Array:
    """Return a step inside of the interval: the minimum of a model where it is well inside, else the middle."""
    left, right = jnp.minimum(low.step, high.step), jnp.maximum(low.step, high.step)
    width = right - left

    def well_inside(step: jax.Array, margin: float) -> jax.Array:
        return (step > left + margin * width) & (step < right - margin * width)  # never holds for NaN

    cubic, parabola = _cubic(low, high, previous), _parabola(low, high)
    middle = jnp.where(well_inside(parabola, 0.1), parabola, (left + right) / 2)
    return jnp.where(well_inside(cubic, 0.2), cubic, middle)


def _parabola(low: RayPoint, high: RayPoint) -> jax.Array:
    """Return the stationary point of the parabola with value and slope at low and value at high."""
    h = high.step - low.step
    curvature = 2 * (high.value - low.value - low.slope * h) / h**2
    return low.step - low.slope / curvature


def _cubic(low: RayPoint, high: RayPoint, previous: RayPoint) -> jax.Array:
    """Give the minimum of the cubic with value and slope at low and values at high and at the end lost; NaN if none."""
    h, k = high.step - low.step, previous.step - low.step
    at_h = (high.value - low.value - low.slope * h) / h**2  # = b + a h, and = b + a k at the other
    at_k = (previous.value - low.value - low.slope * k) / k**2
    a = (at_h - at_k) / (h - k)
    b = at_h - a * h
    root = jnp.sqrt(b * b - 3 * a * low.slope)
    # Of two equal forms the one that does not cancel; on a quadratic a is nothing but rounding.
    return low.step + jnp.where(b > 0, -low.slope / (b + root), (root - b) / (3 * a))
