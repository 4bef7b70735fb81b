"""PAdam: Adam that divides by a power of its denominator, between momentum and Adam."""

from typing import Any

import jax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByPadam(Rule):
    """Scale by a power of Adam's second moment.

    u = sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)^(2 partial); m and v are means of g and |g|^2.

    (Chen et al. 2018, arXiv:1806.06763.) The corrections, which are outside of the power, and eps are the authors'
    code's; the paper's algorithm has neither. Both divide by the largest v so far, and this by the present one, as
    pytorch-optimizer does.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    partial: Scalar = hyper(default=0.25, interval="[0, 1]")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> jax.Array:
        """Return both bias corrections, a factor of the step."""
        return safe_sqrt(one_minus_pow(self.b2, t)) / one_minus_pow(self.b1, t)

    def step(self, correction: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        return ratio(correction * m, (safe_sqrt(v) + self.eps) ** (2 * self.partial)), m, v


scale_by_padam = ScaleByPadam


@optimizer(rates=(1e-3, 1e1))
def padam(
    learning_rate: Rate = 0.1,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    partial: Scalar = 0.25,
    eps: Scalar = 1e-8,
) -> Chain:
    """Partially adaptive Adam: Adam at a `partial` of 0.5, momentum at 0 (Chen et al. 2018, arXiv:1806.06763).

    Its rates are those of momentum rather than Adam's. Every step has Adam's corrections, sqrt(1 - b2^t) / (1 - b1^t),
    whatever the power, so that below 0.5 the first ones are short. State: 8 bytes a parameter.
    """
    return descend(ScaleByPadam(b1, b2, partial, eps), learning_rate)
