"""Clipping: by value, by the norm of each leaf, by the norm of all of them."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record
from jgd.core.cost import Cost
from jgd.core.tree import abs_sq, global_norm, map_updates, safe_sqrt, tree_bytes
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class Clip:
    """u = min(max(g, -c), c), entry by entry. No state."""

    max_delta: Scalar = hyper(interval="[0, inf]")

    def init(self, params: Params) -> State:
        """Empty."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The clipped gradients."""
        c = self.max_delta
        return map_updates(lambda g: jnp.clip(g, -c, c), grads, place="Clip.update"), state


@record
class ClipByNorm:
    """u = g min(1, c / ||g||) for each leaf by itself. No state."""

    max_norm: Scalar = hyper(interval="[0, inf]")

    def init(self, params: Params) -> State:
        """Empty."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The clipped gradients."""

        def rule(g: jax.Array) -> jax.Array:
            return g * shrink(safe_sqrt(jnp.sum(abs_sq(g))), self.max_norm)

        return map_updates(rule, grads, place="ClipByNorm.update"), state


@record
class ClipByBlockRms:
    """u = g min(1, c / rms(g)) for each leaf by itself. No state."""

    threshold: Scalar = hyper(interval="[0, inf]")

    def init(self, params: Params) -> State:
        """Empty."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The clipped gradients."""

        def rule(g: jax.Array) -> jax.Array:
            return g * shrink(safe_sqrt(jnp.sum(abs_sq(g)) / max(g.size, 1)), self.threshold)

        return map_updates(rule, grads, place="ClipByBlockRms.update"), state


@record
class ClipByGlobalNorm:
    """u = g min(1, c / ||g||), the norm taken over all leaves together (Pascanu et al. 2013, arXiv:1211.5063).

    The norm is accumulated in float32 at least, so a float16 gradient does not overflow it (optax accumulates in the
    gradient's dtype). An infinite entry becomes NaN and all others zero, and above 1.8e19, where the square of a norm
    leaves float32, all become zero; see `apply_if_finite`. No state.
    """

    max_norm: Scalar = hyper(interval="[0, inf]")

    def init(self, params: Params) -> State:
        """Empty."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The clipped gradients."""
        factor = shrink(global_norm(grads), self.max_norm)
        return map_updates(lambda g: g * factor, grads, place="ClipByGlobalNorm.update"), state

    def cost(self, params: Params) -> Cost:
        """One more pass over the gradients: none may be scaled before all have been seen."""
        return Cost(tree_bytes(params))


def clip(max_delta: Scalar) -> Clip:
    """Clip every entry to [-max_delta, max_delta]."""
    return Clip(max_delta)


def clip_by_norm(max_norm: Scalar) -> ClipByNorm:
    """Scale each leaf so that its Euclidean norm is at most `max_norm`."""
    return ClipByNorm(max_norm)


def clip_by_block_rms(threshold: Scalar) -> ClipByBlockRms:
    """Scale each leaf so that its root mean square is at most `threshold`."""
    return ClipByBlockRms(threshold)


def clip_by_global_norm(max_norm: Scalar) -> ClipByGlobalNorm:
    """Scale all gradients by one factor so that their common norm is at most `max_norm`."""
    return ClipByGlobalNorm(max_norm)


def shrink(norm: jax.Array, limit: Scalar) -> jax.Array:
    """min(1, limit / norm): the factor that brings a norm down to `limit`; 1 for a zero norm."""
    zero = norm == 0
    return jnp.where(zero, 1.0, jnp.minimum(1.0, limit / jnp.where(zero, 1.0, norm)))
