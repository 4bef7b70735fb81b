"""AdEMAMix: Adam that steps along a fast and a slow mean of the gradients together."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByAdemamix(Rule):
    """Scale by Adam's rule along a fast and a slow mean of the gradients.

    u = (m1^ + alpha m2) / (sqrt(v^ + eps_root) + eps); m1, m2 and v are means of g, g and |g|^2.

    Their decays are b1, b3 and b2, and m2 alone is not corrected for its bias: it fills slowly (Pagliardini et al.
    2024, arXiv:2409.03137). Over the first T = `warmup_steps`, as in the paper, alpha grows with t / T, and 1 / log b3,
    but for a constant its half-life, goes on a line from that of b1; or both are schedules of the number of steps taken
    before. v is float32 or wider, where optax keeps it in `mu_dtype`; one counter serves where optax has two that are
    equal.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    b3: Rate = hyper(default=0.9999, interval="[0, 1)")
    alpha: Rate = hyper(default=6.0, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    _: KW_ONLY
    warmup_steps: Scalar | None = hyper(default=None, interval="(0, inf)")
    layout = ("m1", "m2", "nu")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, self.mu_dtype), zeros(p, self.mu_dtype), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return the bias corrections, the slow mean's decay and its weight."""
        corrections = (1 / one_minus_pow(b, t) for b in (self.b1, self.b2))
        b3, alpha = (at_count(self, name, t - 1) for name in ("b3", "alpha"))
        if self.warmup_steps is not None:
            done = jnp.minimum(t / self.warmup_steps, 1.0)
            b3 = jnp.exp(1 / ((1 - done) / jnp.log(self.b1) + done / jnp.log(b3)))
            alpha = done * alpha
        return *corrections, b3, alpha

    def step(self, shared: Any, g: jax.Array, m1: jax.Array, m2: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2, b3, alpha = shared
        m1 = self.b1 * m1 + (1 - self.b1) * g
        m2 = b3 * m2 + (1 - b3) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        return ratio(r1 * m1 + alpha * m2, safe_sqrt(r2 * v + self.eps_root) + self.eps), m1, m2, v


scale_by_ademamix = ScaleByAdemamix


@record
class ScaleBySimplifiedAdemamix(Rule):
    """Scale a heavy momentum and the gradient by Adam's second moment.

    m = b1 m + g; v = b2 v + (1-b2) |g|^2; u = (m + alpha g) / (sqrt(v^ + eps_root) + eps).

    One sum in place of two means, with the gradient as the fast one (Morwani et al. 2025, arXiv:2502.02431): at an
    alpha of 0 it is Adam whose steps grow to 1 / (1 - b1) times Adam's, from 1, as the sum fills. `alpha` may be a
    schedule.
    """

    b1: Scalar = hyper(default=0.99, interval="[0, 1)")
    b2: Scalar = hyper(default=0.95, interval="[0, 1)")
    alpha: Rate = hyper(default=0.0, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    layout = ("m", "n")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return the bias correction and the gradient's weight."""
        return 1 / one_minus_pow(self.b2, t), at_count(self, "alpha", t - 1)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r, alpha = shared
        m = self.b1 * m + g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        return ratio(m + alpha * g, safe_sqrt(r * v + self.eps_root) + self.eps), m, v


scale_by_simplified_ademamix = ScaleBySimplifiedAdemamix


@optimizer(rates=(3e-5, 3e-1))
def ademamix(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    b3: Rate = 0.9999,
    alpha: Rate = 5.0,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: Rate = 0.0,
    mask: Any = None,
    *,
    warmup_steps: Scalar | None = None,
) -> Chain:
    """AdEMAMix: AdamW along a fast and a slow mean of the gradients (Pagliardini et al. 2024, arXiv:2409.03137).

    The paper warms alpha and b3 up over all of training: `warmup_steps` is then its number of steps.
    """
    rule = ScaleByAdemamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype, warmup_steps=warmup_steps)
    return descend(rule, learning_rate, weight_decay, mask)


@optimizer(rates=(1e-6, 1e-2))
def simplified_ademamix(
    learning_rate: Rate,
    b1: Scalar = 0.99,
    b2: Scalar = 0.95,
    alpha: Rate = 0.0,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    weight_decay: Rate = 0.0,
    mask: Any = None,
) -> Chain:
    """AdEMAMix with the gradient in place of the fast mean (Morwani et al. 2025, arXiv:2502.02431)."""
    return descend(ScaleBySimplifiedAdemamix(b1, b2, alpha, eps, eps_root), learning_rate, weight_decay, mask)
