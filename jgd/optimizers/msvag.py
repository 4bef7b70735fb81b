"""M-SVAG: momentum whose entries are damped by their variance."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByMsvag(Rule):
    """Scale a momentum down where the gradient varies.

    u = f m^, f = |m^|^2 / (|m^|^2 + rho s) in [0, 1], s = (v^ - |m^|^2) / (1 - rho); m^ and v^ as Adam's, of beta.

    rho = (1-beta) (1+beta^t) / ((1+beta) (1-beta^t)), at most 0.9999, is the variance of m^ over the gradient's
    (Balles & Hennig 2018, arXiv:1705.07774). State: 8 bytes a parameter.
    """

    beta: Scalar = hyper(default=0.9, interval="[0, 1)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return the bias correction and rho."""
        weight = one_minus_pow(self.beta, t)
        rho = (1 - self.beta) * (2 - weight) / ((1 + self.beta) * weight)
        return 1 / weight, jnp.minimum(rho, 0.9999)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        correction, rho = shared
        m = self.beta * m + (1 - self.beta) * g
        v = self.beta * v + (1 - self.beta) * abs_sq(g)
        mean = correction * m
        square = abs_sq(mean)
        s = (correction * v - square) / (1 - rho)
        return jnp.clip(ratio(square, square + rho * s), 0.0, 1.0) * mean, m, v


scale_by_msvag = ScaleByMsvag


@optimizer(rates=(1e-3, 1e1))
def msvag(learning_rate: Rate, beta: Scalar = 0.9) -> Chain:
    """Descend by momentum, less where its entries vary (Balles & Hennig 2018, arXiv:1705.07774)."""
    return descend(ScaleByMsvag(beta), learning_rate)
