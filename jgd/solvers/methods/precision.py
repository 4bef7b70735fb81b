"""When a method has come as near as its dtype allows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.solvers.methods.line_searches import equal_rtol, rounding
from jgd.solvers.methods.method import status
from jgd.transforms.line_search import RayPoint


def contradicts(start: RayPoint, trial: RayPoint) -> jax.Array:
    """Whether a trial is higher, beyond rounding, though the slopes at both ends say that it is lower, bool[].

    Then it is the derivatives that are wrong, or the rounding of the function that is more than its value tells.
    """
    return (trial.slope <= start.slope / 2) & (trial.value - start.value > rounding(start.value))


class Stalls(NamedTuple):
    """Steps in a row that lowered neither the value, beyond its rounding, nor the least optimality so far."""

    first: jax.Array  # f[], the optimality at the start
    least: jax.Array  # f[], the least so far
    count: jax.Array  # i32[]

    def status(self, old: jax.Array, new: jax.Array, optimality: jax.Array, wrong: jax.Array) -> jax.Array:
        """Why no step is found: PRECISION where two values differ by rounding, or the optimality is that of the first.

        The values say nothing where trials have contradicted the derivatives, `wrong`: then it is LINE_SEARCH.
        """
        equal = (jnp.abs(new - old) <= rounding(old)) & ~wrong
        exact = equal | (optimality <= equal_rtol(optimality) * self.first)
        return jnp.where(exact, status(Status.PRECISION), status(Status.LINE_SEARCH))

    @classmethod
    def none(cls, optimality: jax.Array) -> "Stalls":
        """Before the first step."""
        return cls(optimality, optimality, jnp.zeros((), jnp.int32))

    def after(self, old: jax.Array, new: jax.Array, optimality: jax.Array) -> "Stalls":
        """With a step more, from one value to another."""
        stalled = (jnp.abs(new - old) <= rounding(old)) & ~(optimality < self.least)
        return Stalls(self.first, jnp.minimum(self.least, optimality), jnp.where(stalled, self.count + 1, 0))
