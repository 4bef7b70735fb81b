"""Other layouts for an inner transform: vectors, real and imaginary parts."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems


def test_flatten_takes_empty_trees_none_and_mixed_dtypes():
    opt = jgd.flatten(jgd.ema(0.9))
    for params in ({}, {"a": None}, {"a": jnp.ones((0, 3)), "b": jnp.ones((), jnp.bfloat16), "c": jnp.ones(2) * 1j}):
        updates, state = opt.update(params, opt.init(params), params)
        assert jax.tree.structure(updates) == jax.tree.structure(params)
        problems.close(updates, params, rtol=1e-6)  # rounding of (1 - 0.9) / 0.1
        assert [x.dtype for x in jax.tree.leaves(updates)] == [x.dtype for x in jax.tree.leaves(params)]
        assert state.ema.shape == (sum(x.size for x in jax.tree.leaves(params)),)


def test_flatten_says_which_shapes_do_not_fit():
    opt = jgd.flatten(jgd.sgd(0.1))
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    with pytest.raises(jgd.InputError, match=r"gradient at \['a'\] has shape \(3,\)"):
        opt.update({"a": jnp.ones(3), "b": jnp.ones(2)}, opt.init(params), params)


def test_the_parts_of_a_complex_leaf_are_two_leaves():
    params = {"c": jnp.array([1 + 2j, -1j]), "r": jnp.ones(3)}
    grads = problems.gradients(4, params)
    ours, theirs = (
        problems.trajectory(m.split_real_and_imaginary(inner), params, grads)
        for m, inner in ((jgd, jgd.clip(0.3)), (optax.contrib, optax.clip(0.3)))
    )
    problems.close(ours, theirs, rtol=1e-6)
    state = jgd.split_real_and_imaginary(jgd.adam(0.1)).init(params)
    np.testing.assert_array_equal([x.shape for x in jax.tree.leaves(state.inner_state[0].nu)[:2]], [(2,), (2,)])
    assert not any(jnp.iscomplexobj(x) for x in jax.tree.leaves(state))
