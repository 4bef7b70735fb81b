"""CAME: Adafactor with a momentum, and less of a step where momentum and update disagree."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, check_fits, moment_dtype, ratio, safe_sqrt, zeros
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.clip import shrink
from jgd.transforms.decay import Decay


@record
class ScaleByCame(Rule):
    """Scale by factored second moments and by how far they can be trusted.

    x = g / sqrt(v), clipped to a root mean square of `clip_threshold`; m = b1 m + (1-b1) x; u = m / sqrt(s).

    v = b2 v + (1-b2) (|g|^2 + eps1) and s = b3 s + (1-b3) (|x - m|^2 + eps2), both kept as their means over the last
    axis and over the one before alone, from which they are r c / mean(r) (Luo et al. 2023, arXiv:2307.02047). Vectors
    and scalars keep v in full and have no s: u = m. No bias is corrected.
    State: 4 bytes a parameter, and 8 (m + n) for a matrix of m x n.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    b3: Scalar = hyper(default=0.9999, interval="[0, 1)")
    eps1: Scalar = hyper(default=1e-30, interval="[0, inf)")
    eps2: Scalar = hyper(default=1e-16, interval="[0, inf)")
    clip_threshold: Scalar = hyper(default=1.0, interval="(0, inf]")
    layout = ("m", "v", "s")
    entrywise = False

    def slots(self, p: Any) -> tuple[Any, ...]:
        shape, dtype = jnp.shape(p), moment_dtype(p, real=True)
        if len(shape) < 2 or not jnp.size(p):
            return zeros(p), zeros(p, real=True), ()
        means = [shape[:-1], (*shape[:-2], shape[-1])]
        v, s = (tuple(jnp.zeros(one, dtype) for one in means) for _ in range(2))
        return zeros(p), v, s

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the confident momentum, and the next state."""
        check_fits("ScaleByCame.update", grads, state.slots["m"])
        return super().update(grads, state, params, **extra)

    def step(self, t: Any, g: jax.Array, m: jax.Array, v: Any, s: Any) -> tuple[Any, ...]:
        v = _averaged(self.b2, v, abs_sq(g) + self.eps1)
        x = _over_root(g, v)
        x = x * shrink(safe_sqrt(jnp.sum(abs_sq(x)) / max(g.size, 1)), self.clip_threshold)
        m = self.b1 * m + (1 - self.b1) * x
        if not s:
            return m, m, v, s
        s = _averaged(self.b3, s, abs_sq(x - m) + self.eps2)
        return _over_root(m, s), m, v, s


scale_by_came = ScaleByCame


def _averaged(b: Scalar, old: Any, x: jax.Array) -> Any:
    """Return the mean of x over time: in full, or of its means over the last axis and over the one before."""
    new = (jnp.mean(x, -1), jnp.mean(x, -2)) if isinstance(old, tuple) else x
    return jax.tree.map(lambda o, n: b * o + (1 - b) * n, old, new)


def _over_root(x: jax.Array, v: Any) -> jax.Array:
    """Compute x / sqrt(v) by reciprocals of roots: those of eps1 itself leave float32, in derivatives as well."""
    if not isinstance(v, tuple):
        return ratio(x, safe_sqrt(v))
    rows, columns = v
    along = ratio(safe_sqrt(jnp.mean(rows, -1, keepdims=True)), safe_sqrt(rows))
    return x * along[..., None] * ratio(jnp.ones(()), safe_sqrt(columns))[..., None, :]


@optimizer(rates=(3e-5, 3e-1))
def came(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    b3: Scalar = 0.9999,
    eps1: Scalar = 1e-30,
    eps2: Scalar = 1e-16,
    clip_threshold: Scalar = 1.0,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """Adafactor with a momentum and a confidence in it, next to no state beside it (Luo et al. 2023, arXiv:2307.02047).

    Weight decay is decoupled as in AdamW.
    """
    return descend(ScaleByCame(b1, b2, b3, eps1, eps2, clip_threshold), learning_rate, weight_decay, mask)
