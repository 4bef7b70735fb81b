"""AdaMod: Adam whose every entry's rate is held below the mean of what it was."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, scale


@record
class ScaleByAdamod(Rule):
    """Scale by Adam's rates, held below their own running mean.

    u = min(r, s) m, r = lr sqrt(1 - b2^t) / (1 - b1^t) / (sqrt(v) + eps), s = b3 s + (1-b3) r.

    m and v are means of g and |g|^2 with decays b1 and b2 (Ding et al. 2019, arXiv:1910.12249). s begins at zero and is
    not corrected for it, which makes a warm-up of about 1 / (1 - b3) steps.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    b3: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    keeps_sign = True
    layout = ("m", "v", "s")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True), zeros(p, real=True)

    def shared(self, t: jax.Array) -> jax.Array:
        """Return the rate with both bias corrections."""
        rate = at_count(self, "learning_rate", t - 1)
        return rate * safe_sqrt(one_minus_pow(self.b2, t)) / one_minus_pow(self.b1, t)

    def step(self, rate: Any, g: jax.Array, m: jax.Array, v: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        r = ratio(rate, safe_sqrt(v) + self.eps)
        s = self.b3 * s + (1 - self.b3) * r
        return jnp.minimum(r, s) * m, m, v, s


scale_by_adamod = ScaleByAdamod


@optimizer(rates=(1e-4, 1e0))
def adamod(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    b3: Scalar = 0.999,
    eps: Scalar = 1e-8,
) -> Chain:
    """AdaMod: Adam whose rates are at most the mean of their past (Ding et al. 2019, arXiv:1910.12249).

    State: 12 bytes a parameter.
    """
    return chain(ScaleByAdamod(learning_rate, b1, b2, b3, eps), scale(-1.0))
