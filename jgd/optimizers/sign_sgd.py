"""Sign descent: steps of one size in every entry, by the sign of the gradient or of its mean."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleBySign(Rule):
    """Keep the sign of the gradient alone.

    u = sign(g), which is g / |g| for a complex entry and 0 for a zero.
    """

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return jnp.sign(g)


@record
class ScaleBySignum(Rule):
    """Step by the sign of a running mean.

    u = sign(m), m = beta m + (1-beta) g (Bernstein et al. 2018, arXiv:1802.04434, Alg. 2).
    """

    beta: Scalar = hyper(default=0.9, interval="[0, 1)")
    accumulator_dtype: Any = static(default=None, convert=dtype_name)
    layout = optax.EmaState

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p, self.accumulator_dtype),)

    def step(self, t: jax.Array, g: jax.Array, m: jax.Array) -> tuple[jax.Array, ...]:
        m = self.beta * m + (1 - self.beta) * g
        return jnp.sign(m), m


scale_by_sign = ScaleBySign
scale_by_signum = ScaleBySignum


@optimizer(rates=(1e-5, 1e-1))
def sign_sgd(learning_rate: Rate) -> Chain:
    """Step by the sign of the gradient: p <- p - lr sign(g) (Bernstein et al. 2018, arXiv:1802.04434)."""
    return descend(ScaleBySign(), learning_rate)


@optimizer(rates=(1e-5, 1e-1))
def signum(learning_rate: Rate, beta: Scalar = 0.9, accumulator_dtype: Any = None) -> Chain:
    """Step by the sign of a running mean of gradients (Bernstein et al. 2018, arXiv:1802.04434).

    State: 4 bytes a parameter, and one tuple where optax has two, of its `ema` and its `scale_by_sign`.
    """
    return descend(ScaleBySignum(beta, accumulator_dtype), learning_rate)


@optimizer(rates=(1e-5, 1e-1))
def tiger(learning_rate: Rate, b1: Scalar = 0.965, weight_decay: Decay = 0.0, mask: Any = None) -> Chain:
    """Signum with a longer memory and decoupled weight decay, or Lion of one decay (Su 2023)."""
    return descend(ScaleBySignum(b1), learning_rate, weight_decay, mask)
