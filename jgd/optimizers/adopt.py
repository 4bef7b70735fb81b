"""ADOPT: Adam that scales a gradient by the second moment of those before it."""

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.arguments import function_of
from jgd.core.frozen import dtype_name
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


def quarter_root(count: Any) -> Any:
    """Compute count^(1/4), the bound of ADOPT's scaled gradients after `count` steps."""
    return count**0.25


@record
class ScaleByAdopt(Rule):
    """Average gradients that the second moment of the step before has scaled.

    n = g / max(sqrt(v), eps), held to [-c, c]; m = b1 m + (1-b1) n; v = b2 v + (1-b2) |g|^2; u = m.

    The gradient is scaled by the v of the steps before, so that the two are independent; the first step sets v = |g|^2
    and moves nothing. c is `clip_value_fn(t - 1)` (Taniguchi et al. 2024, arXiv:2411.02853). With `nesterov`,
    u = b1 m + (1-b1) n. A complex n is shortened to the modulus c.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.9999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    _: KW_ONLY
    nesterov: bool = static(default=False)
    use_clipping: bool = static(default=True)
    clip_value_fn: Callable[[Any], Any] = static(
        default=quarter_root, expect=function_of("clip_value_fn(count) -> bound", 1)
    )
    layout = optax.ScaleByAdamState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, self.mu_dtype), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return the two decays, by which the first step sets v and leaves m, and the bound."""
        first = t == 1
        bound = self.clip_value_fn(t - 1) if self.use_clipping else None
        return jnp.where(first, 1.0, self.b1), jnp.where(first, 0.0, self.b2), bound

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        b1, b2, bound = shared
        n = ratio(g, jnp.maximum(safe_sqrt(v), self.eps))
        if bound is not None and jnp.iscomplexobj(n):
            n = n * jnp.minimum(1.0, ratio(bound, jnp.abs(n)))
        elif bound is not None:
            n = jnp.clip(n, -bound, bound)
        m = b1 * m + (1 - b1) * n
        v = b2 * v + (1 - b2) * abs_sq(g)
        return b1 * m + (1 - b1) * n if self.nesterov else m, m, v


scale_by_adopt = ScaleByAdopt


@optimizer(rates=(3e-5, 3e-1))
def adopt(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.9999,
    eps: Scalar = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] = quarter_root,
) -> Chain:
    """ADOPT: Adam that converges with any b2 (Taniguchi et al. 2024, arXiv:2411.02853)."""
    rule = ScaleByAdopt(
        b1, b2, eps, mu_dtype, nesterov=nesterov, use_clipping=use_clipping, clip_value_fn=clip_value_fn
    )
    return descend(rule, learning_rate)
