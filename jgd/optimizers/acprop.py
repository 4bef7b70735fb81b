"""ACProp: AdaBelief whose step is scaled by the scale of the step before."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByAcprop(Rule):
    """Scale gradients by AdaBelief's second moment of the step before.

    u = g / (sqrt(s_old^) + eps), with 1 in place of s_old^ at first; s = b2 s + (1-b2) |g - m_old|^2 + eps_root.

    m = b1 m + (1-b1) g (Zhuang et al. 2021, arXiv:2110.05454, in optax's form).
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-16, interval="[0, inf)")
    eps_root: Scalar = hyper(default=1e-16, interval="[0, inf)")
    layout = optax.ScaleByBeliefState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Tell whether it is the first step, and the bias correction of the step before."""
        return t == 1, 1 / one_minus_pow(self.b2, jnp.maximum(t - 1, 1))

    def step(self, shared: Any, g: jax.Array, m: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
        first, r = shared
        root = safe_sqrt(jnp.where(first, 1.0, r * s)) + self.eps
        s = self.b2 * s + (1 - self.b2) * abs_sq(g - m) + self.eps_root
        m = self.b1 * m + (1 - self.b1) * g
        return ratio(g, root), m, s


scale_by_acprop = ScaleByAcprop


@optimizer(rates=(3e-5, 3e-1))
def acprop(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    eps_root: Scalar = 1e-16,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """ACProp: AdaBelief scaled by the step before (Zhuang et al. 2021, arXiv:2110.05454).

    Its direction is the gradient, without momentum, and nothing bounds the step of a gradient that is larger than those
    before, so that it takes smaller rates than AdaBelief.
    """
    return descend(ScaleByAcprop(b1, b2, eps, eps_root), learning_rate, weight_decay, mask)
