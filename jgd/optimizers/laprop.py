"""LaProp: Adam that divides gradients first and averages them then."""

from typing import Any

import jax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adam import bias_corrections
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByLaprop(Rule):
    """Average gradients that are scaled already.

    v = b2 v + (1-b2) |g|^2; m = b1 m + (1-b1) g / (sqrt(v^) + eps); u = m^ (Ziyin et al. 2020, arXiv:2002.04839).

    The learning rate multiplies the mean and not, as in the paper and its ports, each gradient in it: the same where
    the rate is constant.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-15, interval="[0, inf)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        return bias_corrections(self.b1, self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2, _ = shared
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        m = self.b1 * m + (1 - self.b1) * ratio(g, safe_sqrt(r2 * v) + self.eps)
        return r1 * m, m, v


scale_by_laprop = ScaleByLaprop


@optimizer(rates=(3e-5, 3e-1))
def laprop(
    learning_rate: Rate = 4e-4,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-15,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """LaProp: momentum of gradients that are scaled already (Ziyin et al. 2020, arXiv:2002.04839).

    It stays stable where b1 is larger than b2. Weight decay is decoupled as in AdamW.
    """
    return descend(ScaleByLaprop(b1, b2, eps), learning_rate, weight_decay, mask)
