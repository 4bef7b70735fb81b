"""Rprop: steps of a size of its own for each entry, by the sign of the gradient alone."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import filled, zeros
from jgd.core.types import Scalar
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, scale


@record
class ScaleByRprop(Rule):
    """Step by signs, longer where they repeat and shorter where they turn.

    d = clip(d eta, min, max); u = d sign(g): eta is eta_plus where g keeps its sign, eta_minus where it turns.

    iRprop- (Igel & Husken 2003, after Riedmiller & Braun 1993), as in `torch.optim.Rprop`: where the sign turns, the
    entry stands still once, and its next d stays. d begins at `learning_rate`. `delayed` returns the u of the step
    before, 0 at first and where the sign turns, and leaves d unclipped where it stays: optax's form. For full
    batches; real parameters only.
    """

    learning_rate: Scalar = hyper(interval="[0, inf)")
    eta_minus: Scalar = hyper(default=0.5, interval="[0, 1]")
    eta_plus: Scalar = hyper(default=1.2, interval="(0, inf)")
    min_step_size: Scalar = hyper(default=1e-6, interval="[0, inf)")
    max_step_size: Scalar = hyper(default=50.0, interval="[0, inf)")
    _: KW_ONLY
    delayed: bool = static(default=False)
    keeps_sign = True
    layout = optax.ScaleByRpropState
    real = "a complex gradient has no sign"

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return filled(p, self.learning_rate), zeros(p)

    def step(self, t: Any, g: jax.Array, d: jax.Array, old: jax.Array) -> tuple[jax.Array, ...]:
        agree = jnp.sign(g) * jnp.sign(old)  # the product of the gradients would underflow
        scaled = d * jnp.where(agree > 0, self.eta_plus, self.eta_minus)
        kept, new = (jnp.clip(x, self.min_step_size, self.max_step_size) for x in (d, scaled))
        d = jnp.where(agree == 0, d if self.delayed else kept, new)
        u = jnp.where(agree < 0, 0.0, d * jnp.sign(g))
        return (jnp.where(agree < 0, 0.0, old) if self.delayed else u), d, u


scale_by_rprop = ScaleByRprop


@optimizer(rates=(1e-5, 1e-1))
def rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
    *,
    delayed: bool = False,
) -> Chain:
    """Rprop, whose `learning_rate` is the first step of each entry (Riedmiller & Braun 1993).

    As in torch and the paper, a step is applied at once; optax applies each one call late (`delayed`).
    """
    rule = ScaleByRprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size, delayed=delayed)
    return chain(rule, scale(-1.0))
