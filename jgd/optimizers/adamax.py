"""AdaMax: steps scaled by a decaying maximum of the gradient."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import one_minus_pow, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByAdamax(Rule):
    """Scale a running mean of gradients by the largest of late.

    m = b1 m + (1-b1) g; v = max(b2 v, |g| + eps); u = m / ((1 - b1^t) v), and 0 where v is 0.

    (Kingma & Ba 2015, arXiv:1412.6980, Alg. 2.) eps is inside the maximum, as in optax and torch; the paper has none.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = optax.ScaleByAdamState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> jax.Array:
        return 1 / one_minus_pow(self.b1, t)

    def step(self, r: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        v = jnp.maximum(self.b2 * v, jnp.abs(g) + self.eps)
        return r * m / jnp.where(v > 0, v, 1.0), m, v


scale_by_adamax = ScaleByAdamax


@optimizer(rates=(3e-5, 3e-1))
def adamax(learning_rate: Rate, b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-8) -> Chain:
    """AdaMax: Adam by the largest gradient of late (Kingma & Ba 2015, arXiv:1412.6980, Alg. 2)."""
    return descend(ScaleByAdamax(b1, b2, eps), learning_rate)


@optimizer(rates=(3e-5, 3e-1))
def adamaxw(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 1e-4,
    mask: Any = None,
) -> Chain:
    """AdaMax with decoupled weight decay (Kingma & Ba 2015, arXiv:1412.6980, Alg. 2)."""
    return descend(ScaleByAdamax(b1, b2, eps), learning_rate, weight_decay, mask)
