"""AggMo: the mean of several momenta of different decays."""

import math
from typing import Any

import jax

from jgd.core import Rule, record
from jgd.core.record import hypers
from jgd.core.tree import zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByAggmo(Rule):
    """Average momenta of several decays.

    u = (t_1 + ... + t_k) / k; t_i = b_i t_i + g (Lucas et al. 2019, arXiv:1804.00325).

    State: 4 bytes a parameter for each decay.
    """

    betas: tuple[Scalar, ...] = hypers(default=(0.0, 0.9, 0.99), interval="[0, 1)", lengths=(1, math.inf))

    @property
    def layout(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A name for each decay's sum."""
        return tuple(f"trace{i}" for i in range(len(self.betas)))

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return tuple(zeros(p) for _ in self.betas)

    def step(self, t: Any, g: jax.Array, *traces: jax.Array) -> tuple[Any, ...]:
        traces = tuple(b * trace + g for b, trace in zip(self.betas, traces, strict=True))
        return sum(traces) / len(traces), *traces


scale_by_aggmo = ScaleByAggmo


@optimizer(rates=(1e-4, 1e0))
def aggmo(learning_rate: Rate, betas: tuple[Scalar, ...] = (0.0, 0.9, 0.99)) -> Chain:
    """Descend by the mean of momenta of several decays (Lucas et al. 2019, arXiv:1804.00325)."""
    return descend(ScaleByAggmo(betas), learning_rate)
