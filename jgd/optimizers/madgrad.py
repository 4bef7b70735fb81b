"""MADGRAD: dual averaging with momentum and a cube root."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import copied, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, add_decayed_weights, chain


@record
class ScaleByMadgrad(Rule):
    """Step to a weighted sum of all gradients, scaled by a cube root.

    v = v + l g^2; s = s + l g; u = (1-momentum) (x0 - s / (cbrt(v) + eps) - p), l = (lr + eps) sqrt(t).

    (Defazio & Jelassi 2021, arXiv:2101.11075, Alg. 1.) State: the first parameters and 8 bytes a parameter.
    optax takes the root in float32 under x64 as well, so that it differs there by 1e-7.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    momentum: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    layout = optax.contrib.MadgradState
    real = "a complex number has three cube roots"

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p), copied(p)

    def shared(self, t: jax.Array) -> jax.Array:
        """Return the weight of this step."""
        rate = at_count(self, "learning_rate", t - 1)
        return (rate + self.eps) * jnp.sqrt(t.astype(jnp.result_type(float)))

    def step(self, l: Any, g: Any, v: Any, s: Any, x0: Any, *, p: Any) -> tuple[jax.Array, ...]:  # noqa: E741
        v, s = v + l * g * g, s + l * g
        zero = v == 0  # where the cube root has no slope
        root = jnp.where(zero, 0.0, jnp.cbrt(jnp.where(zero, 1.0, v))) + self.eps
        move = jnp.where(root == 0, 0.0, s / jnp.where(root == 0, 1.0, root))
        return (1 - self.momentum) * (x0 - move - p), v, s, x0


scale_by_madgrad = ScaleByMadgrad


@optimizer(rates=(1e-4, 1e0))
def madgrad(learning_rate: Rate, momentum: Scalar = 0.9, weight_decay: Scalar = 0.0, eps: Scalar = 1e-6) -> Chain:
    """Dual averaging with momentum and a cube root (Defazio & Jelassi 2021, arXiv:2101.11075).

    `weight_decay` is an L2 penalty.
    """
    return chain(add_decayed_weights(weight_decay), ScaleByMadgrad(learning_rate, momentum, eps))
