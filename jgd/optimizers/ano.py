"""Ano: the gradient's size in the direction of the momentum's signs."""

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
class ScaleByAno(Rule):
    """Step as far as the gradient says, where the momentum's signs point.

    u = sign(m) |g| / (sqrt(v^) + eps), v = b2 v + (1-b2) sign(|g|^2 - v) |g|^2 from the old v.

    m is the mean of g with decay b1, and v^ = v / (1 - b2^t) (Kegreisz 2025, arXiv:2508.18258). The gradient is
    added to v or taken from it, as Yogi has it, though v decays too; at a b2 below 1/2 it may fall below zero, which
    then counts as zero.
    """

    b1: Scalar = hyper(default=0.92, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> jax.Array:
        """Return the second moment's bias correction."""
        return 1 / one_minus_pow(self.b2, t)

    def step(self, correction: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        square = abs_sq(g)
        v = self.b2 * v + (1 - self.b2) * jnp.sign(square - v) * square
        return ratio(jnp.sign(m) * jnp.abs(g), safe_sqrt(correction * jnp.maximum(v, 0.0)) + self.eps), m, v


scale_by_ano = ScaleByAno


@optimizer(rates=(1e-5, 1e-1))
def ano(
    learning_rate: Rate = 1e-4,
    b1: Scalar = 0.92,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """Ano: as far as the gradient, but where the momentum's signs point (Kegreisz 2025, arXiv:2508.18258).

    With decoupled weight decay.
    """
    return descend(ScaleByAno(b1, b2, eps), learning_rate, weight_decay, mask)
