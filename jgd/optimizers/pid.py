"""PID: momentum as a controller that adds up gradients and looks at their change."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByPid(Rule):
    """Control the step by the gradient, its sum and its change.

    u = g + ki i + kd d; i = b i + g; d = b d + (1-b) (g - g_old), b the momentum (An et al. 2018).

    As in the authors' code the first difference is zero, and the second is against zero, since the first gradient is
    not kept. State: 12 bytes a parameter.
    """

    momentum: Scalar = hyper(default=0.9, interval="[0, 1)")
    integral: Scalar = hyper(default=5.0, interval="[0, inf)")
    derivative: Scalar = hyper(default=10.0, interval="[0, inf)")
    layout = ("i", "d", "old")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p), zeros(p)

    def step(self, t: jax.Array, g: jax.Array, i: jax.Array, d: jax.Array, old: jax.Array) -> tuple[jax.Array, ...]:
        i = self.momentum * i + g
        d = jnp.where(t == 1, 0.0, self.momentum * d + (1 - self.momentum) * (g - old))
        return g + self.integral * i + self.derivative * d, i, d, jnp.where(t == 1, 0.0, g)


scale_by_pid = ScaleByPid


@optimizer(rates=(1e-5, 1e-1))
def pid(learning_rate: Rate, momentum: Scalar = 0.9, integral: Scalar = 5.0, derivative: Scalar = 10.0) -> Chain:
    """Descend by the gradient, its sum and its change, as a PID controller (An et al. 2018)."""
    return descend(ScaleByPid(momentum, integral, derivative), learning_rate)
