"""Time as schedules see it: whole steps and a fraction apart, so that it stays exact where float32 is 2 steps wide."""

import numbers
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import Kind, admits
from jgd.core.errors import InputError
from jgd.core.given import Placeholder
from jgd.core.outline import shown
from jgd.core.record import Function
from jgd.core.tree import widen
from jgd.core.types import Scalar, Transform

LARGEST = 2**31 - 1
NUMBER = Kind("be a number, or what stands for one", lambda x: _is_number(x) or isinstance(x, Placeholder))
STEP = Kind("be a number of steps, at least 0", lambda x: admits(NUMBER, x) and not (_is_real(x) and not x >= 0))
SCHEDULE = Kind("be a function of the count", lambda x: callable(x) and not isinstance(x, (type, Transform)))
VALUE = Kind("be a number or a function of the count", lambda x: admits(NUMBER, x) or admits(SCHEDULE, x))


class Time(NamedTuple):
    """A time of `whole + fraction` steps. The fraction is small; `whole` is a float where the count was no integer."""

    whole: jax.Array  # i32, i64 or a float, of the count's shape
    fraction: Any

    @property
    def value(self) -> jax.Array:
        """The time in one float, rounded once; its sign is exact. Weakly typed where the count was an integer."""
        return widen(self.whole * 1.0) + self.fraction

    @property
    def steps(self) -> jax.Array:
        """The time rounded down to whole steps, an integer of at least 0."""
        down = jnp.floor(self.whole + self.fraction) if _is_float(self.whole) else self.whole
        rest = 0 if _is_float(self.whole) else jnp.asarray(jnp.floor(self.fraction)).astype(down.dtype)
        return jnp.maximum(down + rest, 0).astype(jnp.int32 if _is_float(self.whole) else down.dtype)

    def since(self, begin: Scalar) -> "Time":
        """Return the time passed since `begin`, negative before it: whole steps are subtracted as integers."""
        if _is_float(self.whole):
            return Time(self.whole - widen(begin), self.fraction)
        if isinstance(begin, numbers.Real):  # known exactly, also where float32 cannot hold it
            down = int(np.floor(min(begin, LARGEST)))
            return Time(self.whole - down, self.fraction - (0.0 if begin > LARGEST else float(begin) - down))
        begin = widen(begin)
        # The largest integer is no float32; a boundary beyond it is as far away as it need be.
        down = jnp.floor(jax.lax.stop_gradient(jnp.clip(begin, -1e9, 2147483520.0)))
        fraction = jnp.where(begin > LARGEST, 0.0, begin - down)
        return Time(self.whole - down.astype(self.whole.dtype), self.fraction - fraction)

    def positive(self) -> "Time":
        """Return the time itself, or 0 before it."""
        before = self.value < 0
        return Time(jnp.where(before, 0, self.whole), jnp.where(before, 0.0, self.fraction))


def time_of(count: Any) -> Time:
    """Turn `count` into a time of at least 0: a negative count means the first step, where optax extrapolates."""
    if isinstance(count, numbers.Integral):
        count = int(count) if count <= LARGEST else float(count)
    elif isinstance(count, np.ndarray) and count.dtype.kind in "iu":
        count = np.minimum(count, LARGEST).astype(np.int32)
    count = jnp.asarray(count)
    if jnp.issubdtype(count.dtype, jnp.unsignedinteger):
        count = jnp.minimum(count, LARGEST).astype(jnp.int32)
    elif count.dtype in (jnp.int8, jnp.int16, jnp.bool_):
        count = count.astype(jnp.int32)
    return Time(jnp.maximum(count if not _is_float(count) else widen(count), 0), 0.0)


class OfTime:
    """A schedule that is asked at a `Time`, so that one inside another loses no step."""

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        raise NotImplementedError

    def __call__(self, count: Any) -> jax.Array:
        """Return the value at `count`."""
        return self.at_time(time_of(count))


def ask(schedule: Any, time: Time) -> jax.Array:
    """Return a schedule's value at `time`. A plain function gets whole steps, since it may look them up in a table."""
    if isinstance(schedule, OfTime):
        return schedule.at_time(time)
    value = schedule(time.steps if isinstance(schedule, Function) else time.value)
    if not _is_number(value) or jnp.shape(value) not in ((), time.whole.shape):
        raise InputError(
            f"{shown(getattr(schedule, 'fn', schedule))}: as a schedule it returned {shown(value)}, expected a number; "
            "return one for each count."
        )
    return value


def _is_float(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.inexact)


def _is_real(x: Any) -> bool:
    return isinstance(x, numbers.Real) and not isinstance(x, (bool, np.bool_))


def _is_number(x: Any) -> bool:
    """Tell whether it is a real number, known or traced, or an array of a batch of them."""
    return _is_real(x) or getattr(getattr(x, "dtype", None), "kind", "b") not in "USOb"
