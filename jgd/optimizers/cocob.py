"""COCOB: coin betting, which needs no rate."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import copied, filled, ratio, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, add_decayed_weights, chain, scale_by_learning_rate


@record
class ScaleByCocob(Rule):
    """Bet coins on the sign of the gradient.

    u = x0 - p + C / max(G + L, alpha L) (1 + R / L).

    L = max(L, |g|), G = G + |g|, C = C - g, R = max(R - g (p - x0), 0).
    COCOB-Backprop (Orabona & Tommasi 2017, arXiv:1705.07795, Alg. 2): R is what bets on the gradients' signs have won,
    a share of which is bet anew; L begins at eps. The updates are steps down as they are. State: the first parameters
    and 16 bytes a parameter.
    """

    alpha: Scalar = hyper(default=100.0, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = optax.contrib.COCOBState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return copied(p), zeros(p), filled(p, self.eps, real=True), zeros(p, real=True), zeros(p, real=True)

    def step(self, t: Any, g: Any, x0: Any, c: Any, l: Any, s: Any, r: Any, *, p: Any) -> tuple[jax.Array, ...]:  # noqa: E741
        size = jnp.abs(g)
        l, s, c = jnp.maximum(l, size), s + size, c - g  # noqa: E741
        won = r - (g.conj() * (p - x0)).real
        r = jnp.where(won < 0, 0.0, won)
        # Without a gradient so far c is 0, and a slope of 1 / (alpha eps) is more than a float16 gradient holds.
        stakes = jnp.where(s == 0, 0.0, jnp.maximum(s + l, self.alpha * l))
        return ratio(c, stakes) * (1 + ratio(r, l)) + (x0 - p), x0, c, l, s, r


scale_by_cocob = ScaleByCocob


@optimizer(rates=None)
def cocob(
    learning_rate: Rate = 1.0,
    alpha: Scalar = 100.0,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    mask: Any = None,
) -> Chain:
    """COCOB-Backprop, coin betting without a rate (Orabona & Tommasi 2017, arXiv:1705.07795).

    `weight_decay` is an L2 penalty. `learning_rate` multiplies the gradients, which moves the parameters no further:
    it matters in a schedule alone.
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate, flip_sign=False),
        ScaleByCocob(alpha, eps),
    )
