"""Many searches for a curved valley's minimum, each with a target of its own, and an engine that fails when told."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.core.stop import Stop
from jgd.solvers import search_queue

RNG = np.random.default_rng(0)


STARTS = {"x": RNG.normal(size=(12, 2)).astype(np.float32)}


TARGETS = RNG.normal(size=12).astype(np.float32)


SHARED = {"bend": jnp.float32(0.5)}


STOP = Stop(gradient_norm=1e-3, max_steps=300)


SGD = jgd.sgd(0.2)


def valley(params, target, shape):
    """Return a curved valley, whose minimum is at x = target, y = bend x^2, with the value 0."""
    x, y = params["x"]
    return (x - target) ** 2 + (y - shape["bend"] * x**2) ** 2


def search(optimizer=SGD, starts=STARTS, targets=TARGETS, stop=STOP, **keywords):
    return jgd.minimize_many(valley, optimizer, starts, stop, args=(targets, SHARED), in_axes=(0, None), **keywords)


def backwards(tree):
    return jax.tree.map(lambda x: x[::-1], tree)


def assert_same(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def assert_near(found, expected, atol=1e-4):
    """The point of each lane is the solo run's, both within a hundredth of the way that the gradient's norm allows."""
    np.testing.assert_allclose(found.params["x"], expected.params["x"], atol=atol)
    np.testing.assert_allclose(found.value, expected.value, atol=1e-6)  # the square of the gradient's norm
    np.testing.assert_array_equal(found.status, expected.status)


def failing(times, error):
    """`go`, which fails so often, after it has run once."""
    go, calls = search_queue.go, []

    def go_or_fail(*args):
        calls.append(1)
        if 1 < len(calls) <= 1 + times:
            raise error
        return go(*args)

    return go_or_fail
