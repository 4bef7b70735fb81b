"""The nuclear norm, and its proximal operator with a derivative that holds at equal singular values too."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import part, record
from jgd.core.types import Weights
from jgd.nonsmooth.nonsmooth import Nonsmooth, Shape, lacking, number


@record
class Nuclear(Nonsmooth):
    """Penalise scale times the sum of the singular values of each matrix, which favours low rank.

    prox(V) = U max(S - step scale, 0) W* with V = U S W*. A leaf is a matrix f[m, n], or a batch of them f[..., m, n];
    `scale` broadcasts to the batch. A leaf of fewer axes is refused. Cost: a singular value decomposition of each
    matrix, O(m n min(m, n)). Its derivative, forward and reverse, is finite where singular values are equal or zero; a
    second one is not. (Cai, Candès & Shen 2010, theorem 2.1.)
    """

    scale: Weights = part(convert=number("[0, inf)"))

    def room(self, shape: Shape) -> Shape:
        """Return the shape of the batch of matrices."""
        if len(shape) < 2:
            lacking(f"be a matrix or a batch of them, where its shape is {shape}")
        return shape[:-2]

    def value_of(self, x: jax.Array, scale: jax.Array) -> jax.Array:
        """Return the penalty of a batch of matrices."""
        if not x.size:
            return jnp.zeros((), scale.dtype)
        return jnp.sum(scale[..., None] * jnp.linalg.svd(x, compute_uv=False))

    def prox_of(self, v: jax.Array, t: jax.Array, scale: jax.Array) -> jax.Array:
        """Apply soft thresholding to the singular values."""
        return singular_values_shrunk(v, t * scale)


nuclear = Nuclear


@jax.custom_jvp
def singular_values_shrunk(v: jax.Array, t: jax.Array) -> jax.Array:
    """Return matrices f[..., m, n] with singular values less `t` f[...], and zero where that is negative."""
    u, s, w = jnp.linalg.svd(v, full_matrices=False)
    return (u * jnp.maximum(s - t[..., None], 0)[..., None, :]) @ w


@singular_values_shrunk.defjvp
def _singular_values_shrunk_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    """Take divided differences of f(s) = max(s - t, 0), made odd, in the singular basis (Lewis & Sendov 2001).

    With H the change of V and K = U* H W, the symmetric part of K takes (f(s_i) - f(s_j)) / (s_i - s_j), its
    antisymmetric part (f(s_i) + f(s_j)) / (s_i + s_j), and what H has outside of the two bases f(s_j) / s_j. Which
    side of the threshold a value lies on decides the first, so that nothing cancels.
    """
    (v, t), (dv, dt) = primals, tangents
    u, s, w = jnp.linalg.svd(v, full_matrices=False)
    level = t[..., None]
    f = jnp.maximum(s - level, 0)
    at_zero = jnp.where(level > 0, 0, 1)  # the slope of f at 0
    rows, columns = s[..., :, None], s[..., None, :]
    top, low, edge = jnp.maximum(rows, columns), jnp.minimum(rows, columns), level[..., None]
    across = (top > edge) & (low <= edge)
    slope = jnp.where(across, (top - edge) / jnp.where(across, top - low, 1), jnp.where(top > edge, 1, 0))
    share = jnp.where(s > 0, f / jnp.where(s > 0, s, 1), at_zero)
    some = rows + columns > 0
    turn = (f[..., :, None] + f[..., None, :]) / jnp.where(some, rows + columns, 1)
    turn = jnp.where(some, turn, at_zero[..., None])
    k = _adjoint(u) @ dv @ _adjoint(w)
    even, odd = 0.5 * (k + _adjoint(k)), 0.5 * (k - _adjoint(k))
    inner = slope * even + turn * odd
    inner = inner - (dt[..., None] * (s > level))[..., None] * jnp.eye(s.shape[-1], dtype=s.dtype)
    left = (dv @ _adjoint(w) - u @ k) * share[..., None, :]
    right = (_adjoint(u) @ dv - k @ w) * share[..., :, None]
    return (u * f[..., None, :]) @ w, u @ inner @ w + left @ w + u @ right


def _adjoint(x: jax.Array) -> jax.Array:
    return jnp.swapaxes(x, -1, -2).conj()
