"""Fira: GaLore that steps along what its projection leaves out as well."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record
from jgd.core.tree import abs_sq, moment_dtype, safe_sqrt
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend_then_decay, optimizer
from jgd.optimizers.low_rank import Projection, ScaleByLowRankAdam
from jgd.transforms import Chain
from jgd.transforms.decay import Decay

GROWTH = 1.01  # of a norm from step to step, at most
TINY = 1e-8  # added to norms that divide


@record
class ScaleByFira(ScaleByLowRankAdam):
    """Scale by Adam in a few directions, and add the others scaled like them.

    u = c (scale P n + h (G - scale P P'G) f), f = |n| / (|P'G| + 1e-8) for each column of these, as GaLore has them.

    h limits the norm of what stands behind it to 1.01 times that of the step before (Chen et al. 2024,
    arXiv:2410.01623). See `ScaleByLowRankAdam` for c, n and P. State: that of GaLore, and a number for each matrix.
    """

    scale: Scalar = hyper(default=1.0, interval="[0, inf)")
    layout = ("m", "v", "projector", "norm")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return *super().slots(p), jnp.zeros((), moment_dtype(p, real=True))

    def whole(self, t: jax.Array, one: Projection, found: Any, *kept: jax.Array) -> tuple[jax.Array, ...]:
        g, low, n, projector = found
        rest = (g - self.scale * one.back(low, projector)) * scaling(one, n, low)
        rest, norm = limited_growth(t, rest, kept[-1])
        return self.scale * one.back(n, projector) + rest, *kept[:-1], norm


scale_by_fira = ScaleByFira


def scaling(one: Projection, n: jax.Array, low: jax.Array) -> jax.Array:
    """Tell how much longer Adam's step is than the projected gradient, at each index of the other side."""
    axis = 0 if one.rows else 1
    top, bottom = (safe_sqrt(jnp.sum(abs_sq(x), axis, keepdims=True)) for x in (n, low))
    return top / (bottom + TINY)


def limited_growth(t: jax.Array, x: jax.Array, last: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Hold the norm of `x` to 1.01 times the `last` one, after the first step; return both."""
    norm = safe_sqrt(jnp.sum(abs_sq(x)))
    factor = jnp.where(t == 1, 1.0, GROWTH / jnp.maximum(norm / (last + TINY), GROWTH))
    return factor * x, factor * norm


@optimizer(rates=(1e-4, 1e0))
def fira(
    learning_rate: Rate,
    rank: int = 128,
    update_proj_gap: Scalar = 200,
    scale: Scalar = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """Adam in a few directions of each matrix, and scaled gradients in the others (Chen et al. 2024, arXiv:2410.01623).

    Decay comes after the step: p <- (p - lr u)(1 - lr wd). What is no matrix gets Adam.
    """
    return descend_then_decay(ScaleByFira(rank, update_proj_gap, scale, b1, b2, eps), learning_rate, weight_decay, mask)
