"""Momentum: a decaying sum of past gradients."""

from typing import Any

import jax
import optax

from jgd.core import hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import full_like, map_unzip
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class Trace:
    """t = g + decay t; u = t, or g + decay t with Nesterov's look-ahead. State: 4 bytes a parameter.

    Heavy-ball momentum (Polyak 1964), and Nesterov's (1983) in the form of Sutskever et al. 2013: the same as
    `torch.optim.SGD` without dampening. The sum is not normalised, so the step grows by 1 / (1 - decay).
    """

    decay: Scalar = hyper(interval="[0, 1)")
    nesterov: bool = static(default=False)
    accumulator_dtype: Any = static(default=None, convert=dtype_name)

    def init(self, params: Params) -> State:
        """A zero sum."""
        return optax.TraceState(full_like(params, dtype=self.accumulator_dtype))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The sum with this gradient added."""

        def rule(g: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
            t = g + self.decay * t
            return g + self.decay * t if self.nesterov else t, t

        updates, new = map_unzip(rule, grads, state.trace, place="Trace.update")
        return updates, optax.TraceState(new)


def trace(decay: Scalar, nesterov: bool = False, accumulator_dtype: Any = None) -> Trace:
    """Replace the gradient by a decaying sum of past gradients."""
    return Trace(decay, nesterov, accumulator_dtype)
