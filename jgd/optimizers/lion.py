"""Lion: steps of one size, by the sign of a momentum."""

import jax.numpy as jnp
import optax

from jgd.core import Array, Arrays, DType, Mask, Rate, Rule, Scalar, dtype_name, hyper, record, static
from jgd.optimizers.catalogue import Chain, Decay, descend, optimizer


@record
class ScaleByLion(Rule):
    """Step by the sign of a momentum (Chen et al. 2023, arXiv:2302.06675).

    u = sign(b1 m + (1-b1) g); m = b2 m + (1-b2) g. By the new m (so b2 > 0), up to rounding, 1e-7 (|m| + |g|) / b2.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="(0, 1)")
    mu_dtype: DType = static(default=None, convert=dtype_name)
    layout = optax.ScaleByLionState

    def step(self, t: Array, g: Array, m: Array) -> Arrays:
        m = self.b2 * m + (1 - self.b2) * g
        return jnp.sign(self.b1 * m + (self.b2 - self.b1) * g), m


scale_by_lion = ScaleByLion


@optimizer(rates=(1e-5, 1e-1))
def lion(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    mu_dtype: DType = None,
    weight_decay: Decay = 1e-3,
    mask: Mask = None,
) -> Chain:
    """Lion with decoupled weight decay (Chen et al. 2023, arXiv:2302.06675). Try a tenth of AdamW's rate."""
    return descend(ScaleByLion(b1, b2, mu_dtype), learning_rate, weight_decay, mask)
