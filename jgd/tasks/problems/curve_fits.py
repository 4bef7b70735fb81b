"""Moré, Garbow & Hillstrom's (1981) fits of curves to data, in three to eleven variables."""

import jax
import jax.numpy as jnp
import numpy as np

from jgd.tasks.problems.smooth_problem import count_to, data_of, squares

BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)
GAUSSIAN = (
    0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989, 0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044,
    0.0009,
)  # fmt: skip
MEYER = (
    34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872,
)  # fmt: skip
KOWALIK_OSBORNE = (
    (0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246),
    (4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625),
)
OSBORNE_1 = (
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
    0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
    0.406,
)  # fmt: skip
OSBORNE_2 = (
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
    0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
    0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
    0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
    0.054,
)  # fmt: skip


def _bard(x: jax.Array) -> jax.Array:
    """Fit a quotient; far out, where it vanishes, the sum of squares about the mean is a plateau."""
    u = count_to(x, 15)
    v = 16 - u
    return data_of(x, BARD) - (x[0] + u / (v * x[1] + jnp.minimum(u, v) * x[2]))


def _gaussian(x: jax.Array) -> jax.Array:
    t = (8 - count_to(x, 15)) / 2
    return x[0] * jnp.exp(-x[1] * (t - x[2]) ** 2 / 2) - data_of(x, GAUSSIAN)


def _meyer(x: jax.Array) -> jax.Array:
    t = 45 + 5 * count_to(x, 16)
    return x[0] * jnp.exp(x[1] / (t + x[2])) - data_of(x, MEYER)


def _gulf(x: jax.Array) -> jax.Array:
    """Return residuals in y_i - b: the paper prints y_i m i b. The hundredth, whose t is 1, would take log 0."""
    a, b, c = x
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return jnp.exp(-(jnp.abs(data_of(x, y) - b) ** c) / a) - data_of(x, t)


def _box(x: jax.Array) -> jax.Array:
    a, b, c = x
    t = count_to(x, 10) / 10
    return jnp.exp(-t * a) - jnp.exp(-t * b) - c * (jnp.exp(-t) - jnp.exp(-10 * t))


def _kowalik_osborne(x: jax.Array) -> jax.Array:
    """Fit c1 (u^2 + u c2) / (u^2 + u c3 + c4), which at infinity has a second minimum, of a (u^2 + u b) / (u + c)."""
    y, u = data_of(x, KOWALIK_OSBORNE)
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def _brown_dennis(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    t = count_to(x, 20) / 5
    return (a + t * b - jnp.exp(t)) ** 2 + (c + d * jnp.sin(t) - jnp.cos(t)) ** 2


def _osborne_1(x: jax.Array) -> jax.Array:
    a, b, c, d, e = x
    t = 10 * (count_to(x, 33) - 1)
    return data_of(x, OSBORNE_1) - (a + b * jnp.exp(-t * d) + c * jnp.exp(-t * e))


def _biggs(x: jax.Array) -> jax.Array:
    """Fit exponentials from x_1 = x_5 and x_3 = x_6, which no gradient leaves: 0.00566 is least there, a saddle."""
    t = count_to(x, 13) / 10
    y = jnp.exp(-t) - 5 * jnp.exp(-10 * t) + 3 * jnp.exp(-4 * t)
    return x[2] * jnp.exp(-t * x[0]) - x[3] * jnp.exp(-t * x[1]) + x[5] * jnp.exp(-t * x[4]) - y


def _osborne_2(x: jax.Array) -> jax.Array:
    t = (count_to(x, 65) - 1) / 10
    peaks = [x[k] * jnp.exp(-((t - x[k + 7]) ** 2) * x[k + 4]) for k in (1, 2, 3)]
    return data_of(x, OSBORNE_2) - (x[0] * jnp.exp(-t * x[4]) + sum(peaks))


CASES = (
    squares("bard", _bard, (1, 1, 1), (8.214877306578983e-3, 17.428693333333335), "MGH 8"),
    squares("gaussian", _gaussian, (0.4, 1, 0), (1.127932769618788e-8,), "MGH 9"),
    squares("meyer", _meyer, (0.02, 4000, 250), (87.94585517058,), "MGH 10"),
    squares("gulf", _gulf, (5, 2.5, 0.15), (0.0,), "MGH 11"),
    squares("box", _box, (0, 10, 20), (0.0,), "MGH 12"),
    squares(
        "kowalik_osborne", _kowalik_osborne, (0.25, 0.39, 0.415, 0.39), (3.075056038492371e-4, 1.027343048695457e-3),
        "MGH 15",
    ),
    squares("brown_dennis", _brown_dennis, (25, 5, -5, -1), (85822.20162635672,), "MGH 16"),
    squares("osborne_1", _osborne_1, (0.5, 1.5, -1, 0.01, 0.02), (5.464894697482636e-5,), "MGH 17"),
    squares("biggs", _biggs, (1, 2, 1, 1, 1, 1), (0.0, 5.655649925499912e-3), "MGH 18"),
    squares(
        "osborne_2", _osborne_2, (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5), (4.013773629355e-2,), "MGH 19"
    ),
)  # fmt: skip
