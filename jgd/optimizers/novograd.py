"""NovoGrad: momentum of gradients that are normalised leaf by leaf."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import abs_sq, moment_dtype, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByNovograd(Rule):
    """Scale by one second moment a leaf.

    v = b2 v + (1-b2) ||g||^2, ||g||^2 at first; m = b1 m + g / (sqrt(v + eps_root) + eps) + wd p; u = m.

    (Ginsburg et al. 2019, arXiv:1905.11286.) v is one number a leaf.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.25, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    layout = optax.ScaleByNovogradState
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, self.mu_dtype), jnp.zeros((), moment_dtype(p, real=True))

    def step(self, t: Any, g: jax.Array, m: jax.Array, v: jax.Array, *, p: jax.Array) -> tuple[jax.Array, ...]:
        b2 = jnp.where(t == 1, 0.0, self.b2)
        v = b2 * v + (1 - b2) * jnp.sum(abs_sq(g))
        m = self.b1 * m + ratio(g, safe_sqrt(v + self.eps_root) + self.eps) + self.weight_decay * p
        return m, m, v


scale_by_novograd = ScaleByNovograd


@optimizer(rates=(1e-5, 1e-1))
def novograd(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.25,
    eps: Scalar = 1e-6,
    eps_root: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
) -> Chain:
    """NovoGrad: one second moment a leaf (Ginsburg et al. 2019, arXiv:1905.11286); the decay enters the momentum."""
    return descend(ScaleByNovograd(b1, b2, eps, eps_root, weight_decay), learning_rate)
