"""Schedules with boundaries: piecewise constant and interpolated, and one-cycle, which is interpolated."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import Kind, admits, checked, one_of
from jgd.core.errors import InputError
from jgd.core.outline import brief
from jgd.core.record import hyper, hypers, record, static
from jgd.core.tree import widen
from jgd.core.types import Scalar
from jgd.schedules.curves import blend, half_cosine, progress, reciprocal, whole_steps
from jgd.schedules.time import NUMBER, STEP, OfTime, Time

CURVES = {"linear": lambda share: 1 - share, "cosine": half_cosine}
"""How `PiecewiseInterpolate` goes from one value (1) to the next (0) as the share of the phase goes from 0 to 1."""


TABLE = Kind(
    "be a dict of numbers by step, at least 0, such as {100: 0.1}",
    lambda x: isinstance(x, Mapping) and all(admits(STEP, at) and admits(NUMBER, scale) for at, scale in x.items()),
)
TYPE = one_of(*CURVES)


@record
class PiecewiseConstant(OfTime):
    """`init_value`, multiplied by `scales[i]` from step `boundaries[i]` on. The order of the boundaries is free."""

    init_value: Scalar = hyper()
    boundaries: tuple[Scalar, ...] = hypers(default=(), interval="[0, inf)")
    scales: tuple[Scalar, ...] = hypers(default=(), interval="[0, inf)")

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        value = jnp.broadcast_to(widen(self.init_value), time.whole.shape)
        for boundary, scale in _pairs(self):
            value = jnp.where(time.since(boundary).value < 0, value, value * scale)
        return value

    def __repr__(self) -> str:
        return f"piecewise_constant_schedule({brief(self.init_value)!r}, {_table(self)})"


@record
class PiecewiseInterpolate(OfTime):
    """From each value to the next, `init_value` times the `scales` so far, which is reached at its boundary.

    It starts at step 0 and is flat after the last boundary. The boundaries rise; a phase of no length is a jump.
    """

    interpolate_type: str = static(expect=TYPE)
    init_value: Scalar = hyper()
    boundaries: tuple[Scalar, ...] = hypers(default=(), interval="[0, inf)")
    scales: tuple[Scalar, ...] = hypers(default=(), interval="[0, inf)")

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        begin, start = 0.0, widen(self.init_value)
        value = jnp.broadcast_to(start, time.whole.shape)
        for boundary, scale in _pairs(self):
            end = start * scale
            share = CURVES[self.interpolate_type](progress(time, begin, boundary - begin))
            value = jnp.where(time.since(begin).value < 0, value, blend(end, start, share))
            begin, start = boundary, end
        return value

    def __repr__(self) -> str:
        first = f"{self.interpolate_type!r}, {brief(self.init_value)!r}"
        return f"piecewise_interpolate_schedule({first}, {_table(self)})"


@record
class LinearOneCycle(OfTime):
    """Three straight lines: up to `peak_value`, back down to where it began, then down further.

    It begins at peak_value / div_factor, peaks at `pct_start` of the `transition_steps`, is back at `pct_final` and
    ends at peak_value / (div_factor final_div_factor) (Smith and Topin 2018, arXiv:1708.07120). Both turning points
    are rounded down to whole steps, as in optax; derivatives ignore the rounding.
    """

    transition_steps: Scalar = hyper(interval="(0, inf)")
    peak_value: Scalar = hyper()
    pct_start: Scalar = hyper(default=0.3, interval="[0, 1]")
    pct_final: Scalar = hyper(default=0.85, interval="[0, 1]")
    div_factor: Scalar = hyper(default=25.0, interval="(0, inf)")
    final_div_factor: Scalar = hyper(default=1e4, interval="(0, inf)")
    called = "linear_onecycle_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        steps, low = widen(self.transition_steps), widen(self.peak_value) * reciprocal(self.div_factor)
        turns = (whole_steps(widen(self.pct_start) * steps), whole_steps(widen(self.pct_final) * steps), steps)
        scales = (self.div_factor, reciprocal(self.div_factor), reciprocal(self.final_div_factor))
        return PiecewiseInterpolate("linear", low, turns, scales).at_time(time)


@record
class CosineOneCycle(OfTime):
    """Half a cosine up from peak_value / div_factor to `peak_value`, half a cosine down to far below the beginning.

    It peaks at `pct_start` of the `transition_steps`, rounded down to whole steps as in optax (derivatives ignore the
    rounding), and ends at peak_value / (div_factor final_div_factor).
    """

    transition_steps: Scalar = hyper(interval="(0, inf)")
    peak_value: Scalar = hyper()
    pct_start: Scalar = hyper(default=0.3, interval="[0, 1]")
    div_factor: Scalar = hyper(default=25.0, interval="(0, inf)")
    final_div_factor: Scalar = hyper(default=1e4, interval="(0, inf)")
    called = "cosine_onecycle_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        steps, low = widen(self.transition_steps), widen(self.peak_value) * reciprocal(self.div_factor)
        scales = (self.div_factor, reciprocal(self.div_factor) * reciprocal(self.final_div_factor))
        turns = (whole_steps(widen(self.pct_start) * steps), steps)
        return PiecewiseInterpolate("cosine", low, turns, scales).at_time(time)


@checked(boundaries_and_scales=TABLE)
def piecewise_constant_schedule(
    init_value: Scalar, boundaries_and_scales: Mapping[int, Scalar] | None = None
) -> PiecewiseConstant:
    """Multiply `init_value` by each scale from its step on: `piecewise_constant_schedule(0.1, {100: 0.1})`."""
    return PiecewiseConstant(init_value, *_columns(boundaries_and_scales))


@checked(boundaries_and_scales=TABLE, interpolate_type=TYPE)
def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: Scalar, boundaries_and_scales: Mapping[int, Scalar] | None = None
) -> PiecewiseInterpolate:
    """Join values that are scaled at each boundary by lines or half cosines (`"linear"`, `"cosine"`)."""
    return PiecewiseInterpolate(interpolate_type, init_value, *_columns(boundaries_and_scales))


@checked()
def linear_onecycle_schedule(
    transition_steps: Scalar,
    peak_value: Scalar,
    pct_start: Scalar = 0.3,
    pct_final: Scalar = 0.85,
    div_factor: Scalar = 25.0,
    final_div_factor: Scalar = 1e4,
) -> LinearOneCycle:
    """Go up to the peak, down again and further down, in three straight lines."""
    return LinearOneCycle(transition_steps, peak_value, pct_start, pct_final, div_factor, final_div_factor)


@checked()
def cosine_onecycle_schedule(
    transition_steps: Scalar,
    peak_value: Scalar,
    pct_start: Scalar = 0.3,
    div_factor: Scalar = 25.0,
    final_div_factor: Scalar = 1e4,
) -> CosineOneCycle:
    """Go up to the peak and down to far below the beginning, in two half cosines."""
    return CosineOneCycle(transition_steps, peak_value, pct_start, div_factor, final_div_factor)


def _columns(table: Mapping[int, Scalar] | None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    steps = sorted(table or {})
    return tuple(steps), tuple((table or {})[step] for step in steps)


def _pairs(schedule: PiecewiseConstant | PiecewiseInterpolate) -> list[tuple[Any, jax.Array]]:
    boundaries, scales = schedule.boundaries, schedule.scales
    if len(boundaries) != len(scales):
        raise InputError(
            f"{type(schedule).__name__}: got {len(boundaries)} boundaries and {len(scales)} scales; "
            "each boundary needs its scale."
        )
    return [(boundary, widen(scale)) for boundary, scale in zip(boundaries, scales, strict=True)]


def _table(schedule: PiecewiseConstant | PiecewiseInterpolate) -> str:
    """Show the boundaries and scales as the dict that makes them."""
    rows = zip(brief(schedule.boundaries), brief(schedule.scales), strict=False)
    return f"{{{', '.join(f'{boundary!r}: {scale!r}' for boundary, scale in rows)}}}"
