"""Schedules of one phase: constant, linear, polynomial, exponential, cosine."""

import jax
import jax.numpy as jnp

from jgd.core.arguments import checked
from jgd.core.record import hyper, record, static
from jgd.core.tree import widen
from jgd.core.types import Scalar
from jgd.schedules.curves import SHORTEST, blend, geometric, half_cosine, power_curve, progress, transition
from jgd.schedules.time import OfTime, Time


@record
class Constant(OfTime):
    """Give the same value at every step."""

    value: Scalar = hyper()
    called = "constant_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        return jnp.broadcast_to(widen(self.value), time.whole.shape)


@record
class Linear(OfTime):
    """A straight line from `init_value` at `transition_begin` to `end_value`, `transition_steps` later; flat outside.

    A transition of no steps, or fewer, never happens: the value stays at `init_value`, as in optax.
    """

    init_value: Scalar = hyper()
    end_value: Scalar = hyper()
    transition_steps: Scalar = hyper()
    transition_begin: Scalar = hyper(default=0.0, interval="[0, inf)")
    called = "linear_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        share = transition(time, self.transition_begin, self.transition_steps)
        return blend(self.init_value, self.end_value, share)


@record
class Polynomial(OfTime):
    """end_value + (init_value - end_value) (1 - p)^power, with p the share of `transition_steps` that has passed.

    A transition of no steps, or fewer, never happens: the value stays at `init_value`, as in optax.
    """

    init_value: Scalar = hyper()
    end_value: Scalar = hyper()
    power: Scalar = hyper(interval="[0, inf)")
    transition_steps: Scalar = hyper()
    transition_begin: Scalar = hyper(default=0.0, interval="[0, inf)")
    called = "polynomial_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        share = transition(time, self.transition_begin, self.transition_steps)
        return blend(self.end_value, self.init_value, power_curve(1 - share, self.power))


@record
class ExponentialDecay(OfTime):
    """init_value * decay_rate^p, with p the time since `transition_begin` in units of `transition_steps`.

    With `staircase` p is rounded down. `end_value` is a lower bound for a rate below 1 and an upper bound otherwise.
    Growth without a bound stops at e^60 times `init_value`. With a rate of 0, or `transition_steps` of 0 or fewer, the
    value stays at `init_value`, as in optax.
    """

    init_value: Scalar = hyper()
    transition_steps: Scalar = hyper()
    decay_rate: Scalar = hyper(interval="[0, inf)")
    transition_begin: Scalar = hyper(default=0.0, interval="[0, inf)")
    staircase: bool = static(default=False)
    end_value: Scalar | None = hyper(default=None)
    called = "exponential_decay"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        start, rate, steps = widen(self.init_value), widen(self.decay_rate), widen(self.transition_steps)
        periods = jnp.maximum(time.since(self.transition_begin).value, 0.0) / jnp.maximum(steps, SHORTEST)
        value = start * geometric(rate, jnp.floor(periods) if self.staircase else periods)
        if self.end_value is not None:
            end = widen(self.end_value)
            value = jnp.where(rate < 1, jnp.maximum(value, end), jnp.minimum(value, end))
        return jnp.where((steps > 0) & (rate > 0), value, start)


@record
class CosineDecay(OfTime):
    """init_value ((1 - alpha) ((1 + cos(pi p)) / 2)^exponent + alpha), with p the share of `decay_steps` passed.

    (Loshchilov and Hutter 2017, arXiv:1608.03983), one cycle.
    """

    init_value: Scalar = hyper()
    decay_steps: Scalar = hyper(interval="(0, inf)")
    alpha: Scalar = hyper(default=0.0)
    exponent: Scalar = hyper(default=1.0, interval="[0, inf)")
    called = "cosine_decay_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        curve = power_curve(half_cosine(progress(time, 0.0, self.decay_steps)), self.exponent)
        return widen(self.init_value) * blend(self.alpha, 1.0, curve)


@checked()
def constant_schedule(value: Scalar) -> Constant:
    """Give the same value at every step."""
    return Constant(value)


@checked()
def linear_schedule(
    init_value: Scalar, end_value: Scalar, transition_steps: Scalar, transition_begin: Scalar = 0
) -> Linear:
    """Go from one value to another in a straight line."""
    return Linear(init_value, end_value, transition_steps, transition_begin)


@checked()
def polynomial_schedule(
    init_value: Scalar, end_value: Scalar, power: Scalar, transition_steps: Scalar, transition_begin: Scalar = 0
) -> Polynomial:
    """Follow a power of the remaining share, from one value to another."""
    return Polynomial(init_value, end_value, power, transition_steps, transition_begin)


@checked()
def exponential_decay(
    init_value: Scalar,
    transition_steps: Scalar,
    decay_rate: Scalar,
    transition_begin: Scalar = 0,
    staircase: bool = False,
    end_value: Scalar | None = None,
) -> ExponentialDecay:
    """Multiply by `decay_rate` every `transition_steps`, smoothly or in stairs."""
    return ExponentialDecay(init_value, transition_steps, decay_rate, transition_begin, staircase, end_value)


@checked()
def cosine_decay_schedule(
    init_value: Scalar, decay_steps: Scalar, alpha: Scalar = 0.0, exponent: Scalar = 1.0
) -> CosineDecay:
    """Fall along half a cosine from `init_value` to `alpha` times as much."""
    return CosineDecay(init_value, decay_steps, alpha, exponent)
