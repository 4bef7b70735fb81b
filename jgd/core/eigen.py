"""Eigenbases, orthogonal factors and inverse roots of symmetric matrices, with slopes that stay finite."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.by_platform import by_platform
from jgd.core.shapes import Float
from jgd.core.symmetric import unfold
from jgd.core.types import Array

NEWTON_STEPS = 60  # enough for a condition of 1e12


def _one_by_one(factorize: Callable[[jax.Array], Any]) -> Callable[[jax.Array], Any]:
    """Give the factorization of one matrix, which `vmap` runs on one after another on a CPU, and elsewhere as a batch.

    jaxlib splits a batch among the threads that run a program, and waits for them on one of these: as many batches side
    by side as there are threads wait for ever (jaxlib 0.10, two cores, the QR of both sides of 48 matrices).
    """
    single = jax.custom_batching.custom_vmap(factorize)

    @single.def_vmap
    def _(axis_size: int, in_batched: list[bool], x: jax.Array) -> tuple[Any, Any]:
        found = by_platform(functools.partial(jax.lax.map, single), jax.vmap(factorize), x)
        return found, jax.tree.map(lambda _: True, found)

    return single


@_one_by_one
def _eigh(x: Float[Array, "n n"]) -> list[jax.Array]:
    return list(jax.lax.linalg.eigh(x, symmetrize_input=False))


@_one_by_one
def _qr(x: Float[Array, "n n"]) -> list[Float[Array, "n n"]]:
    return list(jnp.linalg.qr(x))


@jax.custom_jvp
def eigh(x: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Return ascending eigenvalues, and eigenvectors in columns; within equal ones, vectors have no slope."""
    q, values = _eigh(x)
    return values, q


@eigh.defjvp
def _eigh_jvp(primals: Any, tangents: Any) -> Any:
    values, q = eigh(*primals)
    turned = q.T @ tangents[0] @ q
    gaps = values[None, :] - values[:, None]
    equal = jnp.abs(gaps) <= _noise(values)
    return (values, q), (jnp.diagonal(turned), q @ jnp.where(equal, 0.0, turned / jnp.where(equal, 1.0, gaps)))


def eigenbases(factors: Any) -> Any:
    """Return the eigenvectors of folded matrices, those of the largest eigenvalues first."""
    return jax.tree.map(lambda x: eigh(unfold(x))[1][:, ::-1], factors)


@jax.custom_jvp
def qr_factor(x: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Return the orthogonal factor of x = Q R; columns that earlier ones span have no slope."""
    return _qr(x)[0]


@qr_factor.defjvp
def _orthogonal_jvp(primals: Any, tangents: Any) -> Any:
    q, r = _qr(primals[0])
    diagonal = jnp.diagonal(r)
    spanned = jnp.abs(diagonal) <= _noise(diagonal)
    r = jnp.where(jnp.diag(spanned), 1.0, r)
    move = jnp.where(spanned[None, :], 0.0, tangents[0])
    move = jax.lax.linalg.triangular_solve(r, move, left_side=False, lower=False)
    inside = q.T @ move
    lower = jnp.tril(inside, -1)
    return q, q @ (lower - lower.T - inside) + move


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def inverse_root(x: Float[Array, "n n"], p: int) -> Float[Array, "n n"]:
    """Compute x^(-1/p) of a symmetric matrix whose eigenvalues are positive, by its eigenvalues."""
    values, q = eigh(x)
    return (q * _root(values, p)[None, :]) @ q.T


@inverse_root.defjvp
def _inverse_root_jvp(p: int, primals: Any, tangents: Any) -> Any:
    """Take divided differences in the eigenbasis, the derivative in their place between eigenvalues that are close."""
    values, q = eigh(*primals)
    roots = _root(values, p)
    gaps, means = values[None, :] - values[:, None], (values[None, :] + values[:, None]) / 2
    close = jnp.abs(gaps) <= jnp.finfo(values.dtype).eps ** (1 / 3) * jnp.abs(means)
    slopes = jnp.where(close, -_root(means, p) / (p * jnp.where(means > 0, means, 1.0)), 0.0)
    slopes = jnp.where(close, slopes, (roots[None, :] - roots[:, None]) / jnp.where(close, 1.0, gaps))
    return (q * roots[None, :]) @ q.T, q @ (slopes * (q.T @ tangents[0] @ q)) @ q.T


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def newton_inverse_root(x: Float[Array, "n n"], p: int) -> Float[Array, "n n"]:
    """Compute x^(-1/p) of a symmetric positive definite matrix by products alone: the coupled Newton iteration.

    With z = (1 + p) / (2 |x|) and M = z x, K = z^(1/p) I: W = ((1 + p) I - M) / p, K <- K W, M <- W^p M until M is I
    or rounding makes it worse (Guo & Higham 2006); the number of steps grows with the logarithm of the condition.
    Only a derivative takes eigenvalues.
    """
    rounding = jnp.finfo(x.dtype).eps
    eye = jnp.eye(len(x), dtype=x.dtype)
    x = x + rounding * jnp.linalg.norm(x) * eye
    size = jnp.linalg.norm(x)
    scale = (1 + p) / (2 * jnp.where(size > 0, size, 1.0))  # of zeros there is no root, but nothing is divided by zero
    limit = 10 * len(x) * rounding

    def error(m: jax.Array) -> jax.Array:
        return jnp.max(jnp.abs(m - eye))

    def better(carry: Any) -> jax.Array:
        i, _, _, off, before = carry
        return (i < NEWTON_STEPS) & (off > limit) & (off < 1.2 * before)

    def step(carry: Any) -> Any:
        i, k, m, off, _ = carry
        w = ((1 + p) * eye - m) / p
        k, m = k @ w, jnp.linalg.matrix_power(w, p) @ m
        return i + 1, k, m, error(m), off

    m = x * scale
    start = (0, eye * scale ** (1 / p), m, error(m), jnp.asarray(jnp.inf, x.dtype))
    return jax.lax.while_loop(better, step, start)[1]


@newton_inverse_root.defjvp
def _newton_inverse_root_jvp(p: int, primals: Any, tangents: Any) -> Any:
    return newton_inverse_root(*primals, p), _inverse_root_jvp(p, primals, tangents)[1]


def _root(values: Float[Array, "*n"], p: int) -> Float[Array, "*n"]:
    """Compute values^(-1/p), those that rounding has made no larger than zero being the least that there can be."""
    least = jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values), initial=0.0)
    return jnp.where(values > 0, values, jnp.where(least > 0, least, 1.0)) ** (-1 / p)


def _noise(values: Float[Array, " n"]) -> Float[Array, ""]:
    """Return how large the differences are that rounding makes."""
    return 4 * len(values) * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values), initial=0.0)
