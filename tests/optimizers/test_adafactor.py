"""Adafactor: which axes are kept, in which dtype, and from which step the decay counts."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems


def test_the_state_of_a_large_matrix_is_its_rows_and_columns():
    params = {"w": jax.ShapeDtypeStruct((256, 128), jnp.bfloat16), "thin": jax.ShapeDtypeStruct((256, 8), jnp.float32)}
    state = jax.eval_shape(jgd.scale_by_factored_rms().init, params)
    shapes = [(state.v_row[k].shape, state.v_col[k].shape, state.v[k].shape) for k in ("w", "thin")]
    assert shapes == [((128,), (256,), (1,)), ((1,), (1,), (256, 8))]
    assert state.v_row["w"].dtype == jnp.float32  # optax's would stall in bfloat16


def test_momentum_is_optax_s():
    start = problems.params()
    grads = problems.gradients(5, start)
    ours, theirs = (m.adafactor(0.1, 2, momentum=0.7, weight_decay_rate=0.01) for m in (jgd, optax))
    # Rounding of five steps in float32.
    problems.close(*(problems.trajectory(opt, start, grads) for opt in (ours, theirs)), rtol=1e-5, atol=1e-6)
    shapes = [jax.tree.structure(jax.eval_shape(opt.init, start)) for opt in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_steps_are_counted_from_the_offset_and_a_decay_of_one_s_own_is_taken():
    params, grads = jnp.ones(3), jnp.array([1.0, -2.0, 3.0])
    late = optax.FactoredState(jnp.array(7), jnp.zeros(1), jnp.zeros(1), jnp.full(3, 0.5))
    fresh, own = jgd.scale_by_factored_rms(step_offset=7), jgd.scale_by_factored_rms(decay_rate_fn=lambda i, d: d)
    np.testing.assert_allclose(fresh.update(grads, late, params)[0], jnp.sign(grads), rtol=1e-6)
    early = late._replace(count=jnp.array(2))  # optax: NaN
    np.testing.assert_allclose(fresh.update(grads, early, params)[0], jnp.sign(grads), rtol=1e-6)
    np.testing.assert_allclose(own.update(grads, late, params)[1].v, 0.8 * 0.5 + 0.2 * grads**2, rtol=1e-6)


@pytest.mark.parametrize("scale", [jgd.scale_by_param_block_norm, jgd.scale_by_param_block_rms])
def test_block_scales_of_empty_and_zero_leaves_are_finite(scale):
    params = [jnp.zeros((0, 3)), jnp.zeros((2, 2))]
    slope = jax.grad(lambda p: sum(jnp.sum(u) for u in scale(0.1).update([jnp.ones_like(x) for x in p], (), p)[0]))
    assert all(jnp.all(jnp.isfinite(x)) for x in slope(params))
