"""Bounds on each entry: a box, and the numbers that are not negative."""

import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core import InputError, part, record
from jgd.core.types import Weights
from jgd.nonsmooth.nonsmooth import ConvexSet, broadcasts, for_each_leaf, number


@record
class Box(ConvexSet):
    """Bound each entry, lo <= x <= hi: the prox clips.

    A bound is a number, an array that broadcasts to each leaf, a tree of both, or None for no bound. `lmo` takes lo
    where the gradient is positive, hi where it is negative, and where it is zero the point nearest to 0; it is infinite
    where that bound is. Inside is what misses a bound by 4 eps of its size. Cost: one pass.
    """

    lo: Weights | None = part(default=None, convert=number("[-inf, inf)", absent=-math.inf))
    hi: Weights | None = part(default=None, convert=number("(-inf, inf]", absent=math.inf))
    separable = True
    real = True

    def check_fields(self) -> None:
        """Refuse bounds that are known to be reversed."""
        bounds = (self.lo, self.hi)
        deepest = max(bounds, key=lambda tree: jax.tree.structure(tree).num_nodes)
        columns = [for_each_leaf("Box", name, x, deepest) for name, x in zip(("lo", "hi"), bounds, strict=True)]
        for lo, hi in zip(*columns, strict=True):
            if _is_known(lo) and _is_known(hi):
                low, high = np.asarray(lo), np.asarray(hi)
                if broadcasts(low.shape, high.shape) and np.any(low > high):
                    raise InputError(f"Box(lo={self.lo!r}, hi={self.hi!r}): lo must not exceed hi; swap them.")

    def holds(self, x: jax.Array, slack: float, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """Whether all entries lie within the bounds."""
        low, high = (bound + side * 4 * slack * jnp.abs(bound) for bound, side in ((lo, -1), (hi, 1)))
        return jnp.all((low <= x) & (x <= high))

    def project(self, v: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """The nearest point."""
        return jnp.clip(v, lo, hi)

    def vertex(self, g: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """The corner against the gradient."""
        return jnp.where(g > 0, lo, jnp.where(g < 0, hi, jnp.clip(jnp.zeros_like(g), lo, hi)))


box = Box


@record
class NonNegative(ConvexSet):
    """Keep each entry x >= 0: the prox is max(v, 0). There is no `lmo`, the set being unbounded. Cost: one pass."""

    separable = True
    real = True

    def holds(self, x: jax.Array, slack: float) -> jax.Array:
        """Whether no entry is negative."""
        return jnp.all(x >= 0)

    def project(self, v: jax.Array) -> jax.Array:
        """The nearest point."""
        return jnp.maximum(v, 0)


non_negative = NonNegative


def _is_known(x: Any) -> bool:
    return isinstance(x, (float, np.ndarray, jax.Array)) and not isinstance(x, jax.core.Tracer)
