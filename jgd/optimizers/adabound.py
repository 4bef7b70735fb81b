"""AdaBound: Adam whose every entry's rate is held between two bounds that close upon one rate."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, one_minus_pow, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, scale


@record
class ScaleByAdabound(Rule):
    """Scale by Adam's rates, held between bounds that close.

    u = r m, r = clip(lr sqrt(1 - b2^t) / (1 - b1^t) / (sqrt(v) + eps), f - f / (gamma t + 1), f + f / (gamma t)).

    m and v are means of g and |g|^2 with decays b1 and b2, and f is `final_learning_rate` (Luo et al. 2019,
    arXiv:1902.09843). With `amsgrad` the largest v so far takes v's place. Both rates may be schedules; the authors'
    code multiplies f by lr / lr_1 instead, where the rate is changed from outside.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    final_learning_rate: Rate = hyper(default=0.1, interval="[0, inf)")
    gamma: Scalar = hyper(default=1e-3, interval="(0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    _: KW_ONLY
    amsgrad: bool = static(default=False)

    keeps_sign = True

    @property
    def layout(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ("m", "v", "largest") if self.amsgrad else ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), *(zeros(p, real=True) for _ in range(1 + self.amsgrad))

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return the rate before it is divided, and its two bounds."""
        rate, final = (at_count(self, name, t - 1) for name in ("learning_rate", "final_learning_rate"))
        rate = rate * safe_sqrt(one_minus_pow(self.b2, t)) / one_minus_pow(self.b1, t)
        return rate, final - final / (self.gamma * t + 1), final + final / (self.gamma * t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, *largest: jax.Array) -> tuple[Any, ...]:
        rate, low, high = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        largest = tuple(jnp.maximum(x, v) for x in largest)
        return jnp.clip(rate / (safe_sqrt((v, *largest)[-1]) + self.eps), low, high) * m, m, v, *largest


scale_by_adabound = ScaleByAdabound


@optimizer(rates=(3e-5, 3e-1))
def adabound(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    final_learning_rate: Rate = 0.1,
    gamma: Scalar = 1e-3,
    eps: Scalar = 1e-8,
    amsgrad: bool = False,
) -> Chain:
    """AdaBound: Adam that turns into SGD as bounds of its rates close (Luo et al. 2019, arXiv:1902.09843).

    At step t the bounds are final_learning_rate times 1 - 1 / (gamma t + 1) and 1 + 1 / (gamma t).
    State: 8 bytes a parameter, 12 with `amsgrad`, which makes it AMSBound.
    """
    rule = ScaleByAdabound(learning_rate, b1, b2, final_learning_rate, gamma, eps, amsgrad=amsgrad)
    return chain(rule, scale(-1.0))
