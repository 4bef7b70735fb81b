"""SGD-SaI: momentum whose rate is each array's own, set once by its first gradient."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, safe_sqrt, scalar_of, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleBySgdSai(Rule):
    """Scale a momentum by each array's first gradient.

    u = snr m, m = momentum m + (1 - momentum) g from m = g_1; snr = |g_1| / (std(g_1) + eps) for each array.

    The ratio of signal to noise of the first gradient g_1 stays as it is; std is unbiased (Xu et al. 2024,
    arXiv:2412.11768). Where there is none, in an array of one entry, of equal ones or of zeros, snr is 1; the authors'
    code divides by eps there, and never moves what begins with a zero gradient.
    """

    momentum: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "snr")
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), scalar_of(p)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Tell whether it is the first step, and the decay."""
        return t == 1, jnp.where(t == 1, 0.0, self.momentum)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, snr: jax.Array) -> tuple[jax.Array, ...]:
        first, decay = shared
        m = decay * m + (1 - decay) * g
        snr = jnp.where(first, self._snr(g), snr)
        return snr * m, m, snr

    def _snr(self, g: jax.Array) -> jax.Array:
        deviation = g - jnp.sum(g) / max(1, g.size)
        std = safe_sqrt(jnp.sum(abs_sq(deviation)) / max(1, g.size - 1))
        some = std > 0
        return jnp.where(some, safe_sqrt(jnp.sum(abs_sq(g))) / (jnp.where(some, std, 1.0) + self.eps), 1.0)


scale_by_sgd_sai = ScaleBySgdSai


@optimizer(rates=(1e-4, 1e0))
def sgd_sai(
    learning_rate: Rate,
    momentum: Scalar = 0.9,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """Momentum with a rate for each array from its first gradient (Xu et al. 2024, arXiv:2412.11768).

    With decoupled weight decay. The rate's factor is the first gradient's norm over its standard deviation, about the
    root of the number of entries. State: 4 bytes a parameter.
    """
    return descend(ScaleBySgdSai(momentum, eps), learning_rate, weight_decay, mask)
