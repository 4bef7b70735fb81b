"""Gradients that are noisy, wild, late, sparse, or of a minimum that moves."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core.pair import Pair
from jgd.core.record import hyper, record, static
from jgd.core.types import Grads, Params, Scalar, State, Transform, Updates
from jgd.optimizers import adagrad, adam, heavy_ball, sgd
from jgd.tasks.suite.problem import Problem, clipped, descent, near
from jgd.train.task import Task
from jgd.transforms import chain

SIZE = 16


def bowl(x: jax.Array) -> jax.Array:
    """Return a quadratic of condition 10, with curvatures from 0.1 to 1 along the axes of f[SIZE]."""
    return jnp.dot(jnp.asarray(np.geomspace(0.1, 1, SIZE), jnp.float32), x**2) / 2


def in_bowl(loss: Callable[..., Any] | None = None) -> Task:
    """Descend in the bowl from entries of about 3, by what the loss shows of it."""
    return descent(bowl, near((3,) * SIZE, 0.3), loss=loss)


def noisy(noise: Callable[[jax.Array], jax.Array]) -> Task:
    """Return the bowl with `noise(key)`, f[SIZE], added to each gradient."""

    def loss(x: jax.Array, batch: Any, key: jax.Array) -> jax.Array:
        return bowl(x) + jnp.dot(noise(key), x)

    return in_bowl(loss)


def gaussian(key: jax.Array) -> jax.Array:
    """Draw normal numbers of deviation 1/2."""
    return jax.random.normal(key, (SIZE,)) / 2


def heavy_tailed(key: jax.Array) -> jax.Array:
    """Draw a quarter of Student's t with 2 degrees of freedom, whose variance is infinite, by its quantiles."""
    u = jax.random.uniform(key, (SIZE,), minval=1e-6, maxval=1 - 1e-6)
    return (2 * u - 1) / jnp.sqrt(2 * u * (1 - u)) / 4


def outliers(key: jax.Array) -> jax.Array:
    """Draw nothing 49 times in 50, and then normal numbers of deviation 100."""
    rare, wild = jax.random.split(key)
    return jnp.where(jax.random.bernoulli(rare, 0.02), 100 * jax.random.normal(wild, (SIZE,)), 0.0)


def loud(x: jax.Array, batch: Any, key: jax.Array) -> jax.Array:
    """Return the bowl, multiplied at each step by a log-normal number of deviation 2 in its logarithm."""
    return bowl(x) * jnp.exp(2 * jax.random.normal(key))


def rare_words(words: int = 64) -> Task:
    """Fit a table of numbers of which each step sees some, number k with odds of 1 in k; all count the same."""
    odds = jnp.asarray(1 / np.arange(1, words + 1), jnp.float32)

    def objective(table: jax.Array) -> jax.Array:
        return jnp.mean((table - 1) ** 2)

    def loss(table: jax.Array, batch: Any, key: jax.Array) -> jax.Array:
        return jnp.sum(jax.random.bernoulli(key, odds) * (table - 1) ** 2)

    return descent(objective, near((0,) * words, 0.3), loss=loss)


def scaled_regression(size: int = 16, examples: int = 256) -> Task:
    """Fit a linear regression without noise on columns whose scales span 30, in batches of 8."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(examples, size)) * np.geomspace(1 / 30, 1, size), jnp.float32)
    wanted = jnp.asarray(rng.choice([-1.0, 1.0], size), jnp.float32)

    def loss(w: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.mean((x @ (w - wanted)) ** 2)

    return descent(lambda w: loss(w, x), near((0,) * size, 0.1), loss=loss, data=x, batch_size=8)


class DelayState(NamedTuple):
    """The gradients under way."""

    pending: Updates  # f[steps, ...], the oldest first


@record
class Delay(Pair):
    """Hands on the gradient of `steps` steps ago, and zeros until there is one, as a slow worker does."""

    steps: int = static()

    def init(self, params: Params) -> DelayState:
        """Return zeros."""
        return DelayState(jax.tree.map(lambda p: jnp.zeros((self.steps, *p.shape), p.dtype), params))

    def update(self, grads: Grads, state: DelayState, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the oldest gradient."""
        oldest = jax.tree.map(lambda q: q[0], state.pending)
        pending = jax.tree.map(lambda q, g: jnp.concatenate([q[1:], g[None]]), state.pending, grads)
        return oldest, DelayState(pending)


@record
class Drift(Pair):
    """Take `velocity` off each entry of an update: in a frame that moves with the minimum, parameters fall back."""

    velocity: Scalar = hyper()

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return what is left of the update."""
        return jax.tree.map(lambda u: u - self.velocity, grads), state


def with_late_gradients(optimizer: Transform) -> Transform:
    """Return the optimizer, fed with gradients of 8 steps ago."""
    return chain(Delay(8), optimizer)


def drifting(optimizer: Transform) -> Transform:
    """Let the optimizer chase a minimum that moves by 0.02 a step along each axis, in whose frame parameters are."""
    return chain(optimizer, Drift(-0.02))


_row = partial(Problem, family="gradients")

PROBLEMS = [
    _row("gaussian_noise", partial(noisy, gaussian), 0.2, 500, adagrad(0.3), "noise that does not fade", "textbook"),
    _row(
        "heavy_tails",
        partial(noisy, heavy_tailed),
        0.2,
        500,
        adagrad(0.3),
        "noise of infinite variance",
        "Simsekli et al. 2019",
    ),
    _row(
        "outliers",
        partial(noisy, outliers),
        0.2,
        500,
        clipped(sgd(0.1)),
        "a wild batch in fifty",
        "Chen, Wu & Xu 2020",
    ),
    _row(
        "loud",
        partial(in_bowl, loud),
        1e-2,
        300,
        adam(0.1),
        "gradients of random length",
        "after heavyball's LightBench",
    ),
    _row("rare_words", rare_words, 1e-2, 500, adagrad(1.0), "sparse gradients", "Duchi et al. 2011"),
    _row("small_batches", scaled_regression, 1e-3, 500, adam(0.1), "batches of 8, bad scales", "Vaswani et al. 2019"),
    _row(
        "late",
        in_bowl,
        1e-2,
        300,
        adam(0.03),
        "gradients of 8 steps ago",
        "after heavyball's LightBench",
        with_late_gradients,
    ),
    _row(
        "moving", in_bowl, 0.2, 300, heavy_ball(0.1), "a minimum that moves", "after heavyball's LightBench", drifting
    ),
]
