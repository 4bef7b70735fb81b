"""When a method has come as near as its dtype allows."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.solvers.methods.line_searches import NOISIEST, equal_rtol, rounding
from jgd.solvers.methods.method import FALLS, status

MOST_STALLS = 10
"""After how many steps in a row that lower neither the value nor the optimality a method ends."""
UNKNOWN = 10
"""How many times what it promises a model that was learned from gradients may have left to gain."""


class Stalls(NamedTuple):
    """Steps in a row that together lowered neither the value, beyond its rounding, nor the optimality by a tenth."""

    scale: jax.Array  # f[], the size of the value at the start
    lowest: jax.Array  # f[], the value where they began
    least: jax.Array  # f[], the optimality there
    promised: jax.Array  # f[], the most that a direction since then was to lower the value by
    unsure: jax.Array  # i32[], how many steps more must fall before promises count: a model has begun anew
    count: jax.Array  # i32[]

    @classmethod
    def none(cls, value: jax.Array, optimality: jax.Array) -> "Stalls":
        """Return the record before the first step."""
        zero, none = jnp.zeros_like(value), jnp.zeros((), jnp.int32)
        return cls(jnp.abs(value), value, optimality.astype(value.dtype), zero, none, none)

    def after(self, value: jax.Array, optimality: jax.Array, last: jax.Array | None = None) -> "Stalls":
        """Add a step; where values may rise on the way, it counts by how much they fell from the `last`."""
        old = self.lowest if last is None else last
        falls = (old - value > rounding(old)) | (optimality < FALLS * self.least)
        return Stalls(
            self.scale,
            jnp.where(falls, jnp.minimum(self.lowest, value), self.lowest),
            jnp.where(falls, jnp.minimum(self.least, optimality), self.least),
            jnp.where(falls, jnp.where(self.unsure > 0, jnp.inf, 0.0), self.promised),
            self.unsure - jnp.where(falls & (self.unsure > 0), 1, 0),
            jnp.where(falls, 0, self.count + 1),
        )

    def along(self, promised: jax.Array) -> "Stalls":
        """Add a direction, which promises to lower the value by so much."""
        return self._replace(promised=jnp.maximum(self.promised, promised))

    def status(self, value: jax.Array, noise: Any = 0.0, otherwise: Status = Status.LINE_SEARCH) -> jax.Array:
        """Tell why no step is found: PRECISION where all that was promised since is what values are off by.

        That is their rounding here, ten units of it, or what trials have contradicted the derivatives by,
        `noise`; where this is too much, the values say nothing. A value is 0 to rounding, and has nothing left to fall,
        where its root is a hundred units of the start's root, as in sums of squares.
        """
        nothing = (10 * equal_rtol(value)) ** 2 * self.scale
        off = jnp.maximum(rounding(value), nothing)
        exact = (self.promised <= jnp.maximum(rounding(value), noise)) | (jnp.abs(value) <= nothing)
        return jnp.where(exact & (noise <= NOISIEST * off), status(Status.PRECISION), status(otherwise))


def unseen(value: jax.Array) -> jax.Array:
    """Tell below how much a promise to lower the value must be solved for to rounding: eps^(2/3) |f|."""
    return float(jnp.finfo(value.dtype).eps) ** (2 / 3) * jnp.abs(value)
