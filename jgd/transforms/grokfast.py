"""Filters of gradients: their slow part amplified, or their part along the parameters taken away."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, safe_sqrt
from jgd.core.types import Scalar


@record
class GrokfastEma(Rule):
    """Strengthen the slow part of the gradient.

    m = alpha m + (1-alpha) g, which begins at the first gradient; u = g + lamb m.

    (Lee et al. 2024, arXiv:2405.20233.) First in a chain: the slow part of the gradients counts 1 + lamb times, the
    fast part once. State: 4 bytes a parameter and a counter.
    """

    alpha: Scalar = hyper(default=0.98, interval="[0, 1]")
    lamb: Scalar = hyper(default=2.0, interval="[0, inf)")
    layout = ("average",)

    def step(self, t: jax.Array, g: jax.Array, m: jax.Array) -> tuple[jax.Array, ...]:
        m = jnp.where(t == 1, g, self.alpha * m + (1 - self.alpha) * g)
        return g + self.lamb * m, m


grokfast_ema = GrokfastEma


@record
class OrthogonalizeGradients(Rule):
    """Remove the part of each gradient that lies along its parameters, and keep its norm.

    v = g - p <p, g> / (<p, p> + eps); u = v ||g|| / (||v|| + eps), for each leaf.

    (Prieto et al. 2025, arXiv:2501.04697.) First in a chain: no step scales a leaf, which keeps logits from growing
    without end. Zero where v is rounding alone, as in every scalar, which therefore stays: mask what should move. Of
    complex entries <p, g> is Re(p* g).
    """

    eps: Scalar = hyper(default=1e-30, interval="[0, inf)")
    entrywise = False

    def step(self, t: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        square = jnp.sum(abs_sq(p)) + self.eps
        along = jnp.sum((p.conj() * g).real) / jnp.where(square > 0, square, 1.0)
        v = g - along * p
        size, left = safe_sqrt(jnp.sum(abs_sq(g))), safe_sqrt(jnp.sum(abs_sq(v)))
        none = left <= 4 * jnp.finfo(v.dtype).eps * size
        return v * jnp.where(none, 0.0, size / jnp.where(none, 1.0, left + self.eps))


orthogonalize_gradients = OrthogonalizeGradients
