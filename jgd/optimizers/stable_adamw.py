"""StableAdamW: AdamW that steps less far where gradients are larger than its second moment knows."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.arguments import MASK
from jgd.core.frozen import frozen
from jgd.core.leaves import check_patterns, leaf_flags
from jgd.core.tree import abs_sq, check_params, one_minus_pow, safe_sqrt, zeros
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByStableAdamw(Rule):
    """Scale by Adam's moments, and clip the root mean square of the step.

    u = (m / (sqrt(v) + eps) + wd p) / max(1, r), r the root mean square of g / max(sqrt(v), eps) over a leaf.

    m and v are Adam's moments, kept without their bias: m = c m + (1-c) g with c = b1 (1 - b1^(t-1)) / (1 - b1^t)
    (Wortsman et al. 2023, arXiv:2304.13013, whose r is Adafactor's). It stands for a smaller rate, and so divides the
    decay, which is where `mask` is true, as well.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-6, interval="(0, inf)")
    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")
    mask: Any = static(default=None, convert=frozen, expect=MASK)
    layout = ("m", "v")
    entrywise = False

    def init(self, params: Params) -> State:
        """Return the moments at zero."""
        if isinstance(self.mask, str):
            check_patterns("ScaleByStableAdamw(mask)", [self.mask], params)
        return super().init(params)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of each leaf, and the next state."""
        check_params("ScaleByStableAdamw.update", params)
        flags = leaf_flags(self.mask, params)
        # Where nothing decays the compiler drops what is added, a multiple of the constant zero.
        decayed = jax.tree.map(lambda keep, p: p if keep else jnp.zeros_like(p), flags, params)
        return super().update(grads, state, decayed, **extra)

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return the weights of the present gradient in both moments, and the decay."""
        weights = ((1 - b) / one_minus_pow(b, t) for b in (self.b1, self.b2))
        return *weights, at_count(self, "weight_decay", t - 1)

    def step(self, shared: Any, g: Any, m: jax.Array, v: jax.Array, *, p: jax.Array) -> tuple[jax.Array, ...]:
        w1, w2, decay = shared
        m = (1 - w1) * m + w1 * g
        v = (1 - w2) * v + w2 * abs_sq(g)
        r = safe_sqrt(jnp.sum(abs_sq(g) / jnp.maximum(v, self.eps**2)) / max(g.size, 1))
        return (m / (safe_sqrt(v) + self.eps) + decay * p) / jnp.maximum(r, 1.0), m, v


scale_by_stable_adamw = ScaleByStableAdamw


@optimizer(rates=(3e-5, 3e-1))
def stable_adamw(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-6,
    weight_decay: Rate = 0.01,
    mask: Any = None,
) -> Chain:
    """AdamW with Adafactor's clipping of updates in place of that of gradients (Wortsman et al. 2023).

    See `ScaleByStableAdamw` for the rule.
    """
    return descend(ScaleByStableAdamw(b1, b2, eps, weight_decay, mask), learning_rate)
