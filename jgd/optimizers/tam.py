"""TAM: momentum that takes less of a gradient which points away from it."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain

SHORTEST = 1e-12
"""Below it a vector has no direction."""


@record
class ScaleByTam(Rule):
    """Damp gradients that turn away from the momentum.

    u = m, m = momentum m + ((1 + s) / 2 + eps) g, s = decay_rate s + (1 - decay_rate) m/|m| g/|g| from the old m.

    Torque-aware momentum (Malviya et al. 2024, arXiv:2412.18790). As in pytorch-optimizer, m is the gradient before the
    first step, the product is taken entry by entry and the norms over the outputs, a kernel's last axis; the paper has
    the cosine of all of m and g.
    """

    momentum: Scalar = hyper(default=0.9, interval="[0, 1)")
    decay_rate: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "s")
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def step(self, t: Any, g: jax.Array, m: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
        m = jnp.where(t == 1, g, m)
        s = self.decay_rate * s + (1 - self.decay_rate) * (_unit(m).conj() * _unit(g)).real
        m = self.momentum * m + ((1 + s) / 2 + self.eps) * g
        return m, m, s


scale_by_tam = ScaleByTam


def _unit(x: jax.Array) -> jax.Array:
    """Divide `x` by its norm along the last axis."""
    norm = safe_sqrt(jnp.sum(abs_sq(x), tuple(range(x.ndim))[-1:], keepdims=True))
    return x / jnp.maximum(norm, SHORTEST)


@optimizer(rates=(1e-4, 1e0))
def tam(learning_rate: Rate, momentum: Scalar = 0.9, decay_rate: Scalar = 0.9, eps: Scalar = 1e-8) -> Chain:
    """Torque-aware momentum, which damps gradients that turn away from it (Malviya et al. 2024, arXiv:2412.18790).

    State: 8 bytes a parameter.
    """
    return descend(ScaleByTam(momentum, decay_rate, eps), learning_rate)
