"""Anderson's extrapolation: how far a fixed-point iteration would go on, from how its last residuals changed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.types import Scalar
from jgd.solvers.methods.linear_model import LinearModel, columns_of


class Mixing(NamedTuple):
    """The last changes of a point and of its residual, which is where it goes next less itself; unused rows are 0."""

    steps: jax.Array  # f[m, n]
    changes: jax.Array  # f[m, n]
    count: jax.Array  # i32[]

    @classmethod
    def none(cls, rows: int, like: jax.Array) -> "Mixing":
        """Return the memory before the first change of a vector like this one."""
        empty = jnp.zeros((rows, like.size), like.dtype)
        return cls(empty, empty, jnp.zeros((), jnp.int32))

    def after(self, step: jax.Array, change: jax.Array) -> "Mixing":
        """Return the memory with the newest change in the place of the oldest."""
        slot = self.count % self.steps.shape[0]
        return Mixing(self.steps.at[slot].set(step), self.changes.at[slot].set(change), self.count + 1)

    def correction(self, residual: jax.Array, mixing: Scalar = 1.0) -> jax.Array:
        """Compute (S + b Y) c, c the least squares solution of Y c = r, which lowers x + b r (Walker & Ni 2011)."""
        columns = columns_of(self.changes.T)
        model = LinearModel.of(1 / columns, (self.changes / columns[:, None]).T, residual)
        return -model.scale * model.step() @ (self.steps + mixing * self.changes)
