"""Schedules that begin with a linear warm-up: constant, cosine, exponential, stable-decay, inverse square root."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import checked, one_of
from jgd.core.errors import InputError
from jgd.core.record import hyper, record, static
from jgd.core.tree import safe_sqrt, widen
from jgd.core.types import Scalar
from jgd.schedules.basic import ExponentialDecay
from jgd.schedules.curves import SHORTEST, are_plain, blend, half_cosine, power_curve, progress
from jgd.schedules.time import OfTime, Time

COOLDOWNS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "linear": lambda share: 1 - share,
    "cosine": half_cosine,
    "sqrt": lambda share: 1 - safe_sqrt(share),
}
"""The curves by which `WarmupStableDecay` ends, from 1 to 0 as the share of the cooldown goes from 0 to 1."""


COOLDOWN = one_of(*COOLDOWNS)


@record
class WarmupConstant(OfTime):
    """A straight line from `init_value` to `peak_value` over `warmup_steps`, then `peak_value`.

    With 0 warm-up steps it is `peak_value` from the start; optax's then stays at `init_value` for ever.
    """

    init_value: Scalar = hyper()
    peak_value: Scalar = hyper()
    warmup_steps: Scalar = hyper(interval="[0, inf)")
    called = "warmup_constant_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        return blend(self.init_value, self.peak_value, progress(time, 0.0, self.warmup_steps))


@record
class LinearWarmup(OfTime):
    """peak_value min(1, (t+1) / warmup_steps): a warm-up whose first step already has a part of the rate.

    So the authors' packages of schedule-free optimizers and others count; `warmup_constant_schedule` begins at its
    `init_value`, and from 0 the first step is none.
    """

    peak_value: Scalar = hyper()
    warmup_steps: Scalar = hyper(interval="[0, inf)")
    called = "linear_warmup_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        share = (time.value + 1) / jnp.maximum(widen(self.warmup_steps), SHORTEST)
        return widen(self.peak_value) * jnp.minimum(share, 1.0)


@record
class WarmupCosineDecay(OfTime):
    """A linear warm-up to `peak_value`, then half a cosine to `end_value`, which it reaches at `decay_steps`.

    `decay_steps` is the whole length, warm-up included. Where it does not exceed `warmup_steps` (only a sweep or a
    trace can bring that about) the value jumps to `end_value` after the warm-up. After a `peak_value` of 0 it stays 0,
    as in optax.
    """

    init_value: Scalar = hyper()
    peak_value: Scalar = hyper()
    warmup_steps: Scalar = hyper(interval="[0, inf)")
    decay_steps: Scalar = hyper(interval="(0, inf)")
    end_value: Scalar = hyper(default=0.0)
    exponent: Scalar = hyper(default=1.0, interval="[0, inf)")
    called = "warmup_cosine_decay_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        length = widen(self.decay_steps) - widen(self.warmup_steps)
        curve = power_curve(half_cosine(progress(time, self.warmup_steps, length)), self.exponent)
        end = jnp.where(widen(self.peak_value) == 0, 0.0, self.end_value)
        return _warm_up(self, time, blend(end, self.peak_value, curve))


@record
class WarmupExponentialDecay(OfTime):
    """A linear warm-up to `peak_value`, then `ExponentialDecay`, whose clock starts when the warm-up ends."""

    init_value: Scalar = hyper()
    peak_value: Scalar = hyper()
    warmup_steps: Scalar = hyper(interval="[0, inf)")
    transition_steps: Scalar = hyper()
    decay_rate: Scalar = hyper(interval="[0, inf)")
    transition_begin: Scalar = hyper(default=0.0, interval="[0, inf)")
    staircase: bool = static(default=False)
    end_value: Scalar | None = hyper(default=None)
    called = "warmup_exponential_decay_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        fall = ExponentialDecay(
            self.peak_value,
            self.transition_steps,
            self.decay_rate,
            self.transition_begin,
            self.staircase,
            self.end_value,
        )
        return _warm_up(self, time, fall.at_time(time.since(self.warmup_steps)))


@record
class WarmupStableDecay(OfTime):
    """A linear warm-up, `peak_value` for `stable_steps`, then a cooldown to `end_value` over `decay_steps`.

    The three lengths add up. `cooldown` is `"linear"`, `"cosine"` or `"sqrt"`, which is 1 - sqrt(p), the best of those
    compared in (Hägele et al. 2024, arXiv:2405.18392). A phase of no length is skipped; one of 0 `decay_steps` jumps to
    `end_value`.
    """

    peak_value: Scalar = hyper()
    warmup_steps: Scalar = hyper(interval="[0, inf)")
    stable_steps: Scalar = hyper(interval="[0, inf)")
    decay_steps: Scalar = hyper(interval="[0, inf)")
    init_value: Scalar = hyper(default=0.0)
    end_value: Scalar = hyper(default=0.0)
    cooldown: str = static(default="linear", expect=COOLDOWN)
    called = "warmup_stable_decay_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        curve = COOLDOWNS[self.cooldown](progress(time.since(self.warmup_steps), self.stable_steps, self.decay_steps))
        return _warm_up(self, time, blend(self.end_value, self.peak_value, curve))


@record
class InverseSqrt(OfTime):
    """A linear warm-up, then peak_value / sqrt(1 + (count - warmup_steps) / timescale).

    Without a `timescale` it is `warmup_steps`, which makes the decay peak_value * sqrt(warmup_steps / count)
    (Vaswani et al. 2017, arXiv:1706.03762). A timescale shorter than one step counts as one.
    """

    peak_value: Scalar = hyper()
    warmup_steps: Scalar = hyper(interval="[0, inf)")
    init_value: Scalar = hyper(default=0.0)
    timescale: Scalar | None = hyper(default=None, interval="(0, inf)")
    called = "inverse_sqrt_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        scale = jnp.maximum(widen(self.warmup_steps if self.timescale is None else self.timescale), 1.0)
        passed = jnp.maximum(time.since(self.warmup_steps).value, 0.0)
        fall = widen(self.peak_value) * jax.lax.rsqrt(1 + passed / scale)
        return _warm_up(self, time, fall)


@checked()
def warmup_cosine_decay_schedule(
    init_value: Scalar,
    peak_value: Scalar,
    warmup_steps: Scalar,
    decay_steps: Scalar,
    end_value: Scalar = 0.0,
    exponent: Scalar = 1.0,
) -> WarmupCosineDecay:
    """Warm up linearly, then fall along half a cosine; `decay_steps` is the total length, warm-up included."""
    if are_plain(warmup_steps, decay_steps) and not warmup_steps < decay_steps:
        raise InputError(
            f"warmup_cosine_decay_schedule(warmup_steps={warmup_steps!r}, decay_steps={decay_steps!r}): decay_steps is "
            "the length of the whole schedule and must exceed warmup_steps; add the warm-up to it."
        )
    return WarmupCosineDecay(init_value, peak_value, warmup_steps, decay_steps, end_value, exponent)


@checked()
def linear_warmup_schedule(peak_value: Scalar, warmup_steps: Scalar) -> LinearWarmup:
    """Warm up linearly, with `peak_value / warmup_steps` at the first step, then keep `peak_value` for ever."""
    return LinearWarmup(peak_value, warmup_steps)


@checked()
def warmup_constant_schedule(init_value: Scalar, peak_value: Scalar, warmup_steps: Scalar) -> WarmupConstant:
    """Warm up linearly, then keep `peak_value` for ever."""
    return WarmupConstant(init_value, peak_value, warmup_steps)


@checked()
def warmup_exponential_decay_schedule(
    init_value: Scalar,
    peak_value: Scalar,
    warmup_steps: Scalar,
    transition_steps: Scalar,
    decay_rate: Scalar,
    transition_begin: Scalar = 0,
    staircase: bool = False,
    end_value: Scalar | None = None,
) -> WarmupExponentialDecay:
    """Warm up linearly, then follow `exponential_decay`."""
    return WarmupExponentialDecay(
        init_value, peak_value, warmup_steps, transition_steps, decay_rate, transition_begin, staircase, end_value
    )


@checked(cooldown=COOLDOWN)
def warmup_stable_decay_schedule(
    peak_value: Scalar,
    warmup_steps: Scalar,
    stable_steps: Scalar,
    decay_steps: Scalar,
    init_value: Scalar = 0.0,
    end_value: Scalar = 0.0,
    cooldown: str = "linear",
) -> WarmupStableDecay:
    """Warm up, hold, and decay: a `"linear"`, `"cosine"` or `"sqrt"` cooldown, which may be chosen late in a run."""
    return WarmupStableDecay(peak_value, warmup_steps, stable_steps, decay_steps, init_value, end_value, cooldown)


@checked()
def inverse_sqrt_schedule(
    peak_value: Scalar, warmup_steps: Scalar, init_value: Scalar = 0.0, timescale: Scalar | None = None
) -> InverseSqrt:
    """Warm up linearly, then fall with the inverse square root of time."""
    return InverseSqrt(peak_value, warmup_steps, init_value, timescale)


def _warm_up(schedule: Any, time: Time, after: jax.Array) -> jax.Array:
    """Return a straight line from `init_value` to `peak_value` over `warmup_steps`, then `after`."""
    rise = blend(schedule.init_value, schedule.peak_value, progress(time, 0.0, schedule.warmup_steps))
    return jnp.where(time.since(schedule.warmup_steps).value < 0, rise, after)
