"""Fromage: steps as long as the parameters are, with norms that do not grow."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.optimizers.lamb import ScaleByTrustRatio


@record
class Fromage(Rule):
    """Turn each leaf by an angle that the rate sets.

    u = (p - lr g ||p|| / ||g||) / sqrt(1 + lr^2) - p for each leaf by itself; norms are at least `min_norm`.

    (Bernstein et al. 2020, arXiv:2002.03432, Alg. 1.) State: empty for a number, an i32 counter for a schedule.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    min_norm: Scalar = hyper(default=1e-6, interval="[0, inf)")
    called = "fromage"
    entrywise = False

    @property
    def layout(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return optax.ScaleByScheduleState if callable(self.learning_rate) else None

    def shared(self, t: Any) -> tuple[Any, Any]:
        """Return the rate, and the root by which the new parameters are divided."""
        rate: Any = at_count(self, "learning_rate", None if t is None else t - 1)
        return rate, jnp.sqrt(1 + rate * rate)

    def step(self, shared: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        rate, root = shared
        move = ScaleByTrustRatio(self.min_norm).step(None, g, p=p)
        # 1 / root - 1 would lose all digits of a small rate's square.
        return -(rate / root) * (move + rate / (1 + root) * p)


@optimizer(rates=(1e-4, 1e0))
def fromage(learning_rate: Rate, min_norm: Scalar = 1e-6) -> Fromage:
    """Steps relative to the parameters' norms, leaf by leaf (Bernstein et al. 2020, arXiv:2002.03432)."""
    return Fromage(learning_rate, min_norm)
