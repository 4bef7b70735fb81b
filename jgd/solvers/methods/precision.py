"""When a method has come as near as its dtype allows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.solvers.methods.line_searches import equal_rtol, rounding


class Stalls(NamedTuple):
    """Steps in a row that lowered neither the value, beyond its rounding, nor the least optimality so far."""

    first: jax.Array  # f[], the optimality at the start
    least: jax.Array  # f[], the least so far
    count: jax.Array  # i32[]

    def reached(self, old: jax.Array, new: jax.Array, optimality: jax.Array) -> jax.Array:
        """Whether two values, or the optimality as a share of the first, are no more than rounding, bool[]."""
        return (jnp.abs(new - old) <= rounding(old)) | (optimality <= equal_rtol(optimality) * self.first)

    @classmethod
    def none(cls, optimality: jax.Array) -> "Stalls":
        """Before the first step."""
        return cls(optimality, optimality, jnp.zeros((), jnp.int32))

    def after(self, old: jax.Array, new: jax.Array, optimality: jax.Array) -> "Stalls":
        """With a step more, from one value to another."""
        stalled = (jnp.abs(new - old) <= rounding(old)) & ~(optimality < self.least)
        return Stalls(self.first, jnp.minimum(self.least, optimality), jnp.where(stalled, self.count + 1, 0))
