"""Noise: optax's draws from the same key, whatever stands for the key."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems


@pytest.mark.parametrize("key", [3, jax.random.key(3), jax.random.key(3, impl="rbg")], ids=["seed", "key", "rbg"])
@pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
def test_the_draws_are_optax_s(key, wide):
    with jax.enable_x64(wide):
        start = problems.params()
        grads = problems.gradients(3, start)
        paths = [problems.trajectory(m.noisy_sgd(0.1, 0.5, 0.6, key), start, grads) for m in (jgd, optax)]
        problems.close(*paths, rtol=1e-5, atol=1e-6)  # optax takes the root of the variance in float32


def test_seeds_raw_keys_and_typed_keys_are_one_thing():
    start = problems.params()
    keys = (5, np.int32(5), jnp.array(5), jax.random.key(5), jax.random.PRNGKey(5))
    first, *others = (
        jgd.noisy_sgd(0.1, key=key).update(start, jgd.noisy_sgd(0.1, key=key).init(start)) for key in keys
    )
    for other in others:
        problems.close(other, first, rtol=0)
    problems.close(jgd.noisy_sgd(0.1, seed=5).init(start), jgd.noisy_sgd(0.1, key=5).init(start), rtol=0)
    with pytest.raises(jgd.InputError, match="key and seed are one thing"):
        jgd.add_noise(0.1, 0.5, 1, seed=2)
    with pytest.raises(jgd.InputError, match="known before compilation"):
        jax.jit(lambda key: jgd.add_noise(0.1, 0.5, key).init(start))(jax.random.key(0))


def test_a_private_step_is_optax_s():
    start = problems.params()
    grads = jax.tree.map(lambda p: jnp.stack([p, 3 * p, 0 * p]), start)
    with pytest.warns(DeprecationWarning, match="seed"):
        states = [m.dpsgd(0.1, 0.7, 0.3, 4, 0.9, True) for m in (jgd, optax.contrib)]
    ours, theirs = (opt.update(grads, opt.init(start), start)[0] for opt in states)
    problems.close(ours, theirs, rtol=1e-5, atol=1e-6)  # rounding of a few operations
