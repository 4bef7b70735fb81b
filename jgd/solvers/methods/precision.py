"""When a method has come as near as its dtype allows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.solvers.methods.line_searches import NOISIEST, equal_rtol, rounding
from jgd.solvers.methods.method import FALLS, status


class Stalls(NamedTuple):
    """Steps in a row that lowered neither the value, beyond its rounding, nor the optimality by a tenth."""

    first: jax.Array  # f[], the optimality at the start
    least: jax.Array  # f[], the last that was lower by a tenth than the one before
    lowest: jax.Array  # f[], the lowest value so far
    count: jax.Array  # i32[]

    def status(self, old: jax.Array, new: jax.Array, optimality: jax.Array, noise: jax.Array) -> jax.Array:
        """Why no step is found: PRECISION where two values differ by rounding, or the optimality is that of the first.

        Rounding is what trials have contradicted the derivatives by, `noise`, where that is more. Where it is too much,
        the values say nothing: then it is LINE_SEARCH.
        """
        wrong = noise > NOISIEST * rounding(old)
        equal = (jnp.abs(new - old) <= jnp.maximum(rounding(old), 2 * noise)) & ~wrong
        exact = equal | (optimality <= equal_rtol(optimality) * self.first)
        return jnp.where(exact, status(Status.PRECISION), status(Status.LINE_SEARCH))

    @classmethod
    def none(cls, value: jax.Array, optimality: jax.Array) -> "Stalls":
        """Before the first step."""
        return cls(optimality, optimality, value, jnp.zeros((), jnp.int32))

    def after(self, old: jax.Array, new: jax.Array, optimality: jax.Array) -> "Stalls":
        """With a step more, to a value that is to be lower than an old one."""
        falls = optimality < FALLS * self.least
        count = jnp.where((old - new > rounding(old)) | falls, 0, self.count + 1)
        return Stalls(self.first, jnp.where(falls, optimality, self.least), jnp.minimum(self.lowest, new), count)
