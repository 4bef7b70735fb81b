"""FTRL-Proximal: AdaGrad in a form that makes parameters exactly zero."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Scalar
from jgd.optimizers.catalogue import optimizer


@record
class Ftrl(Rule):
    """Follow the regularized leader: minimise the sum of linear models of the loss, with the penalties l1 and l2.

    z = z + g - (sqrt(n') - sqrt(n)) / lr p; p = -sign(z) max(|z| - l1, 0) / ((beta + sqrt(n')) / lr + l2).

    n' = n + |g|^2 (McMahan et al. 2013, Alg. 1). The first step forgets where a parameter began, so that the gradients
    alone say where it is; one without a gradient so far stays. State: 8 bytes a parameter.
    """

    learning_rate: Scalar = hyper(interval="(0, inf)")
    beta: Scalar = hyper(default=0.0, interval="[0, inf)")
    l1: Scalar = hyper(default=0.0, interval="[0, inf)")
    l2: Scalar = hyper(default=0.0, interval="[0, inf)")
    layout = ("z", "n")
    called = "ftrl"

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def step(self, t: Any, g: jax.Array, z: jax.Array, n: jax.Array, *, p: jax.Array) -> tuple[jax.Array, ...]:
        old, n = safe_sqrt(n), n + abs_sq(g)
        root = safe_sqrt(n)
        z = z + g - (root - old) / self.learning_rate * p
        size = ratio(jnp.maximum(jnp.abs(z) - self.l1, 0.0), (self.beta + root) / self.learning_rate + self.l2)
        return jnp.where(n == 0, 0.0, -jnp.sign(z) * size - p), z, n


@optimizer(rates=(1e-3, 1e1))
def ftrl(learning_rate: Scalar, beta: Scalar = 0.0, l1: Scalar = 0.0, l2: Scalar = 0.0) -> Ftrl:
    """Follow the regularized leader, the proximal form, for sparse models (McMahan et al. 2013).

    `l1` makes parameters exactly zero. Without `beta`, `l1` and `l2` it is AdaGrad whose earlier steps would have had
    today's rate. The rate is a number: the state adds up what earlier rates made of the gradients.
    """
    return Ftrl(learning_rate, beta, l1, l2)
