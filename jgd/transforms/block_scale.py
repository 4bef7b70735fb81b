"""Scaling by the size of the parameters, leaf by leaf."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, safe_sqrt
from jgd.core.types import Scalar


@record
class ScaleByParamBlockNorm(Rule):
    """Multiply each leaf's gradient by the norm of its parameters.

    u = g max(||p||, c) for each leaf by itself.
    """

    min_scale: Scalar = hyper(default=1e-3, interval="[0, inf)")
    entrywise = False

    def step(self, t: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        return g * jnp.maximum(safe_sqrt(jnp.sum(abs_sq(p))), self.min_scale)


@record
class ScaleByParamBlockRms(Rule):
    """Multiply each leaf's gradient by the root mean square of its parameters.

    u = g max(rms(p), c) for each leaf by itself: steps relative to the parameters, which leave zero as well.
    """

    min_scale: Scalar = hyper(default=1e-3, interval="[0, inf)")
    entrywise = False

    def step(self, t: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        return g * jnp.maximum(safe_sqrt(jnp.sum(abs_sq(p)) / max(p.size, 1)), self.min_scale)


scale_by_param_block_norm = ScaleByParamBlockNorm
scale_by_param_block_rms = ScaleByParamBlockRms
