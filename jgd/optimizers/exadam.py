"""EXAdam: Adam whose bias corrections look at each other's moment."""

from typing import Any

import jax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByExadam(Rule):
    """Scale the sum of momentum and gradient by Adam's second moment.

    u = d (m + g) / (1 - b1^t) / (sqrt(e v / (1 - b2^t)) + eps), with d and e between 1 and 2.

    d = 1 + b2^t v / (v + eps) and e = 1 + b1^t |m|^2 / (|m|^2 + eps). m and v are means of g and |g|^2 with decays b1
    and b2 (Adly 2024, arXiv:2412.20302). As in pytorch-optimizer.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return 1 - b1^t and 1 - b2^t."""
        return one_minus_pow(self.b1, t), one_minus_pow(self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        sum1, sum2 = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        d = 1 + (1 - sum2) * ratio(v, v + self.eps)
        e = 1 + (1 - sum1) * ratio(abs_sq(m), abs_sq(m) + self.eps)
        return ratio(d / sum1 * (m + g), safe_sqrt(e * v / sum2) + self.eps), m, v


scale_by_exadam = ScaleByExadam


@optimizer(rates=(3e-5, 3e-1))
def exadam(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """EXAdam: Adam along the sum of momentum and gradient, with other bias corrections (Adly 2024, arXiv:2412.20302).

    With decoupled weight decay.
    """
    return descend(ScaleByExadam(b1, b2, eps), learning_rate, weight_decay, mask)
