"""Adan: Adam with the change of the gradient as a third moment."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByAdan(Rule):
    """Scale by moments of the gradient and of its change.

    u = (m^ + b2 v^) / (sqrt(n^ + eps_root) + eps), with d = g - g_old, zero at first, and bias corrections.

    m, v and n are means of g, d and |g + b2 d|^2 with decays b1, b2 and b3 (Xie et al. 2022, arXiv:2208.06677,
    whose betas are 1 minus these). `one_minus_b2` puts 1 - b2 in place of the two factors b2, which is optax's form.
    """

    b1: Scalar = hyper(default=0.98, interval="[0, 1)")
    b2: Scalar = hyper(default=0.92, interval="[0, 1)")
    b3: Scalar = hyper(default=0.99, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    _: KW_ONLY
    one_minus_b2: bool = static(default=False)
    layout = ("m", "v", "n", "g")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p), zeros(p, real=True), zeros(p)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Tell whether it is the first step, and the bias corrections."""
        return t == 1, *(1 / one_minus_pow(b, t) for b in (self.b1, self.b2, self.b3))

    def step(self, shared: Any, g: jax.Array, m: Any, v: Any, n: Any, old: Any) -> tuple[jax.Array, ...]:
        first, r1, r2, r3 = shared
        weight = 1 - self.b2 if self.one_minus_b2 else self.b2
        d = jnp.where(first, 0.0, g - old)
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * d
        n = self.b3 * n + (1 - self.b3) * abs_sq(g + weight * d)
        return ratio(r1 * m + weight * r2 * v, safe_sqrt(r3 * n + self.eps_root) + self.eps), m, v, n, g


scale_by_adan = ScaleByAdan


@optimizer(rates=(3e-5, 3e-1))
def adan(
    learning_rate: Rate,
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    one_minus_b2: bool = False,
) -> Chain:
    """Adan: Adam with a look-ahead by the change of the gradient (Xie et al. 2022, arXiv:2208.06677).

    Weight decay is decoupled as in AdamW; the paper's is proximal, p / (1 + lr wd).
    """
    return descend(ScaleByAdan(b1, b2, b3, eps, eps_root, one_minus_b2=one_minus_b2), learning_rate, weight_decay, mask)
