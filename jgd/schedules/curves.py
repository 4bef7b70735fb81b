"""The parts of schedules: the share of a phase that has passed, and the curves drawn over it.

Everything here is computed in float32 at least, is finite for every finite input, and has a finite derivative there.
"""

import numbers
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.tree import widen
from jgd.core.types import Scalar
from jgd.schedules.time import Time

SHORTEST = 1e-6
"""A traced phase shorter than this many steps counts as this long, which keeps its derivative finite."""


def progress(time: Time, begin: Scalar, steps: Scalar) -> jax.Array:
    """Return the share of a phase that has passed, in [0, 1]; a phase of no length jumps from 0 to 1 at `begin`."""
    passed, steps = time.since(begin).value, widen(steps)
    share = jnp.clip(passed / jnp.maximum(steps, SHORTEST), 0.0, 1.0)
    return jnp.where(steps > 0, share, jnp.where(passed < 0, 0.0, 1.0))


def transition(time: Time, begin: Scalar, steps: Scalar) -> jax.Array:
    """Return `progress`, but 0 for ever where the phase has no length."""
    return jnp.where(widen(steps) > 0, progress(time, begin, steps), 0.0)


def blend(start: Scalar, end: Scalar, share: jax.Array) -> jax.Array:
    """Go from `start` at share 0 to `end` at share 1, exact at both ends (optax's form rounds small ends away)."""
    return widen(start) * (1 - share) + widen(end) * share


def half_cosine(share: jax.Array) -> jax.Array:
    """Fall from 1 at share 0 to 0 at share 1 along half a cosine, flat at both ends."""
    return 0.5 * (1 + jnp.cos(jnp.pi * share))


def power_curve(base: jax.Array, exponent: Scalar) -> jax.Array:
    """Compute base^exponent for a base in [0, 1], with derivative zero at base 0 instead of infinity."""
    exponent, positive = widen(exponent), base > 0
    return jnp.where(positive, jnp.where(positive, base, 1.0) ** exponent, jnp.where(exponent == 0, 1.0, 0.0))


def geometric(rate: Scalar, exponent: jax.Array) -> jax.Array:
    """Compute rate^exponent for an exponent of at least 0; growth stops at e^60, a traced rate at 1e-30.

    Without the two bounds a clipped schedule would have the derivative 0 * infinity once its power overflows.
    """
    return jnp.exp(jnp.minimum(exponent * jnp.log(jnp.maximum(widen(rate), 1e-30)), 60.0))


def reciprocal(factor: Scalar) -> jax.Array:
    """Compute 1 / factor for a positive factor; a traced one below 1e-9 counts as 1e-9."""
    return 1 / jnp.maximum(widen(factor), 1e-9)


def whole_steps(steps: jax.Array) -> jax.Array:
    """Round `steps` down, forgiving 4e-6 of rounding error; its derivative is that of `steps`, not zero."""
    return steps + jax.lax.stop_gradient(jnp.floor(steps * (1 + 4e-6)) - steps)


def are_plain(*values: Any) -> bool:
    """Tell whether all are Python numbers, whose relations can be checked when a schedule is built."""
    return all(isinstance(value, numbers.Real) for value in values)
