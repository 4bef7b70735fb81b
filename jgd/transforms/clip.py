"""Clipping: by value, by the norm of each leaf, by the norm of all of them."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.cost import Cost
from jgd.core.mesh import check_whole
from jgd.core.tree import abs_sq, global_norm, map_updates, safe_sqrt, tree_bytes
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class Clip(Rule):
    """Clip each entry of the gradient.

    u = min(max(g, -c), c), entry by entry. `clip(1e6)` before a rule that keeps means of squares holds off the finite
    gradient above 1.8e19 whose square float32 cannot hold: from then on its entry would not move, or be NaN.
    """

    max_delta: Scalar = hyper(interval="[0, inf]")
    keeps_zeros = True
    integers = True
    real = "complex numbers have no order"

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return jnp.clip(g, -self.max_delta, self.max_delta)


clip = Clip


@record
class ClipByNorm(Rule):
    """Clip each leaf's gradient by its norm.

    u = g min(1, c / ||g||) for each leaf by itself.
    """

    max_norm: Scalar = hyper(interval="[0, inf]")
    keeps_zeros = True
    entrywise = False

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return g * shrink(safe_sqrt(jnp.sum(abs_sq(g))), self.max_norm)


clip_by_norm = ClipByNorm


@record
class ClipByBlockRms(Rule):
    """Clip each leaf's gradient by its root mean square.

    u = g min(1, c / rms(g)) for each leaf by itself.
    """

    threshold: Scalar = hyper(interval="[0, inf]")
    keeps_zeros = True
    entrywise = False

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return g * shrink(safe_sqrt(jnp.sum(abs_sq(g)) / max(g.size, 1)), self.threshold)


clip_by_block_rms = ClipByBlockRms


@record
class ClipByGlobalNorm(Rule):
    """Clip the whole gradient by its norm.

    u = g min(1, c / ||g||), the norm taken over all leaves together (Pascanu et al. 2013, arXiv:1211.5063).

    The norm is accumulated in float32 at least, so a float16 gradient does not overflow it (optax accumulates in the
    gradient's dtype). An infinite entry becomes NaN and all others zero, and above 1.8e19, where the square of a norm
    leaves float32, all become zero; see `apply_if_finite`.
    """

    max_norm: Scalar = hyper(interval="[0, inf]")
    keeps_zeros = True
    entrywise = False

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the clipped gradients."""
        check_whole("ClipByGlobalNorm.update", grads)
        factor = shrink(global_norm(grads), self.max_norm)
        return map_updates(lambda g: g * factor, grads, place="ClipByGlobalNorm.update"), state

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients: none may be scaled before all have been seen."""
        return Cost(tree_bytes(params))


clip_by_global_norm = ClipByGlobalNorm


def shrink(norm: jax.Array, limit: Scalar) -> jax.Array:
    """Compute the factor min(1, limit / norm) that brings a norm down to `limit`; 1 for a zero norm."""
    zero = norm == 0
    return jnp.where(zero, 1.0, jnp.minimum(1.0, limit / jnp.where(zero, 1.0, norm)))
