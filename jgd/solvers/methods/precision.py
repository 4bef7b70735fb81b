"""When a method has come as near as its dtype allows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.solvers.methods.line_searches import rounding


class Stalls(NamedTuple):
    """Steps in a row that lowered neither the value, beyond its rounding, nor the least optimality so far."""

    least: jax.Array  # f[], the least optimality
    count: jax.Array  # i32[]

    @classmethod
    def none(cls, optimality: jax.Array) -> "Stalls":
        """Before the first step."""
        return cls(optimality, jnp.zeros((), jnp.int32))

    def after(self, old: jax.Array, new: jax.Array, optimality: jax.Array) -> "Stalls":
        """With a step more, from one value to another."""
        stalled = (jnp.abs(new - old) <= rounding(old)) & ~(optimality < self.least)
        return Stalls(jnp.minimum(self.least, optimality), jnp.where(stalled, self.count + 1, 0))
