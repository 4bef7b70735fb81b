"""DiffGrad: Adam that goes slowly where the gradient stays the same."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByDiffgrad(Rule):
    """Scale by Adam's rule, less where the gradient has not changed.

    u = sigmoid(|g_old - g|) sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps), with g_old zero at first.

    m and v are means of g and |g|^2 with decays b1 and b2 (Dubey et al. 2020, arXiv:1909.11015). The factor lies in
    [1/2, 1]. eps is added before v's bias is corrected, as in the ports; Adam's is added after.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "v", "g")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True), zeros(p)

    def shared(self, t: jax.Array) -> jax.Array:
        """Return both bias corrections, a factor of the step."""
        return safe_sqrt(one_minus_pow(self.b2, t)) / one_minus_pow(self.b1, t)

    def step(self, correction: Any, g: jax.Array, m: jax.Array, v: jax.Array, old: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        friction = jax.nn.sigmoid(jnp.abs(old - g))
        return ratio(correction * friction * m, safe_sqrt(v) + self.eps), m, v, g


scale_by_diffgrad = ScaleByDiffgrad


@optimizer(rates=(3e-5, 3e-1))
def diffgrad(learning_rate: Rate, b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-8) -> Chain:
    """DiffGrad: Adam whose steps are shorter where the gradient has not changed (Dubey et al. 2020, arXiv:1909.11015).

    State: 12 bytes a parameter.
    """
    return descend(ScaleByDiffgrad(b1, b2, eps), learning_rate)
