"""MARS: Adam or Lion on gradients whose variance is reduced by their change from step to step."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.arguments import one_of
from jgd.core.tree import abs_sq, check_fits, ratio, safe_sqrt, zeros
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.adam import bias_corrections
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.clip import shrink
from jgd.transforms.decay import Decay


@record
class ScaleByMars(Rule):
    """Reduce the gradient's variance by the change since the last, then step by Adam or Lion.

    c = g + gamma b1 / (1-b1) (g - g_old), for each leaf at most `max_norm` long; u is Adam's or Lion's step on c.

    With m = b1 m + (1-b1) c, `base` "adamw" divides m^ by sqrt(v^) + eps, v = b2 v + (1-b2) |c|^2, and "lion" steps by
    sign(m). This is the approximate form, whose gradients are of one batch each (Yuan et al. 2024, arXiv:2411.10438).
    g_old is g at first, as in the paper; in the authors' code it is zero. State: 12 bytes a parameter, 8 with "lion".
    """

    b1: Scalar = hyper(default=0.95, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    gamma: Scalar = hyper(default=0.025, interval="[0, inf)")
    _: KW_ONLY
    max_norm: Scalar = hyper(default=1.0, interval="(0, inf]")
    base: str = static(default="adamw", expect=one_of("adamw", "lion"))
    entrywise = False

    @property
    def layout(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ("m", "g", "v") if self.base == "adamw" else ("m", "g")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return (zeros(p), zeros(p), zeros(p, real=True))[: len(self.layout)]

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Tell whether it is the first step, and the bias corrections."""
        return t == 1, *bias_corrections(self.b1, self.b2, t)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the rule's step along the corrected gradients, and the next state."""
        check_fits("ScaleByMars.update", grads, state.slots["m"])
        return super().update(grads, state, params, **extra)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, old: jax.Array, *v: jax.Array) -> tuple[jax.Array, ...]:
        first, r1, r2, _ = shared
        c = g + self.gamma * self.b1 / (1 - self.b1) * jnp.where(first, 0.0, g - old)
        c = c * shrink(safe_sqrt(jnp.sum(abs_sq(c))), self.max_norm)
        m = self.b1 * m + (1 - self.b1) * c
        if self.base == "lion":
            return jnp.sign(m), m, g
        squares = self.b2 * v[0] + (1 - self.b2) * abs_sq(c)
        return ratio(r1 * m, safe_sqrt(r2 * squares) + self.eps), m, g, squares


scale_by_mars = ScaleByMars


@optimizer(rates=(3e-5, 3e-1))
def mars(
    learning_rate: Rate = 3e-3,
    b1: Scalar = 0.95,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-8,
    gamma: Scalar = 0.025,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    max_norm: Scalar = 1.0,
    base: str = "adamw",
) -> Chain:
    """AdamW or Lion on gradients of reduced variance, each leaf's clipped (Yuan et al. 2024, arXiv:2411.10438).

    All leaves are treated alike, where the authors' code gives vectors to AdamW. `base="lion"` wants a smaller rate.
    """
    rule = ScaleByMars(b1, b2, eps, gamma, max_norm=max_norm, base=base)
    return descend(rule, learning_rate, weight_decay, mask)
