"""A small regression that every test of training shares, so that its programs are compiled once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jgd.train import Task

N = 23
WEIGHTS = np.array([1.0, 2.0, 3.0])


def init(key):
    return {"w": jax.random.normal(key, (3,)), "b": 0.0}


def loss(params, batch):
    error = batch["x"] @ params["w"] + params["b"] - batch["y"]
    return 0.5 * jnp.mean(error**2), {"largest": jnp.max(jnp.abs(error))}


def noisy_loss(params, batch, key):
    value, aux = loss(params, batch)
    return value * (1 + 0.1 * jax.random.normal(key)), aux


def evaluate(params):
    return {"distance": jnp.linalg.norm(params["w"] - WEIGHTS)}


@functools.cache
def arrays():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3)).astype(np.float32)
    return {"x": x, "y": (x @ WEIGHTS).astype(np.float32)}


def batches(epoch):
    """A factory of iterators: three batches of five an epoch, others in each."""
    order = np.random.default_rng(epoch).permutation(N)
    for first in (0, 5, 10):
        yield {name: x[order[first : first + 5]] for name, x in arrays().items()}


@functools.cache
def task(batch_size=5, noisy=False, stream=False):
    return Task(
        init,
        noisy_loss if noisy else loss,
        batches if stream else arrays(),
        None if stream else batch_size,
        evaluate=evaluate,
    )


def assert_same(a, b):
    """Assert that two trees are equal bit for bit, NaN to NaN."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = (jax.random.key_data(z) if jnp.issubdtype(z.dtype, jax.dtypes.prng_key) else z for z in (x, y))
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
