"""Normalised updates: their mean taken away, or their length."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.cost import Cost
from jgd.core.tree import global_norm, map_updates, ratio, tree_bytes
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class Centralize(Rule):
    """Remove the mean of each unit's gradient.

    u = g - mean(g) over all axes but the first; vectors and scalars pass (Yong et al. 2020, arXiv:2004.01461).

    The first axis is taken for the outputs, as PyTorch's weights have it and flax's kernels do not.
    """

    entrywise = False

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return g - jnp.mean(g, axis=tuple(range(1, g.ndim)), keepdims=True) if g.ndim > 1 else g


centralize = Centralize


@record
class NormalizeByUpdateNorm(Rule):
    """Scale the gradient to a chosen norm.

    u = s g / (||g|| + eps), the norm taken over all leaves together; zero for a zero gradient, whatever eps is.
    """

    scale_factor: Scalar = hyper(default=1.0)
    eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    entrywise = False

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients, scaled to one length."""
        factor = self.scale_factor * ratio(jnp.ones(()), global_norm(grads) + self.eps)
        return map_updates(lambda g: factor * g, grads, place="NormalizeByUpdateNorm.update"), state

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients: none may be scaled before all have been seen."""
        return Cost(tree_bytes(params))


normalize_by_update_norm = NormalizeByUpdateNorm
