"""LAMB: Adam whose step is as long, leaf by leaf, as the parameters are."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, safe_sqrt
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adam import ScaleByAdam
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByTrustRatio(Rule):
    """Scale each leaf's step to the norm of its parameters.

    u = g c ||p|| / (||g|| + eps) for each leaf by itself; u = g where either norm is zero.

    (You et al. 2017, arXiv:1708.03888, and 2020, arXiv:1904.00962.) Norms are at least `min_norm`.
    """

    min_norm: Scalar = hyper(default=0.0, interval="[0, inf)")
    trust_coefficient: Scalar = hyper(default=1.0, interval="[0, inf)")
    eps: Scalar = hyper(default=0.0, interval="[0, inf)")
    entrywise = False

    def step(self, t: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        ours, theirs = (jnp.maximum(safe_sqrt(jnp.sum(abs_sq(x))), self.min_norm) for x in (p, g))
        zero = (ours == 0) | (theirs == 0)
        return g * jnp.where(zero, 1.0, self.trust_coefficient * ours / jnp.where(zero, 1.0, theirs + self.eps))


scale_by_trust_ratio = ScaleByTrustRatio


@optimizer(rates=(1e-4, 1e0))
def lamb(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    eps_root: Scalar = 0.0,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """LAMB: AdamW scaled by the parameters' norms, for large batches (You et al. 2020, arXiv:1904.00962)."""
    return descend(ScaleByAdam(b1, b2, eps, eps_root), learning_rate, weight_decay, mask, then=(ScaleByTrustRatio(),))
