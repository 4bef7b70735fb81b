"""Momentum: a decaying sum or mean of past gradients."""

from typing import Any

import jax
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import one_minus_pow, zeros
from jgd.core.types import Scalar


@record
class Trace(Rule):
    """Add up gradients with a decay: momentum.

    t = g + decay t; u = t, or g + decay t with Nesterov's look-ahead.

    Heavy-ball momentum (Polyak 1964), and Nesterov's (1983) in the form of Sutskever et al. 2013: the same as
    `torch.optim.SGD` without dampening. The sum is not normalised, so the step grows by 1 / (1 - decay); at a decay of
    1 it is the sum of all gradients.
    """

    decay: Scalar = hyper(interval="[0, 1]")
    nesterov: bool = static(default=False)
    accumulator_dtype: Any = static(default=None, convert=dtype_name)
    layout = optax.TraceState
    keeps_zeros = True
    integers = True

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p, self.accumulator_dtype),)

    def step(self, t: Any, g: jax.Array, trace: jax.Array) -> tuple[jax.Array, ...]:
        trace = g + self.decay * trace
        return g + self.decay * trace if self.nesterov else trace, trace


trace = Trace


@record
class Ema(Rule):
    """Pass on a running mean of the gradients.

    m = decay m + (1 - decay) g; u = m / (1 - decay^t), or m without `debias`: the mean of past gradients.

    State: 4 bytes a parameter, or as `accumulator_dtype` says, and a counter. `ema_params` averages parameters.
    """

    decay: Scalar = hyper(interval="[0, 1)")
    debias: bool = static(default=True)
    accumulator_dtype: Any = static(default=None, convert=dtype_name)
    layout = optax.EmaState
    keeps_zeros = True

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p, self.accumulator_dtype),)

    def step(self, t: Any, g: jax.Array, m: jax.Array) -> tuple[jax.Array, ...]:
        m = self.decay * m + (1 - self.decay) * g
        return m / one_minus_pow(self.decay, t) if self.debias else m, m


ema = Ema
