"""SM3: AdaGrad whose sums of squares are kept once for each index of each axis."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, filled, map_unzip, ratio, safe_sqrt, zeros
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleBySm3(Rule):
    """Scale by sums of squares of the rows and columns.

    u = m, m = b1 m + (1-b1) g / sqrt(v + eps), v = min over axes of s + |g|^2; s = max of v along the other axes.

    SM3-II (Anil et al. 2019, arXiv:1901.11150) with the rows of each axis as its cover, and a momentum: 4 bytes a
    parameter, and 4 for each index of each axis. With b2 < 1 the sum is a mean, b2 s + (1-b2) |g|^2. A scalar keeps
    its own v, where optax fails.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=1.0, interval="[0, 1]")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = optax.ScaleBySM3State
    entrywise = False

    def slots(self, p: Any) -> tuple[Any, ...]:
        shape = jnp.shape(p)
        axes = [jax.ShapeDtypeStruct((n,), jnp.result_type(p)) for n in shape] or [p]
        return [filled(x, real=True) for x in axes], zeros(p)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the momentum, and the next state."""
        # The sums have other shapes than the gradients, which are therefore compared with the momentum.
        map_unzip(lambda g, m: (g, m), grads, state.nu, place="ScaleBySm3.update")
        return super().update(grads, state, params, **extra)

    def step(self, t: Any, g: jax.Array, sums: list[jax.Array], m: jax.Array) -> tuple[Any, ...]:
        weight = jnp.where(self.b2 < 1, 1 - self.b2, 1.0)
        others = [[j for j in range(g.ndim) if j != i] for i in range(len(sums))]
        along = [jnp.expand_dims(s, other) for s, other in zip(sums, others, strict=True)]
        v = self.b2 * functools.reduce(jnp.minimum, along) + weight * abs_sq(g)
        m = self.b1 * m + (1 - self.b1) * ratio(g, safe_sqrt(v + self.eps))
        return m, [jnp.max(v, other, initial=0.0) if other else v for other in others], m


scale_by_sm3 = ScaleBySm3


@optimizer(rates=(1e-3, 10.0))
def sm3(learning_rate: Rate, momentum: Scalar = 0.9) -> Chain:
    """AdaGrad with a sum of squares for each row and column (Anil et al. 2019, arXiv:1901.11150)."""
    return descend(ScaleBySm3(momentum), learning_rate)
