"""Clipping against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd

GRADS = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([[0.0, 12.0]])}


def clipped(transform, grads=GRADS):
    return transform.update(grads, transform.init(grads))[0]


def test_by_norm_scales_each_leaf_by_itself():
    out = clipped(jgd.clip_by_norm(6.0))
    np.testing.assert_allclose(out["a"], GRADS["a"])  # norm 5
    np.testing.assert_allclose(out["b"], [[0.0, 6.0]])  # norm 12


def test_by_global_norm_scales_all_by_one_factor():
    out = clipped(jgd.clip_by_global_norm(6.5))  # norm 13
    np.testing.assert_allclose(out["a"], [1.5, 2.0])
    np.testing.assert_allclose(out["b"], [[0.0, 6.0]])


@pytest.mark.parametrize("transform", [jgd.clip_by_norm, jgd.clip_by_global_norm, jgd.clip_by_block_rms, jgd.clip])
def test_limits_of_zero_and_infinity(transform):
    zero = {"a": jnp.zeros(3)}
    np.testing.assert_array_equal(clipped(transform(0.0), zero)["a"], 0.0)
    np.testing.assert_array_equal(clipped(transform(0.0))["a"], 0.0)
    np.testing.assert_array_equal(clipped(transform(float("inf")))["a"], GRADS["a"])


def test_a_float16_gradient_does_not_overflow_the_norm():
    """optax's norm is infinite here and the update silently zero."""
    out = clipped(jgd.clip_by_global_norm(100.0), {"a": jnp.full(4, 30000.0, jnp.float16)})["a"]
    # float16 has three digits.
    np.testing.assert_allclose(out, 50.0, rtol=1e-3)


def test_an_infinite_entry_becomes_nan_and_the_others_zero():
    out = clipped(jgd.clip_by_global_norm(1.0), {"a": jnp.array([jnp.inf, 1.0]), "b": jnp.ones(2)})
    np.testing.assert_array_equal(out["a"], [jnp.nan, 0.0])
    np.testing.assert_array_equal(out["b"], 0.0)
