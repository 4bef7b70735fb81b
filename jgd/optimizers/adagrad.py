"""AdaGrad: steps divided by the root of the sum of squared gradients."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, filled, safe_sqrt
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByRss(Rule):
    """Scale by the root of the sum of all squares so far.

    s = s + |g|^2; u = g / sqrt(s + eps), or g / (sqrt(s) + eps) without `eps_in_sqrt`; 0 where s is 0.

    AdaGrad (Duchi et al. 2011, JMLR 12). `initial_accumulator_value` and the place of eps are optax's; for
    `torch.optim.Adagrad` use 0, eps=1e-10 and `eps_in_sqrt=False`.
    """

    initial_accumulator_value: Scalar = hyper(default=0.1, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-7, interval="[0, inf)")
    _: KW_ONLY
    eps_in_sqrt: bool = static(default=True)
    layout = optax.ScaleByRssState

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (filled(p, self.initial_accumulator_value, real=True),)

    def step(self, t: Any, g: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
        s = s + abs_sq(g)
        return g / root_above(s, self.eps, self.eps_in_sqrt), s


scale_by_rss = ScaleByRss


@optimizer(rates=(1e-3, 1e1))
def adagrad(
    learning_rate: Rate, initial_accumulator_value: Scalar = 0.1, eps: Scalar = 1e-7, *, eps_in_sqrt: bool = True
) -> Chain:
    """AdaGrad: each entry over the root of the sum of its squares so far (Duchi et al. 2011, JMLR 12)."""
    return descend(ScaleByRss(initial_accumulator_value, eps, eps_in_sqrt=eps_in_sqrt), learning_rate)


def root_above(square: jax.Array, eps: Scalar, eps_in_sqrt: bool) -> jax.Array:
    """Take the root of a mean of squares, kept away from zero by eps inside or outside; 1 where both are zero."""
    root = safe_sqrt(square + eps) if eps_in_sqrt else safe_sqrt(square) + eps
    return jnp.where(root == 0, 1.0, root)
