"""Moré, Garbow & Hillstrom's (1981) problems of any number of variables, at the sizes that solvers are tried at."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jgd.tasks.problems.smooth_problem import count_to, squares


def _watson(x: jax.Array) -> jax.Array:
    t = count_to(x, 29)[:, None] / 29
    j = jnp.arange(x.size, dtype=x.dtype)
    powers = t ** j[None]
    slope = powers[:, :-1] @ (j[1:] * x[1:])
    return jnp.append(slope - (powers @ x) ** 2 - 1, jnp.stack([x[0], x[1] - x[0] ** 2 - 1]))


def _extended_rosenbrock(x: jax.Array) -> jax.Array:
    a, b = x[::2], x[1::2]
    return jnp.append(10 * (b - a**2), 1 - a)


def _extended_powell(x: jax.Array) -> jax.Array:
    a, b, c, d = x.reshape(-1, 4).T
    parts = [a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2]
    return jnp.concatenate(parts)


def _penalty_1(x: jax.Array) -> jax.Array:
    return jnp.append(math.sqrt(1e-5) * (x - 1), jnp.sum(x**2) - 0.25)


def _penalty_2(x: jax.Array) -> jax.Array:
    i = count_to(x, x.size) / 10
    y = jnp.exp(i[1:]) + jnp.exp(i[:-1])
    smooth = jnp.exp(x[1:] / 10) + jnp.exp(x[:-1] / 10) - y
    small = math.sqrt(1e-5) * jnp.append(smooth, jnp.exp(x[1:] / 10) - math.exp(-0.1))
    ball = jnp.sum(count_to(x, x.size)[::-1] * x**2) - 1
    return jnp.concatenate([x[:1] - 0.2, small, ball[None]])


def _variably_dimensioned(x: jax.Array) -> jax.Array:
    total = jnp.sum(count_to(x, x.size) * (x - 1))
    return jnp.append(x - 1, jnp.stack([total, total**2]))


def _trigonometric(x: jax.Array) -> jax.Array:
    return x.size - jnp.sum(jnp.cos(x)) + count_to(x, x.size) * (1 - jnp.cos(x)) - jnp.sin(x)


def _brown_almost_linear(x: jax.Array) -> jax.Array:
    return jnp.append(x[:-1] + jnp.sum(x) - (x.size + 1), jnp.prod(x) - 1)


def _discrete_boundary(x: jax.Array) -> jax.Array:
    h = 1 / (x.size + 1)
    padded = jnp.pad(x, 1)
    return 2 * x - padded[:-2] - padded[2:] + h**2 * (x + h * count_to(x, x.size) + 1) ** 3 / 2


def _discrete_integral(x: jax.Array) -> jax.Array:
    h = 1 / (x.size + 1)
    t = h * count_to(x, x.size)
    cubes = (x + t + 1) ** 3
    right = (1 - t) * cubes
    return x + h / 2 * ((1 - t) * jnp.cumsum(t * cubes) + t * (jnp.sum(right) - jnp.cumsum(right)))


def _broyden_tridiagonal(x: jax.Array) -> jax.Array:
    padded = jnp.pad(x, 1)
    return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1


def _broyden_banded(x: jax.Array) -> jax.Array:
    """Let a row see its five neighbours before it and the one after it."""
    near = np.tri(x.size, k=1) - np.tri(x.size, k=-6) - np.eye(x.size)
    return x * (2 + 5 * x**2) + 1 - jnp.asarray(near, x.dtype) @ (x * (1 + x))


def _linear_full_rank(x: jax.Array) -> jax.Array:
    m = 2 * x.size
    return jnp.append(x, jnp.zeros_like(x)) - 2 / m * jnp.sum(x) - 1


def _linear_rank_1(x: jax.Array) -> jax.Array:
    return count_to(x, 2 * x.size) * jnp.sum(count_to(x, x.size) * x) - 1


def _linear_rank_1_zeros(x: jax.Array) -> jax.Array:
    """Return a matrix of rank one whose first and last columns and rows are zero, times x, less 1."""
    inner = jnp.sum(count_to(x, x.size)[1:-1] * x[1:-1])
    return jnp.pad(count_to(x, 2 * x.size - 2) * inner, 1) - 1


def _chebyquad(x: jax.Array) -> jax.Array:
    """Return the mean of each shifted Chebyshev polynomial over the points, less its integral over [0, 1]."""
    y, polynomials = 2 * x - 1, [jnp.ones_like(x), 2 * x - 1]
    for _ in range(x.size - 1):
        polynomials.append(2 * y * polynomials[-1] - polynomials[-2])
    i = np.arange(1, x.size + 1)
    integrals = np.where(i % 2, 0.0, -1 / np.maximum(i**2 - 1, 1))
    return jnp.mean(jnp.stack(polynomials[1:]), axis=1) - jnp.asarray(integrals, x.dtype)


def _parabola(n: int) -> np.ndarray:
    t = np.arange(1, n + 1) / (n + 1)
    return t * (t - 1)


# Sizes are those of the paper's tests; of the four problems for which it prints the minima of several sizes, two each.
CASES = (
    squares("watson_6", _watson, [0] * 6, (2.287670053552e-3,), "MGH 20"),
    squares("watson_9", _watson, [0] * 9, (1.399760138094e-6,), "MGH 20"),
    squares("extended_rosenbrock_10", _extended_rosenbrock, [-1.2, 1] * 5, (0.0,), "MGH 21"),
    squares("extended_powell_12", _extended_powell, [3, -1, 0, 1] * 3, (0.0,), "MGH 22"),
    squares("penalty_1_4", _penalty_1, range(1, 5), (2.2499775009e-5,), "MGH 23"),
    squares("penalty_1_10", _penalty_1, range(1, 11), (7.08765146709e-5,), "MGH 23"),
    squares("penalty_2_4", _penalty_2, [0.5] * 4, (9.376293007355e-6,), "MGH 24"),
    squares("penalty_2_10", _penalty_2, [0.5] * 10, (2.936605374567e-4,), "MGH 24"),
    squares("variably_dimensioned_10", _variably_dimensioned, 1 - np.arange(1, 11) / 10, (0.0,), "MGH 25"),
    squares("trigonometric_10", _trigonometric, [0.1] * 10, (0.0, 2.795056121878e-5), "MGH 26"),
    squares("brown_almost_linear_10", _brown_almost_linear, [0.5] * 10, (0.0, 1.0), "MGH 27"),
    squares("discrete_boundary_10", _discrete_boundary, _parabola(10), (0.0,), "MGH 28"),
    squares("discrete_integral_10", _discrete_integral, _parabola(10), (0.0,), "MGH 29"),
    squares("broyden_tridiagonal_10", _broyden_tridiagonal, [-1] * 10, (0.0,), "MGH 30"),
    squares("broyden_banded_10", _broyden_banded, [-1] * 10, (0.0,), "MGH 31"),
    squares("linear_full_rank_10", _linear_full_rank, [1] * 10, (10.0,), "MGH 32"),  # m - n
    squares("linear_rank_1_10", _linear_rank_1, [1] * 10, (190 / 41,), "MGH 33"),  # m (m - 1) / (2 (2m + 1))
    squares("linear_rank_1_zeros_10", _linear_rank_1_zeros, [1] * 10, (227 / 37,), "MGH 34"),  # m = 20
    squares("chebyquad_8", _chebyquad, np.arange(1, 9) / 9, (3.516873725678e-3,), "MGH 35"),
    squares("chebyquad_10", _chebyquad, np.arange(1, 11) / 11, (6.503954800882e-3,), "MGH 35"),
)
