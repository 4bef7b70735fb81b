"""Landscapes that each have one difficulty: conditioning, saddles, plateaus, cliffs, kinks and invariance."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jgd.optimizers import adam, heavy_ball, nadam, sgd
from jgd.schedules import cosine_decay_schedule
from jgd.tasks.suite.problem import Problem, clipped, descent, near
from jgd.train.task import Task

SIZE = 32


def quadratic(condition: float = 1e4, size: int = SIZE, *, rotated: bool = False) -> Task:
    """Descend on sum_i c_i y_i^2 / 2 with c even in logarithm from 1 / condition to 1; y is x, or x rotated."""
    curvature = jnp.asarray(np.geomspace(1 / condition, 1, size), jnp.float32)
    turn = jnp.asarray(orthogonal(size), jnp.float32)

    def objective(x: jax.Array) -> jax.Array:
        y = turn @ x if rotated else x
        return jnp.sum(curvature * y**2) / 2

    return descent(objective, near((0,) * size, 1.0))


def saddle() -> Task:
    """Descend on x^2 / 2 + (y^2 - 1)^2 / 4, from a thousandth beside the line that leads into its saddle point."""
    return descent(lambda x: x[0] ** 2 / 2 + (x[1] ** 2 - 1) ** 2 / 4, near((1, 1e-3), 1e-4))


def monkey_saddle() -> Task:
    """Descend on r^3 cos 3t + 3 r^4 / 4, from near 0, where the Hessian vanishes; at least -1/4 in three places."""

    def objective(x: jax.Array) -> jax.Array:
        a, b = x
        return a**3 - 3 * a * b**2 + 0.75 * (a**2 + b**2) ** 2

    return descent(objective, near((0.05, 0.0), 0.01), minimum=-0.25)


def saturated(size: int = 8) -> Task:
    """Descend on mean_i tanh(x_i)^2 from x = 3, where its slope is 0.02: too long a step ends on the other plateau."""
    return descent(lambda x: jnp.mean(jnp.tanh(x) ** 2), near((3,) * size, 0.2))


def cliff(depth: int = 16) -> Task:
    """Descend on (x^depth - 1/2)^2: as a weight applied `depth` times feels: a wall on one side, a plain beside it."""
    return descent(lambda x: jnp.sum((x**depth - 0.5) ** 2), near((1.3,), 0.02))


def product(depth: int = 8) -> Task:
    """Descend on (1 - prod_i x_i)^2 / 2 from x = 0.5: a deep linear network of one unit, beside the saddle at 0."""
    return descent(lambda x: (1 - jnp.prod(x)) ** 2 / 2, near((0.5,) * depth, 0.05))


def direction(size: int = SIZE) -> Task:
    """Descend on 1 - cos(x, 1), whose gradient shrinks as x grows and the reverse, from a random x of length 10."""

    def objective(x: jax.Array) -> jax.Array:
        return 1 - jnp.sum(x) / (jnp.linalg.norm(x) * size**0.5)

    def start(key: jax.Array) -> jax.Array:
        x = jax.random.normal(key, (size,))
        return 10 * x / jnp.linalg.norm(x)

    return descent(objective, start)


def kinks(size: int = 16) -> Task:
    """Descend on sum_i w_i |x_i| with weights from 0.01 to 1: gradients that never get small."""
    weights = jnp.asarray(np.geomspace(0.01, 1, size), jnp.float32)
    return descent(lambda x: jnp.sum(weights * jnp.abs(x)), near((1,) * size, 0.3))


def orthogonal(size: int, seed: int = 0) -> np.ndarray:
    """Return a random rotation or reflection, f64[size, size]."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    return q * np.sign(np.diag(r))


_row = partial(Problem, family="landscapes")

PROBLEMS = [
    _row(
        "diagonal",
        quadratic,
        1e-3,
        300,
        nadam(cosine_decay_schedule(0.3, 300)),
        "condition 10,000 along the axes",
        "textbook",
    ),
    _row(
        "rotated",
        partial(quadratic, 1e3, rotated=True),
        1e-2,
        300,
        heavy_ball(1.0),
        "condition 1,000 across the axes",
        "textbook",
    ),
    _row("saddle", saddle, 1e-3, 100, nadam(0.03), "a strict saddle", "Dauphin et al. 2014"),
    _row(
        "monkey_saddle",
        monkey_saddle,
        1e-3,
        100,
        nadam(cosine_decay_schedule(0.1, 100)),
        "a saddle without curvature",
        "textbook",
    ),
    _row("plateau", saturated, 1e-3, 300, adam(0.1), "vanishing slopes on both sides", "Glorot & Bengio 2010"),
    _row(
        "cliff",
        cliff,
        1e-3,
        300,
        clipped(sgd(0.003)),
        "exploding gradients before a plain",
        "Pascanu et al. 2013",
    ),
    _row("deep_scalar", product, 1e-3, 100, adam(0.01), "a flat saddle of depth 8", "Saxe et al. 2014"),
    _row(
        "scale_invariant", direction, 1e-4, 100, adam(0.3), "gradients that depend on the length", "Arora et al. 2019"
    ),
    _row("kinks", kinks, 3e-2, 500, adam(0.003), "gradients that never get small", "Shor 1985"),
]
