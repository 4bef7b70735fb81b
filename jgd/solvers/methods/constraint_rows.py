"""Constraints as methods see them: a vector of functions, each between a least and a largest value."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class ConstraintRows:
    """lower <= c(x) <= upper, an equality where both are the same.

    Multipliers y are those of L = f + y'c: positive where c is at `upper`, negative at `lower`.
    """

    fn: Callable[[jax.Array], jax.Array]  # f[n] -> f[m]
    lower: jax.Array  # f[m], -inf for none
    upper: jax.Array  # f[m], inf for none

    def violation(self, c: jax.Array) -> jax.Array:
        """Tell by how much each is missed, f[m], at least 0."""
        return jnp.maximum(jnp.maximum(self.lower - c, c - self.upper), 0.0)

    def is_feasible(self, c: jax.Array, allowed: jax.Array | float = 0.0) -> jax.Array:
        """Tell whether none is missed by more than `allowed`, or sqrt(eps) of its bound's size or 1, bool[]."""
        bound = jnp.where(c > self.upper, self.upper, self.lower)
        size = jnp.maximum(1.0, jnp.where(jnp.isfinite(bound), jnp.abs(bound), 0.0))
        return jnp.all(self.violation(c) <= jnp.maximum(jnp.finfo(c.dtype).eps ** 0.5 * size, allowed))

    def residual(self, c: jax.Array, multipliers: jax.Array) -> jax.Array:
        """Measure feasibility and complementarity, f[m]: c - P(c + y), 0 where both hold; P clips to the limits.

        Equalities are written by themselves, so that their derivatives are exact where a multiplier is 0.
        """
        free = c - jnp.clip(c + multipliers, self.lower, self.upper)
        return jnp.where(self.lower == self.upper, c - self.lower, free)

    def with_jacobian(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return values and Jacobian, f[m] and f[m, n], by forward mode where that is tall, by reverse where wide."""
        c, forward = jax.linearize(self.fn, x)
        if x.size <= 2 * c.size:
            return c, jax.vmap(forward, out_axes=1)(jnp.eye(x.size, dtype=x.dtype))
        backward = jax.linear_transpose(forward, x)
        return c, jax.vmap(backward)(jnp.eye(c.size, dtype=c.dtype))[0]
