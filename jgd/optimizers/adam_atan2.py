"""Adam-atan2: Adam without an eps, whose steps do not change when the loss is multiplied."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, safe_sqrt
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adam import bias_corrections
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByAdamAtan2(Rule):
    """Scale by Adam's moments, with an arc tangent for the quotient.

    u = a atan2(m^, b sqrt(v^)), with Adam's moments (Everett et al. 2024, arXiv:2407.05872).

    About Adam's step a / b m^ / sqrt(v^) where that is small, and never longer than a pi / 2. Real parameters only.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    a: Scalar = hyper(default=1.27, interval="[0, inf)")
    b: Scalar = hyper(default=1.0, interval="(0, inf)")
    layout = ("m", "v")
    real = "atan2 is of two real numbers"

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        return bias_corrections(self.b1, self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2, _ = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        bottom = self.b * safe_sqrt(r2 * v)
        # At the origin the arc has no derivative.
        return self.a * jnp.arctan2(r1 * m, jnp.where((m == 0) & (bottom == 0), 1.0, bottom)), m, v


scale_by_adam_atan2 = ScaleByAdamAtan2


@optimizer(rates=(3e-5, 3e-1))
def adam_atan2(
    learning_rate: Rate = 1e-4,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    a: Scalar = 1.27,
    b: Scalar = 1.0,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """AdamW with an arc tangent for the quotient, and no eps (Everett et al. 2024, arXiv:2407.05872)."""
    return descend(ScaleByAdamAtan2(b1, b2, a, b), learning_rate, weight_decay, mask)
