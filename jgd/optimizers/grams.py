"""Grams: Adam's step sizes in the direction of the gradient's signs."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByGrams(Rule):
    """Step as far as Adam, where the gradient's signs point.

    u = sign(g) |m^| / (sqrt(v^) + eps), with Adam's m^ and v^ (Cao et al. 2024, arXiv:2412.17107).
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return the bias corrections."""
        return tuple(1 / one_minus_pow(b, t) for b in (self.b1, self.b2))

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2 = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        return jnp.sign(g) * ratio(jnp.abs(r1 * m), safe_sqrt(r2 * v) + self.eps), m, v


scale_by_grams = ScaleByGrams


@optimizer(rates=(3e-5, 3e-1))
def grams(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """Grams: as far as Adam, but where the gradient's signs point (Cao et al. 2024, arXiv:2412.17107).

    With decoupled weight decay.
    """
    return descend(ScaleByGrams(b1, b2, eps), learning_rate, weight_decay, mask)
