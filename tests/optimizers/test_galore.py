"""GaLore: the paper's projection of the shorter side, batches of matrices, odd trees and half precision."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import optax as dropin
from tests import problems


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_the_shorter_side_is_projected_as_in_the_paper(shape, x64):
    """The paper's Algorithm 2 with Adam, within and across two projectors, in numpy."""
    rank, gap, b1, b2 = 2, 3, 0.9, 0.999
    opt = jgd.scale_by_galore(rank, gap, 0.25)
    state = opt.init(jnp.zeros(shape))
    wide = shape[0] <= shape[1]
    m = v = 0.0
    for t, g in enumerate(np.random.default_rng(0).normal(size=(5, *shape))):
        if t % gap == 0:
            u, _, vh = np.linalg.svd(g, full_matrices=False)
            p = u[:, :rank] if wide else vh[:rank].T
            # Signs of singular vectors are arbitrary, and moments are not turned: take those of the state.
            update, state = opt.update(jnp.asarray(g), state)
            p = p * np.sign(np.sum(p * np.asarray(state.projector), axis=0))
            np.testing.assert_allclose(state.projector, p, atol=1e-10)
        else:
            update, state = opt.update(jnp.asarray(g), state)
        low = p.T @ g if wide else g @ p
        m, v = b1 * m + (1 - b1) * low, b2 * v + (1 - b2) * low**2
        n = m / (1 - b1 ** (t + 1)) / (np.sqrt(v / (1 - b2 ** (t + 1))) + 1e-8)
        np.testing.assert_allclose(update, 0.25 * (p @ n if wide else n @ p.T), rtol=1e-9, atol=1e-10)


def test_the_state_is_longer_than_it_is_wide_and_optax_s_the_other_way():
    params = {"w": jnp.zeros((20, 6)), "v": jnp.zeros((6, 20)), "b": jnp.zeros(6)}
    state = jgd.scale_by_galore(2).init(params)
    shapes = jax.tree.map(jnp.shape, state.base_optimizer_state.mu)
    assert shapes == {"w": (20, 2), "v": (2, 20), "b": (6,)}
    assert jax.tree.map(jnp.shape, state.projector) == {"w": (6, 2), "v": (6, 2), "b": (0, 0)}
    for module in (dropin, optax):
        shapes = jax.tree.map(jnp.shape, module.contrib.scale_by_galore(2).init(params).base_optimizer_state.mu)
        assert shapes == {"w": (2, 6), "v": (6, 2), "b": (6,)}


def test_leaves_of_higher_rank_are_matrices_where_axes_say_so(x64):
    params = problems.params({"a": (5, 2, 3), "b": (4, 3), "c": (3,)})
    grads = problems.gradients(4, params)
    declared = {"a": optax.contrib.GaLoreDimensionNumbers(0, (1, 2)), "b": None, "c": None}
    for axes in (declared, lambda _: declared):
        opts = [m.contrib.galore(0.1, 2, weight_dimension_numbers=axes) for m in (dropin, optax)]
        problems.close(*(problems.trajectory(opt, params, grads) for opt in opts), rtol=1e-5, atol=1e-6)


def test_a_batch_of_matrices_is_each_of_them_alone():
    stack = problems.params({"w": (2, 4, 3)})
    grads = problems.gradients(3, stack)
    together = problems.trajectory(jgd.galore(0.1, 2, weight_dimension_numbers=jgd.MatrixAxes(1, 2)), stack, grads)
    for i in range(2):
        start, steps = {"w": stack["w"][i]}, [{"w": g["w"][i]} for g in grads]
        alone = problems.trajectory(jgd.galore(0.1, 2), start, steps)
        problems.close({"w": together["w"][:, i]}, alone, rtol=1e-4, atol=1e-5)


def test_empty_trees_and_missing_leaves_pass():
    for params in ({}, {"a": None, "w": jnp.ones((3, 4))}, [jnp.ones((0, 3)), jnp.ones(())]):
        opt = jgd.galore(0.1, 2)
        updates, _ = opt.update(params, opt.init(params), params)
        assert jax.tree.structure(updates) == jax.tree.structure(params)
    opt = jgd.masked(
        jgd.galore(0.1, 2, weight_dimension_numbers=lambda p: {"w": jgd.MatrixAxes(0, 1), "b": None}),
        {"w": True, "b": False},
    )
    params = problems.params({"w": (4, 3), "b": (3,)})
    opt.update(params, opt.init(params), params)
    state = jgd.scale_by_galore(2).init(params)
    assert jax.tree.structure(optax.tree.map_params(jgd.scale_by_galore(2), lambda x: x, state)) == jax.tree.structure(
        state
    )


@pytest.mark.parametrize("base", [None, optax.scale_by_adam()])
def test_no_dtype_changes_whatever_those_of_gradients_and_parameters(base):
    for of_grads, of_params in (("bfloat16", "float32"), ("float32", "bfloat16"), ("float16", "float16")):
        params, grads = (problems.params(problems.MATRICES, dtype) for dtype in (of_params, of_grads))
        opt = jgd.scale_by_galore(2, base_optimizer=base)
        state = opt.init(params)
        updates, new = jax.eval_shape(opt.update, grads, state, params)
        assert jax.tree.map(jnp.result_type, new) == jax.tree.map(jnp.result_type, state)
        assert {u.dtype for u in jax.tree.leaves(updates)} == {jnp.promote_types(of_grads, of_params)}


def test_complex_matrices_are_projected():
    w = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3)) @ np.eye(3)).astype(jnp.complex64)
    g = w[0] + 1j * w[1]
    rule = jgd.scale_by_galore(3, base_optimizer=jgd.identity())
    for x in (g, g.T):  # all directions are kept, so that the way there and back changes nothing
        update, _ = rule.update(x, rule.init(x))
        np.testing.assert_allclose(update, x, rtol=1e-4, atol=1e-5)


def test_a_gradient_of_another_shape_is_one_sentence():
    opt = jgd.scale_by_galore(2)
    state = opt.init({"w": jnp.ones((4, 3))})
    with pytest.raises(jgd.InputError, match=r"'w'\] has shape \(7, 7\).*projector of shape \(3, 2\)"):
        opt.update({"w": jnp.ones((7, 7))}, state)
