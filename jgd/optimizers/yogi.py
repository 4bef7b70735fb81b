"""Yogi: Adam whose second moment moves by additive steps."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, filled, ratio, safe_sqrt
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adam import bias_corrections
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByYogi(Rule):
    """Scale by Adam's rule with a second moment that changes by additions.

    m = b1 m + (1-b1) g; v = v - (1-b2) sign(v - |g|^2) |g|^2; u = m^ / (sqrt(v^ + eps_root) + eps).

    (Zaheer et al. 2018, NeurIPS 31.) Both moments start at `initial_accumulator_value` and have Adam's bias
    corrections, as in optax; the paper starts v at the first batch's |g|^2 and corrects nothing.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-3, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    initial_accumulator_value: Scalar = hyper(default=1e-6, interval="[0, inf)")
    layout = optax.ScaleByAdamState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return filled(p, self.initial_accumulator_value), filled(p, self.initial_accumulator_value, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        return bias_corrections(self.b1, self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2, _ = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = v - (1 - self.b2) * jnp.sign(v - abs_sq(g)) * abs_sq(g)
        return ratio(r1 * m, safe_sqrt(r2 * v + self.eps_root) + self.eps), m, v


scale_by_yogi = ScaleByYogi


@optimizer(rates=(1e-4, 1e0))
def yogi(learning_rate: Rate, b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-3) -> Chain:
    """Yogi: a second moment that forgets slowly (Zaheer et al. 2018, NeurIPS 31)."""
    return descend(ScaleByYogi(b1, b2, eps), learning_rate)
