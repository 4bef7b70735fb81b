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
    """Yield a factory of iterators: three batches of five an epoch, others in each."""
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


def init_with_state(key):
    """The regression again, with statistics of the inputs, a counter and a stream of random numbers as its state."""
    state = {"mean": jnp.zeros(3), "batches": 0, "stream": jax.random.fold_in(key, 1)}
    return init(key), state


def loss_with_state(params, state, batch, key):
    seen = jnp.mean(batch["x"], axis=0)
    stream, now = jax.random.split(state["stream"])
    new = {"mean": 0.9 * state["mean"] + 0.1 * seen, "batches": state["batches"] + 1, "stream": stream}
    value, aux = noisy_loss(params, {**batch, "x": batch["x"] - 0.01 * state["mean"][None]}, key)
    return value * (1 + 0.1 * jax.random.uniform(now)), (new, aux)


def evaluate_with_state(params, state):
    return {"distance": jnp.linalg.norm(params["w"] - WEIGHTS), "mean": jnp.sum(state["mean"])}


@functools.cache
def task_with_state(stream=False):
    data = batches if stream else arrays()
    return Task(init_with_state, loss_with_state, data, None if stream else 5, evaluate=evaluate_with_state)
