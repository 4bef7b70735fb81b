"""Clipping by example: optax's sums and counts, half precision, and gradients without a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems

GRADS = {"w": jnp.array([[0.0, 0, 0], [0, 3, 4], [4, 0, 3], [0.1, 0, 0]]), "b": jnp.array([0.0, 1.0, 2.0, 0.2])}


@pytest.mark.parametrize("limit", [0.0, 1.25, jnp.inf])
def test_sums_and_counts_are_optax_s(limit):
    problems.close(
        jgd.per_example_global_norm_clip(GRADS, limit), optax.per_example_global_norm_clip(GRADS, limit), rtol=1e-6
    )
    for uniform in (True, False):
        ours, theirs = (m.per_example_layer_norm_clip(GRADS, limit, uniform) for m in (jgd, optax))
        problems.close(ours, theirs, rtol=1e-6)


def test_large_float16_gradients_are_clipped_and_zeros_have_slopes():
    grads = {"w": jnp.full((2, 4), 300.0, jnp.float16)}  # whose squares overflow
    sums, count = jgd.per_example_global_norm_clip(grads, 1.0)
    assert sums["w"].dtype == jnp.float16
    assert count == 2
    np.testing.assert_allclose(sums["w"], 1.0, rtol=1e-3)
    slope = jax.grad(lambda g: jnp.sum(jgd.per_example_global_norm_clip(g, 1.0)[0]))(jnp.zeros((2, 3)))
    np.testing.assert_allclose(slope, 1.0)


@pytest.mark.parametrize("clip", [jgd.per_example_global_norm_clip, jgd.per_example_layer_norm_clip])
def test_gradients_without_a_batch_are_refused_by_their_path(clip):
    with pytest.raises(jgd.InputError, match=r"\['b'\] has shape \(3,\), expected \(batch, \.\.\.\)"):
        clip({"a": jnp.ones((2, 3)), "b": jnp.ones(3)}, 1.0)
    with pytest.raises(jgd.InputError, match=r"has shape \(\)"):
        clip(jnp.ones(()), 1.0)
