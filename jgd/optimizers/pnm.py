"""PNM: the difference of two momenta, whose noise is as large as wanted."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByPnm(Rule):
    """Step by a momentum of the even steps against that of the odd ones.

    u = ((1 + b2) m - b2 n) / sqrt((1 + b2)^2 + b2^2), m = b1^2 m_old + (1 - b1^2) g.

    Positive-negative momentum (Xie et al. 2021, arXiv:2103.17182): two momenta take turns, m_old is that of two steps
    before and n the last step's. The square root keeps the size of the noise.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=1.0, interval="[0, inf)")
    layout = ("odd", "even")

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return the gradient's share in each momentum, and the weights: that of the one whose turn it is, positive."""
        odd = t % 2 == 1
        share, scale = 1 - self.b1**2, 1 / jnp.sqrt((1 + self.b2) ** 2 + self.b2**2)
        plus, minus = scale * (1 + self.b2), -scale * self.b2
        return *(jnp.where(x, share, 0.0) for x in (odd, ~odd)), *(jnp.where(x, plus, minus) for x in (odd, ~odd))

    def step(self, shared: Any, g: jax.Array, odd: jax.Array, even: jax.Array) -> tuple[jax.Array, ...]:
        share_odd, share_even, weight_odd, weight_even = shared
        odd = odd + share_odd * (g - odd)
        even = even + share_even * (g - even)
        return weight_odd * odd + weight_even * even, odd, even


scale_by_pnm = ScaleByPnm


@optimizer(rates=(1e-3, 1e1))
def pnm(learning_rate: Rate, b1: Scalar = 0.9, b2: Scalar = 1.0, weight_decay: Decay = 0.0, mask: Any = None) -> Chain:
    """Positive-negative momentum, with decoupled weight decay (Xie et al. 2021, arXiv:2103.17182).

    State: 8 bytes a parameter.
    """
    return descend(ScaleByPnm(b1, b2), learning_rate, weight_decay, mask)
