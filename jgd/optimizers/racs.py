"""RACS: gradients scaled by the sizes of their rows and columns, with next to no state."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, filled, ratio, safe_sqrt, scalar_of
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByRacs(Rule):
    """Scale the rows and columns of each matrix.

    u = alpha c n, n = g / sqrt((s + eps) (q + eps)), c = gamma / max(|n| / (size + eps), gamma), size = c |n|.

    s is a mean over steps of each output's mean of |g|^2, from 0, and q of each input's, from 1, with decay beta: the
    norm of an update grows by gamma a step at most, and c is 1 at first (Gong et al. 2025, arXiv:2502.07752). Of an
    array of any axes the last is the outputs, and each other index an input; a vector's entries are all outputs. As in
    pytorch-optimizer; the paper repeats s and q, each weighed by the other.
    """

    beta: Scalar = hyper(default=0.9, interval="[0, 1)")
    alpha: Scalar = hyper(default=0.05, interval="[0, inf)")
    gamma: Scalar = hyper(default=1.01, interval="(0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("s", "q", "size")
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        shape, dtype = jnp.shape(p), jnp.result_type(p)
        ones = (1,) * len(shape)
        outputs, inputs = (jax.ShapeDtypeStruct(x, dtype) for x in (ones[:-1] + shape[-1:], shape[:-1] + ones[-1:]))
        return filled(outputs, 0.0, real=True), filled(inputs, 1.0, real=True), scalar_of(p)

    def shared(self, t: jax.Array) -> jax.Array:
        """Tell whether it is the first step."""
        return t == 1

    def step(self, first: Any, g: jax.Array, s: jax.Array, q: jax.Array, size: jax.Array) -> tuple[jax.Array, ...]:
        square, axes = abs_sq(g), tuple(range(g.ndim))
        s = self.beta * s + (1 - self.beta) * _mean(square, axes[:-1])
        q = self.beta * q + (1 - self.beta) * _mean(square, axes[-1:])
        n = ratio(g, safe_sqrt(s + self.eps) * safe_sqrt(q + self.eps))
        norm = safe_sqrt(jnp.sum(abs_sq(n)))
        growth = ratio(norm, jnp.where(first, 1.0, size + self.eps))
        c = jnp.where(first, 1.0, self.gamma / jnp.maximum(growth, self.gamma))
        return self.alpha * c * n, s, q, c * norm


scale_by_racs = ScaleByRacs


def _mean(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """Return the mean over axes, and 0 over none of their entries."""
    total = jnp.sum(x, axes, keepdims=True)
    return total * (total.size / max(1, x.size))


@optimizer(rates=(1e-2, 1e2))
def racs(
    learning_rate: Rate,
    beta: Scalar = 0.9,
    alpha: Scalar = 0.05,
    gamma: Scalar = 1.01,
    eps: Scalar = 1e-8,
) -> Chain:
    """RACS: SGD scaled by the sizes of a matrix's rows and columns (Gong et al. 2025, arXiv:2502.07752).

    State of an m x n matrix: m + n + 1 numbers.
    """
    return descend(ScaleByRacs(beta, alpha, gamma, eps), learning_rate)
