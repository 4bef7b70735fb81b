"""Twelve unconstrained problems of 36 to 100 variables from CUTEst (Gould, Orban & Toint 2015), with its starts."""

import jax
import jax.numpy as jnp

from jgd.tasks.problems.smooth_problem import count_to, scalar, squares


def _arwhead(x: jax.Array) -> jax.Array:
    """Return an arrowhead: all variables meet the last."""
    return jnp.sum((x[:-1] ** 2 + x[-1] ** 2) ** 2 - 4 * x[:-1] + 3)


def _bdqrtic(x: jax.Array) -> jax.Array:
    a, b, c, d = x[:-4], x[1:-3], x[2:-2], x[3:-1]
    return jnp.sum((3 - 4 * a) ** 2 + (a**2 + 2 * b**2 + 3 * c**2 + 4 * d**2 + 5 * x[-1] ** 2) ** 2)


def _dixmaana(x: jax.Array) -> jax.Array:
    """Return Dixon and Maany's family with alpha 1, beta 0, gamma and delta 1/8, all exponents 0, in thirds of x."""
    third = x.size // 3
    pairs = jnp.sum(x[: 2 * third] ** 2 * x[third:] ** 4) + jnp.sum(x[:third] * x[2 * third :])
    return 1 + jnp.sum(x**2) + pairs / 8


def _dqdrtic(x: jax.Array) -> jax.Array:
    return jnp.sum(x[:-2] ** 2 + 100 * x[1:-1] ** 2 + 100 * x[2:] ** 2)


def _dqrtic(x: jax.Array) -> jax.Array:
    """Sum fourth powers, so that the Hessian vanishes at the minimum."""
    return jnp.sum((x - count_to(x, x.size)) ** 4)


def _edensch(x: jax.Array) -> jax.Array:
    a, b = x[:-1], x[1:]
    return 16 + jnp.sum((a - 2) ** 4 + (a * b - 2 * b) ** 2 + (b + 1) ** 2)


def _eigenals(x: jax.Array) -> jax.Array:
    """Ask that Q'DQ = A and Q'Q = I on and above the diagonal, A = diag(1, ..., N): D's diagonal, then Q's columns."""
    size = int((x.size + 0.25) ** 0.5)
    d, q = x[:size], x[size:].reshape(size, size).T
    upper = jnp.triu_indices(size)
    spectrum = q.T @ (d[:, None] * q) - jnp.diag(count_to(x, size))
    return jnp.append(spectrum[upper], (q.T @ q - jnp.eye(size, dtype=x.dtype))[upper])


def _engval1(x: jax.Array) -> jax.Array:
    a, b = x[:-1], x[1:]
    return jnp.sum((a**2 + b**2) ** 2 - 4 * a + 3)


def _genrose(x: jax.Array) -> jax.Array:
    """Return a chain of Rosenbrock's valleys, which most methods walk a variable at a time."""
    a, b = x[:-1], x[1:]
    return 1 + jnp.sum(100 * (b - a**2) ** 2 + (b - 1) ** 2)


def _liarwhd(x: jax.Array) -> jax.Array:
    return jnp.sum(4 * (x**2 - x[0]) ** 2 + (x - 1) ** 2)


def _nondia(x: jax.Array) -> jax.Array:
    return (x[0] - 1) ** 2 + 100 * jnp.sum((x[0] - x[:-1] ** 2) ** 2)


def _tridia(x: jax.Array) -> jax.Array:
    i = count_to(x, x.size)[1:]
    return (x[0] - 1) ** 2 + jnp.sum(i * (2 * x[1:] - x[:-1]) ** 2)


CASES = (
    scalar("arwhead_100", _arwhead, [1] * 100, (0.0,), "CUTEst ARWHEAD"),
    scalar("bdqrtic_100", _bdqrtic, [1] * 100, (378.7691918086843,), "CUTEst BDQRTIC"),
    scalar("dixmaana_90", _dixmaana, [2] * 90, (1.0,), "CUTEst DIXMAANA"),
    scalar("dqdrtic_50", _dqdrtic, [3] * 50, (0.0,), "CUTEst DQDRTIC"),
    scalar("dqrtic_50", _dqrtic, [2] * 50, (0.0,), "CUTEst DQRTIC"),
    scalar("edensch_36", _edensch, [8] * 36, (219.2845920207646,), "CUTEst EDENSCH"),
    squares("eigenals_42", _eigenals, [1] * 6 + [float(i % 7 == 0) for i in range(36)], (0.0,), "CUTEst EIGENALS"),
    scalar("engval1_100", _engval1, [2] * 100, (109.0881361430921,), "CUTEst ENGVAL1"),
    scalar("genrose_50", _genrose, [i / 51 for i in range(1, 51)], (1.0,), "CUTEst GENROSE"),
    scalar("liarwhd_36", _liarwhd, [4] * 36, (0.0,), "CUTEst LIARWHD"),
    scalar("nondia_100", _nondia, [-1] * 100, (0.0,), "CUTEst NONDIA"),
    scalar("tridia_50", _tridia, [1] * 50, (0.0,), "CUTEst TRIDIA"),
)
