"""Bounds on each entry: a box, and the numbers that are not negative."""

import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core import InputError, part, record
from jgd.core.types import Weights
from jgd.nonsmooth.mirror import MirrorMap, relative_entropy
from jgd.nonsmooth.nonsmooth import broadcasts, for_each_leaf, number


@record
class Box(MirrorMap):
    """Bound each entry, lo <= x <= hi: the prox clips.

    A bound is a number, an array that broadcasts to each leaf, a tree of both, or None for no bound. `lmo` takes lo
    where the gradient is positive, hi where it is negative, and where it is zero the point nearest to 0; it is infinite
    where that bound is. `mirror` is that of the entropies of the distances to the bounds: it moves log(x - lo) - log(hi
    - x) by -t g, log(x - lo) where hi is infinite, and x where both are; a distance of 0 counts as eps of the box's
    width, or eps. Inside is what misses a bound by 4 eps of its size. Cost: one pass.
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
        """Tell whether all entries lie within the bounds."""
        low, high = (bound + side * 4 * slack * jnp.abs(bound) for bound, side in ((lo, -1), (hi, 1)))
        return jnp.all((low <= x) & (x <= high))

    def project(self, v: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """Return the nearest point."""
        return jnp.clip(v, lo, hi)

    def vertex(self, g: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """Return the corner against the gradient."""
        return jnp.where(g > 0, lo, jnp.where(g < 0, hi, jnp.clip(jnp.zeros_like(g), lo, hi)))

    def mirror_of(self, x: jax.Array, g: jax.Array, t: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """Return a logistic step between two bounds, a multiplicative one from one bound, else a gradient step."""
        below, above = jnp.isfinite(lo), jnp.isfinite(hi)
        width = jnp.where(below & above, hi - lo, 1.0)
        u, v = (_grown(d, width) for d in (jnp.where(below, x - lo, 1.0), jnp.where(above, hi - x, 1.0)))
        between = lo + width * jax.nn.sigmoid(jnp.log(u) - jnp.log(v) - t * g)
        one = jnp.where(below, lo + u * jnp.exp(-t * g), hi - v * jnp.exp(t * g))
        moved = jnp.where(below & above, between, jnp.where(below | above, one, x - t * g))
        return jnp.clip(moved, lo, hi)

    def divergence_of(self, new: jax.Array, old: jax.Array, lo: jax.Array, hi: jax.Array) -> jax.Array:
        """Return the relative entropies of the distances to the bounds.

        Half the squared distance where there are none.
        """
        below, above = jnp.isfinite(lo), jnp.isfinite(hi)
        free = jnp.where(below | above, 0.0, (new - old) ** 2 / 2)
        low = jnp.where(below, relative_entropy(*(jnp.where(below, x - lo, 1.0) for x in (new, old))), 0.0)
        high = jnp.where(above, relative_entropy(*(jnp.where(above, hi - x, 1.0) for x in (new, old))), 0.0)
        return jnp.sum(free + low + high)


box = Box


@record
class NonNegative(MirrorMap):
    """Keep each entry x >= 0: the prox is max(v, 0).

    `mirror` is x exp(-t g), with the relative entropy, where an entry of 0 counts as eps (Kivinen & Warmuth 1997).
    There is no `lmo`, the set being unbounded. Cost: one pass.
    """

    separable = True
    real = True

    def holds(self, x: jax.Array, slack: float) -> jax.Array:
        """Tell whether no entry is negative."""
        return jnp.all(x >= 0)

    def project(self, v: jax.Array) -> jax.Array:
        """Return the nearest point."""
        return jnp.maximum(v, 0)

    def mirror_of(self, x: jax.Array, g: jax.Array, t: jax.Array) -> jax.Array:
        """Return the multiplicative step."""
        return _grown(x, 1.0) * jnp.exp(-t * g)

    def divergence_of(self, new: jax.Array, old: jax.Array) -> jax.Array:
        """Return the relative entropy."""
        return jnp.sum(relative_entropy(new, old))


non_negative = NonNegative


def _grown(distance: jax.Array, width: jax.Array | float) -> jax.Array:
    """Return a distance to a bound, at least eps of a width and never 0, so that it can grow again."""
    info = jnp.finfo(distance.dtype)
    return jnp.maximum(distance, jnp.maximum(info.eps * width, info.tiny))


def _is_known(x: Any) -> bool:
    return isinstance(x, (float, np.ndarray, jax.Array)) and not isinstance(x, jax.core.Tracer)
