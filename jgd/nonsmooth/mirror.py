"""Geometries of sets, in which the steps of mirror descent stay inside without a projection."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jgd.core.tree import cast_like, widen
from jgd.core.types import Grads, Params
from jgd.nonsmooth.nonsmooth import ConvexSet


class MirrorMap(ConvexSet):
    """Lift the step of mirror descent on one array to trees; a set that has one inherits from it.

    The record defines `mirror_of(x, g, t, *numbers)`, the y that minimises <y, g> + D(y, x) / t inside the set, and
    `divergence_of(new, old, *numbers)`, the Bregman divergence D, a scalar, from terms that are not negative.
    """

    mirror_of: ClassVar[Callable[..., Any]]
    divergence_of: ClassVar[Callable[..., Any]]

    def mirror(self, params: Params, grads: Grads, step: Any) -> Params:
        """Return the x that minimises <x, grads> + D(x, params) / step inside the set, with the dtypes of `params`."""
        rows, structure = self.rows("mirror", params)
        leaves = zip(rows, structure.flatten_up_to(grads), strict=True)
        return structure.unflatten(
            [cast_like(self.mirror_of(widen(x), widen(g), step, *numbers), x) for (x, numbers), g in leaves]
        )

    def divergence(self, params: Params, others: Params) -> jax.Array:
        """Compute D(params, others) >= 0: the sum over the leaves, a scalar."""
        rows, structure = self.rows("divergence", params)
        leaves = zip(rows, structure.flatten_up_to(others), strict=True)
        parts = [self.divergence_of(widen(new), widen(old), *numbers) for (new, numbers), old in leaves]
        return sum(parts, start=jnp.zeros((), jnp.float32))


def relative_entropy(new: jax.Array, old: jax.Array) -> jax.Array:
    """Compute new log(new / old) - new + old of numbers that are not negative, so that near ones keep their digits."""
    old = jnp.maximum(old, jnp.finfo(old.dtype).tiny)
    change = (new - old) / old
    # (1 + c) log(1 + c) - c, which is c^2 / 2 - c^3 / 6 where rounding would be larger than it.
    near = change**2 / 2 - change**3 / 6
    far = (1 + change) * jnp.log1p(jnp.maximum(change, -1 + jnp.finfo(old.dtype).epsneg)) - change
    return old * jnp.where(jnp.abs(change) < 1e-3, near, far)
