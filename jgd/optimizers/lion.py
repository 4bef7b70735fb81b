"""Lion: steps of one size, by the sign of a momentum."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByLion(Rule):
    """Step by the sign of a momentum.

    u = sign(b1 m + (1-b1) g); m = b2 m + (1-b2) g (Chen et al. 2023, arXiv:2302.06675).

    Computed as u = sign(b1 m' + (b2-b1) g) from the new m', which is the old formula times b2: the old m need not
    outlive the step, so a donated one is overwritten in place. b2 is therefore not 0. A sign may differ from the
    formula's where b1 m + (1-b1) g is within rounding, 1e-7 (|m| + |g|) / b2, of zero.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="(0, 1)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    layout = optax.ScaleByLionState

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p, self.mu_dtype),)

    def step(self, t: jax.Array, g: jax.Array, m: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b2 * m + (1 - self.b2) * g
        return jnp.sign(self.b1 * m + (self.b2 - self.b1) * g), m


scale_by_lion = ScaleByLion


@optimizer(rates=(1e-5, 1e-1))
def lion(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    mu_dtype: Any = None,
    weight_decay: Decay = 1e-3,
    mask: Any = None,
) -> Chain:
    """Lion with decoupled weight decay (Chen et al. 2023, arXiv:2302.06675). Try a tenth of AdamW's rate."""
    return descend(ScaleByLion(b1, b2, mu_dtype), learning_rate, weight_decay, mask)
