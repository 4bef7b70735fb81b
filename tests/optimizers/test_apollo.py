"""APOLLO: its random projections, which are drawn for each leaf and each period, and its little state."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd

PARAMS = {"a": jnp.ones((20, 6)), "b": jnp.ones((20, 6)), "c": jnp.ones(6)}


def projector(opt, state, name, step):
    """Return the projector of a leaf in a step, from 0."""
    one = opt.projected(PARAMS[name])
    kept = state.slots["projector"][name]
    return opt.renewed(opt.shared(jnp.int32(step + 1)), one, PARAMS[name], kept)[0]


def test_projections_are_drawn_for_each_leaf_and_each_period():
    opt = jgd.scale_by_apollo(2, 5, key=7)
    state = opt.init(PARAMS)
    first = projector(opt, state, "a", 0)
    assert first.shape == (6, 2)
    np.testing.assert_array_equal(projector(opt, state, "a", 4), first)
    others = projector(opt, state, "a", 5), projector(opt, state, "b", 0)
    others += (projector(jgd.scale_by_apollo(2, 5, key=8), jgd.scale_by_apollo(2, 5, key=8).init(PARAMS), "a", 0),)
    assert all(np.min(np.abs(other - first)) > 0 for other in others)


def test_nothing_of_a_random_projector_is_kept():
    slots = jax.tree.map(jnp.shape, jgd.scale_by_apollo(2).init(PARAMS).slots)
    assert slots["m"] == {"a": (20, 2), "b": (20, 2), "c": (6,)}
    assert slots["projector"] == {"a": (2,), "b": (2,), "c": (2,)}  # the words of a key


def test_a_typed_key_of_another_generator_is_taken():
    key = jax.random.key(3, impl="rbg")
    opt = jgd.apollo(0.1, 2, key=key)
    updates, _ = opt.update(PARAMS, opt.init(PARAMS), PARAMS)
    assert all(np.isfinite(u).all() for u in jax.tree.leaves(updates))
