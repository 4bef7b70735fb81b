"""AdaBelief: steps scaled by how far the gradient lies from its mean."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adam import bias_corrections, corrected_mean
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByBelief(Rule):
    """Scale by Adam's rule with the gradient's distance from its mean for the second moment.

    m = b1 m + (1-b1) g; s = b2 s + (1-b2) |g - m|^2 + eps_root; u = m^ / (sqrt(s^) + eps), with Adam's corrections.

    AdaBelief (Zhuang et al. 2020, arXiv:2010.07468). As in the paper's code, `eps_root` adds up in s. `nesterov` is
    Adam's look-ahead.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-16, interval="[0, inf)")
    eps_root: Scalar = hyper(default=1e-16, interval="[0, inf)")
    _: KW_ONLY
    nesterov: bool = static(default=False)
    layout = optax.ScaleByBeliefState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        return bias_corrections(self.b1, self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        # eps_root is not added last: XLA computes again what ends in a sum with a scalar, from a copy of the old s.
        s = self.b2 * s + self.eps_root + (1 - self.b2) * abs_sq(g - m)
        look = corrected_mean(shared, self.b1, g, m, nesterov=self.nesterov)
        return ratio(look, safe_sqrt(shared[1] * s) + self.eps), m, s


scale_by_belief = ScaleByBelief


@optimizer(rates=(3e-5, 3e-1))
def adabelief(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    eps_root: Scalar = 1e-16,
    *,
    nesterov: bool = False,
) -> Chain:
    """AdaBelief: large steps where the gradient is as expected (Zhuang et al. 2020, arXiv:2010.07468)."""
    return descend(ScaleByBelief(b1, b2, eps, eps_root, nesterov=nesterov), learning_rate)
