"""Symmetric matrices in half of their bytes."""

import jax
import jax.numpy as jnp

from jgd.core.shapes import Float
from jgd.core.types import Array


def fold(x: Float[Array, "n n"]) -> Float[Array, "2*(n//2)+1 n-n//2"]:
    """Return the n (n + 1) / 2 numbers of a symmetric matrix as a rectangle, f[2 h + 1, n - h] with h = n // 2.

    Of [[A, B], [B', C]], A f[h, h], the rows of B come first, then the lower triangle of A, a row further down, beside
    the upper one of C. It is linear, so that means and sums of folded matrices are folded means and sums.
    """
    n = x.shape[-1]
    h = n // 2
    k = n - h
    lower = jnp.pad(x[:h, :h], ((1, 0), (0, k - h)))
    upper = jnp.pad(x[h:, h:], ((0, h + 1 - k), (0, 0)))
    return jnp.concatenate([x[:h, h:], jnp.where(_below((h + 1, k), 1), lower, upper)])


def unfold(folded: Float[Array, "rows columns"]) -> Float[Array, "n n"]:
    """Undo `fold`."""
    h, k = folded.shape[0] // 2, folded.shape[1]
    b, triangles = folded[:h], folded[h:]
    lower, upper = triangles[1:, :h], triangles[:k]
    a = jnp.where(_below((h, h), 0), lower, lower.T)
    c = jnp.where(_below((k, k), 1), upper.T, upper)
    return jnp.concatenate([jnp.concatenate([a, b], 1), jnp.concatenate([b.T, c], 1)])


def folded_shape(n: int) -> tuple[int, int]:
    """Return the shape of a folded matrix f[n, n]."""
    return 2 * (n // 2) + 1, n - n // 2


def _below(shape: tuple[int, int], by: int) -> jax.Array:
    """Tell where a row's number exceeds the column's by so much at least."""
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, shape, axis) for axis in (0, 1))
    return rows - columns >= by
