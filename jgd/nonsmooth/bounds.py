"""Bounds on each entry: a box, and the numbers that are not negative."""

import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core import InputError, record
from jgd.core.types import Scalar
from jgd.nonsmooth.nonsmooth import ConvexSet, number, spread


@record
class Box(ConvexSet):
    """The set lo <= x <= hi, entry by entry: its prox clips.

    A bound is a number, an array that broadcasts to each leaf, a tree of both, or None for no bound. `lmo` takes lo
    where the gradient is positive, hi where it is negative, and where it is zero the point nearest to 0; it is infinite
    where that bound is. Inside is what misses a bound by 4 eps of its size. Cost: one pass.
    """

    lo: Scalar | None = number("[-inf, inf)", default=None, absent=-math.inf)
    hi: Scalar | None = number("(-inf, inf]", default=None, absent=math.inf)
    separable = True
    real = True

    def check_fields(self) -> None:
        """Refuse bounds that are known to be reversed."""
        bounds = (self.lo, self.hi)
        deepest = max(bounds, key=lambda tree: jax.tree.structure(tree).num_nodes)
        rows = zip(
            *(spread("Box", name, x, deepest) for name, x in zip(("lo", "hi"), bounds, strict=True)), strict=True
        )
        for row in rows:
            if all(isinstance(x, (float, np.ndarray, jax.Array)) for x in row) and not _any_traced(row):
                lo, hi = map(np.asarray, row)
                if np.any(lo > hi):
                    raise InputError(f"Box(lo={self.lo!r}, hi={self.hi!r}): lo must not exceed hi; swap them.")

    def holds(self, x: jax.Array, slack: float, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """Whether all entries lie within the bounds."""
        return jnp.all(
            (lo - 4 * slack * jnp.abs(lo) <= x) & (x <= hi + 4 * slack * jnp.abs(hi)) | (x == lo) | (x == hi)
        )

    def project(self, v: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """The nearest point."""
        return jnp.clip(v, lo, hi)

    def vertex(self, g: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """The corner against the gradient."""
        return jnp.where(g > 0, lo, jnp.where(g < 0, hi, jnp.clip(jnp.zeros_like(g), lo, hi)))


box = Box


@record
class NonNegative(ConvexSet):
    """The set x >= 0, entry by entry: its prox is max(v, 0). It has no `lmo`, being unbounded. Cost: one pass."""

    separable = True
    real = True

    def holds(self, x: jax.Array, slack: float) -> jax.Array:
        """Whether no entry is negative."""
        return jnp.all(x >= 0)

    def project(self, v: jax.Array) -> jax.Array:
        """The nearest point."""
        return jnp.maximum(v, 0)


non_negative = NonNegative


def _any_traced(row: Any) -> bool:
    return any(isinstance(x, jax.core.Tracer) for x in row)
