"""Rules that find their own rate, and old rules beside them, do things that no trajectory shows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests import problems


def test_ftrl_makes_parameters_exactly_zero_and_leaves_those_without_gradients():
    params, opt = {"w": jnp.array([0.5, 0.5, 2.0])}, jgd.ftrl(0.5, l1=1.0)
    updates, _ = opt.update({"w": jnp.array([0.0, 0.3, 5.0])}, opt.init(params), params)
    new = jgd.apply_updates(params, updates)["w"]
    assert new[0] == 0.5
    assert new[1] == 0.0
    assert new[2] != 0.0


def test_osgm_takes_no_step_where_the_loss_does_not_fall_and_says_what_is_missing():
    params, opt = jnp.array([2.0, -1.0]), jgd.osgm(0.1, init_step_size=3.0)  # a curvature of 1 allows 2
    state = opt.init(params)
    value, grads = jax.value_and_grad(lambda p: jnp.sum(p * p) / 2)(params)
    updates, new = opt.update(grads, state, params, value=value, value_fn=lambda p: jnp.sum(p * p) / 2)
    np.testing.assert_array_equal(updates, 0.0)
    assert (new.scale < state.scale).all()
    updates, new = opt.update(grads, state, params, value=value, value_fn=lambda p: jnp.sum(p) * jnp.nan)
    np.testing.assert_array_equal(updates, 0.0)
    np.testing.assert_allclose(new.scale, state.scale / 2)
    with pytest.raises(ValueError, match=r"Osgm\.update: value_fn is missing"):
        opt.update(grads, state, params, value=value)


def test_d_adaptation_of_sgd_waits_for_a_gradient():
    params, opt = problems.params(), jgd.dadapt_sgd(estim_lr0=0.1)
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, state = opt.update(zero, opt.init(params), params)
    assert not any(jnp.any(u) for u in jax.tree.leaves(updates))
    updates, _ = opt.update(params, state, params)
    assert all(jnp.all(u != 0) for u in jax.tree.leaves(updates))


def test_gravity_begins_at_random_where_it_is_told_to():
    params = {"a": jnp.zeros((40, 50)), "b": jnp.zeros((40, 50))}
    v = jgd.gravity(0.5, alpha=0.1).init(params).slots["v"]
    assert not jnp.any(jgd.gravity(0.5).init(params).slots["v"]["a"])
    assert not jnp.allclose(v["a"], v["b"])
    np.testing.assert_allclose(jnp.std(v["a"]), 0.1 / 0.5, rtol=0.1)  # 2000 draws


def test_hypergradient_descent_goes_faster_along_one_direction_and_follows_a_schedule():
    params = jnp.array([1.0, 2.0])
    opt = jgd.hypergradient_descent(lambda count: 0.1 / (1 + count), 0.01)
    first, state = opt.update(params, opt.init(params), params)
    second, _ = opt.update(params, state, params)
    np.testing.assert_allclose(first, -0.1 * params, rtol=1e-6)
    np.testing.assert_allclose(second, -(0.05 + 0.01 * 5.0) * params, rtol=1e-6)
