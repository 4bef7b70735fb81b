"""Small networks and matrices: logic, curves, factorisations and ill-conditioned layers."""

import itertools
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.optimizers import adam
from jgd.tasks.suite.landscapes import orthogonal
from jgd.tasks.suite.problem import Problem, descent
from jgd.train.task import Task


def network(x: np.ndarray, y: np.ndarray, hidden: int) -> Task:
    """Train a tanh network with one hidden layer on all rows at once, judged by its mean squared error on them."""
    inputs, wanted = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)

    def objective(p: dict[str, jax.Array]) -> jax.Array:
        h = jnp.tanh(inputs @ p["hidden"] + p["bias"][None])
        return jnp.mean((h @ p["head"] + p["shift"] - wanted) ** 2)

    def start(key: jax.Array) -> dict[str, jax.Array]:
        a, b, c = jax.random.split(key, 3)
        return {
            "hidden": jax.random.normal(a, (x.shape[1], hidden)),
            "bias": jax.random.normal(b, (hidden,)),
            "head": jax.random.normal(c, (hidden,)) / hidden**0.5,
            "shift": jnp.zeros(()),
        }

    return descent(objective, start)


def xor() -> Task:
    """Learn the parity of 2 signs, with 8 hidden units."""
    return parity(2, 8)


def parity(signs: int = 4, hidden: int = 16) -> Task:
    """Learn the parity of signs over all their combinations."""
    x = np.array(list(itertools.product((-1.0, 1.0), repeat=signs)))
    return network(x, x.prod(axis=1), hidden)


def sine(points: int = 16) -> Task:
    """Learn a curve, sin 5x on [-1, 1], with 16 hidden units."""
    x = np.linspace(-1, 1, points)[:, None]
    return network(x, np.sin(5 * x[:, 0]), 16)


def factorization(size: int = 16, rank: int = 4) -> Task:
    """Descend on |U V - M|^2 for a matrix of singular values from 1 to 1/10, from near the saddle at 0."""
    wanted = jnp.asarray(_low_rank(size, rank), jnp.float32)
    return descent(lambda p: jnp.sum((p["u"] @ p["v"] - wanted) ** 2), _small_factors(size, rank))


def completion(size: int = 16, rank: int = 2) -> Task:
    """Descend on |U V - M|^2 where only three in four entries of M are seen, judged on all of them."""
    wanted = jnp.asarray(_low_rank(size, rank), jnp.float32)
    seen = jnp.asarray(np.random.default_rng(1).random((size, size)) < 0.75, jnp.float32)

    def loss(p: dict[str, jax.Array], batch: Any) -> jax.Array:
        return jnp.sum(seen * (p["u"] @ p["v"] - wanted) ** 2)

    return descent(lambda p: jnp.sum((p["u"] @ p["v"] - wanted) ** 2), _small_factors(size, rank), loss=loss)


def two_sided(size: int = 16, condition: float = 30.0) -> Task:
    """Descend on |A W B - C|^2 / 2 with rotated A and B of this condition: its curvature is a Kronecker product."""
    spectrum = np.diag(np.geomspace(1 / condition, 1, size))
    left, right = (jnp.asarray(spectrum @ orthogonal(size, seed), jnp.float32) for seed in (1, 2))
    wanted = jnp.asarray(orthogonal(size, 3), jnp.float32)

    def objective(p: dict[str, jax.Array]) -> jax.Array:
        return jnp.sum((left @ (p["w"] - wanted) @ right.T) ** 2) / 2

    return descent(objective, lambda key: {"w": 0.1 * jax.random.normal(key, (size, size))})


def deep_linear(size: int = 8, depth: int = 4) -> Task:
    """Descend on |W_4 W_3 W_2 W_1 - M|^2 / 2 for a rotation M, from small random layers."""
    wanted = jnp.asarray(orthogonal(size, 4), jnp.float32)

    def objective(layers: list[jax.Array]) -> jax.Array:
        product = layers[0]
        for layer in layers[1:]:
            product = layer @ product
        return jnp.sum((product - wanted) ** 2) / 2

    def start(key: jax.Array) -> list[jax.Array]:
        shape = (depth, size, size)
        return list(0.3 * jnp.eye(size)[None] + 0.5 * size**-0.5 * jax.random.normal(key, shape))

    return descent(objective, start)


def _low_rank(size: int, rank: int) -> np.ndarray:
    """Return a matrix f64[size, size] of this rank, with singular values from 1 to 1/10."""
    u, v = orthogonal(size, 5)[:, :rank], orthogonal(size, 6)[:, :rank]
    return u * np.geomspace(1, 0.1, rank) @ v.T


def _small_factors(size: int, rank: int) -> Any:
    def start(key: jax.Array) -> dict[str, jax.Array]:
        a, b = jax.random.split(key)
        return {"u": 0.03 * jax.random.normal(a, (size, rank)), "v": 0.03 * jax.random.normal(b, (rank, size))}

    return start


_row = partial(Problem, family="networks")

PROBLEMS = [
    _row("xor", xor, 1e-2, 200, adam(0.1), "a network's first nonlinear problem", "Minsky & Papert 1969"),
    _row("parity", parity, 1e-2, 300, adam(0.03), "no gradient from any input alone", "Shalev-Shwartz et al. 2017"),
    _row("sine", sine, 1e-2, 500, adam(0.03), "high frequencies come last", "Rahaman et al. 2019"),
    _row("factorization", factorization, 1e-3, 200, adam(0.01), "a saddle at zero", "Ge et al. 2016"),
    _row(
        "completion",
        completion,
        1e-2,
        300,
        adam(0.01),
        "entries that are not seen",
        "Ge et al. 2016",
    ),
    _row("two_sided", two_sided, 1e-3, 300, adam(0.03), "curvature as a Kronecker product", "Gupta et al. 2018"),
    _row("deep_linear", deep_linear, 1e-2, 300, adam(0.01), "layers that multiply", "Saxe et al. 2014"),
]
