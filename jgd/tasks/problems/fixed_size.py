"""Moré, Garbow & Hillstrom's (1981) systems of equations in two to four variables: bent valleys and bad scales."""

import math

import jax
import jax.numpy as jnp

from jgd.tasks.problems.smooth_problem import count_to, data_of, squares


def _rosenbrock(x: jax.Array) -> jax.Array:
    a, b = x
    return jnp.stack([10 * (b - a**2), 1 - a])


def _freudenstein_roth(x: jax.Array) -> jax.Array:
    a, b = x
    return jnp.stack([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b])


def _powell_badly_scaled(x: jax.Array) -> jax.Array:
    a, b = x
    return jnp.stack([1e4 * a * b - 1, jnp.exp(-a) + jnp.exp(-b) - 1.0001])


def _brown_badly_scaled(x: jax.Array) -> jax.Array:
    a, b = x
    return jnp.stack([a - 1e6, b - 2e-6, a * b - 2])


def _beale(x: jax.Array) -> jax.Array:
    a, b = x
    return data_of(x, [1.5, 2.25, 2.625]) - a * (1 - jnp.stack([b, b**2, b**3]))


def _jennrich_sampson(x: jax.Array) -> jax.Array:
    i = count_to(x, 10)
    return 2 + 2 * i - (jnp.exp(i * x[0]) + jnp.exp(i * x[1]))


def _helical_valley(x: jax.Array) -> jax.Array:
    """Wind a valley around an axis: its angle, in turns, is arctan(b/a), and half a turn more where a < 0."""
    a, b, c = x
    turns = jnp.where(a < 0, jnp.pi + jnp.arctan2(-b, -a), jnp.arctan2(b, a)) / (2 * jnp.pi)
    return jnp.stack([10 * (c - 10 * turns), 10 * (jnp.hypot(a, b) - 1), c])


def _powell_singular(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    return jnp.stack([a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2])


def _wood(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    valleys = [10 * (b - a**2), 1 - a, math.sqrt(90) * (d - c**2), 1 - c]
    return jnp.stack([*valleys, math.sqrt(10) * (b + d - 2), (b - d) / math.sqrt(10)])


CASES = (
    squares("rosenbrock", _rosenbrock, (-1.2, 1), (0.0,), "MGH 1"),
    squares("freudenstein_roth", _freudenstein_roth, (0.5, -2), (0.0, 48.98425367924), "MGH 2"),
    squares("powell_badly_scaled", _powell_badly_scaled, (0, 1), (0.0,), "MGH 3"),
    squares("brown_badly_scaled", _brown_badly_scaled, (1, 1), (0.0,), "MGH 4"),
    squares("beale", _beale, (1, 1), (0.0,), "MGH 5"),
    squares("jennrich_sampson", _jennrich_sampson, (0.3, 0.4), (124.3621823556148,), "MGH 6"),
    squares("helical_valley", _helical_valley, (-1, 0, 0), (0.0,), "MGH 7"),
    squares("powell_singular", _powell_singular, (3, -1, 0, 1), (0.0,), "MGH 13"),
    squares("wood", _wood, (-3, -1, -3, -1), (0.0,), "MGH 14"),
)
