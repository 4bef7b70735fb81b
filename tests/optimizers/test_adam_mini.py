"""Adam-mini: how leaves are cut into blocks by guess, by a tree, by paths and under a mask, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import mini_blocks

PARAMS = {
    "embed": {"embedding": jnp.ones((10, 6))},
    "attn": {
        "query": {"kernel": jnp.ones((6, 2, 3)), "bias": jnp.ones((2, 3))},
        "value": {"kernel": jnp.ones((6, 2, 3))},
        "out": {"kernel": jnp.ones((2, 3, 6)), "bias": jnp.ones(6)},
    },
    "mlp": {"kernel": jnp.ones((6, 24)), "bias": jnp.ones(24)},
    "norm": {"scale": jnp.ones(6)},
}
GUESS = {
    "embed": {"embedding": mini_blocks(None, 1)},
    "attn": {
        "query": {"kernel": mini_blocks(1, None, 1), "bias": mini_blocks(None, None)},
        "value": {"kernel": mini_blocks(1, None, None)},
        "out": {"kernel": mini_blocks(1, 1, None), "bias": mini_blocks(None)},
    },
    "mlp": {"kernel": mini_blocks(1, None), "bias": mini_blocks(None)},
    "norm": {"scale": mini_blocks()},
}


def shapes(blocks, params=PARAMS):
    state = jgd.scale_by_adam_mini(blocks=blocks).init(params)
    return jax.tree.map(jnp.shape, state.slots["v"])


def test_blocks_are_guessed_from_paths_and_shapes():
    assert jgd.guess_mini_blocks(PARAMS) == GUESS
    assert shapes(None) == shapes(GUESS) == shapes(lambda _: GUESS)
    assert shapes(None)["attn"]["query"] == {"kernel": (1, 2, 1), "bias": (2, 3)}


def test_patterns_over_paths_replace_the_guess():
    declared = jgd.mini_blocks_by_path({"mlp/kernel": mini_blocks(1, 12), "embed": None})
    found, guess = shapes(declared), shapes(None)
    assert found.pop("embed") == {"embedding": (10, 6)}
    assert found.pop("mlp") == {"kernel": (1, 12), "bias": (24,)}
    assert all(found[name] == guess[name] for name in found)
    with pytest.raises(jgd.InputError, match=r"the pattern 'nothing' fits no path"):
        shapes(jgd.mini_blocks_by_path({"nothing": None}))


def test_a_block_has_the_mean_of_its_squares_and_one_at_each_entry_is_adam():
    grads = {"w": jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)}
    opt = jgd.scale_by_adam_mini(b2=0.0, blocks={"w": mini_blocks(2, 3)})
    _, state = opt.update(grads, opt.init(grads))
    means = np.mean(np.reshape(grads["w"], (2, 2, 3, 2)) ** 2, axis=(1, 3))
    np.testing.assert_allclose(state.slots["v"]["w"], means, rtol=1e-6)  # of float32
    plain, adam = jgd.scale_by_adam_mini(blocks={"w": None}), jgd.scale_by_adam()
    np.testing.assert_array_equal(*(x.update(grads, x.init(grads))[0]["w"] for x in (plain, adam)))


def test_a_mask_leaves_the_blocks_as_they_were_declared():
    opt = jgd.masked(jgd.scale_by_adam_mini(blocks=GUESS), lambda p: jax.tree.map(lambda x: x.ndim > 1, p))
    state = opt.init(PARAMS)
    updates, _ = opt.update(PARAMS, state, PARAMS)
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, PARAMS)


def test_what_does_not_fit_is_one_sentence():
    params = {"w": jnp.ones((4, 6))}
    for blocks in (mini_blocks(1, 5), mini_blocks(1), mini_blocks(1, 1, 1)):
        with pytest.raises(jgd.InputError, match=r"the leaf at \['w'\] has shape \(4, 6\) and mini_blocks"):
            shapes({"w": blocks}, params)
    with pytest.raises(jgd.InputError, match=r"blocks\): it has 'head' for a leaf, expected mini_blocks"):
        shapes({"w": "head"}, params)
    with pytest.raises(jgd.InputError, match=r"expected a tree of mini_blocks .* says nothing of \['w'\]"):
        shapes({"v": mini_blocks()}, params)
    with pytest.raises(jgd.InputError, match=r"mini_blocks\(counts=\(0, 1\)\): 0 must be a whole number"):
        mini_blocks(0, 1)
