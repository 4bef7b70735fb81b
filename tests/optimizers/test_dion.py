"""Dion: the rank of its steps, and gradients without directions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests import problems


def test_a_step_is_orthogonal_of_the_rank_that_is_asked_for():
    params = problems.params({"w": (8, 6), "stack": (2, 8, 6)})
    axes = {"w": jgd.MatrixAxes(0, 1), "stack": jgd.MatrixAxes(1, 2)}
    opt = jgd.scale_by_dion(rank_fraction=0.4, weight_dimension_numbers=axes)
    state = opt.init(params)
    assert state.basis["stack"].shape == (2, 8, 3)
    updates, state = jax.jit(opt.update)(params, state)
    for u in (updates["w"], *updates["stack"]):
        values = jnp.linalg.svd(u / (6 / 8) ** 0.5, compute_uv=False)
        assert jnp.max(values) < 3**0.5  # the columns of Q have norm 1 but are not orthogonal before they settle
        np.testing.assert_allclose(values[3:], 0.0, atol=1e-6)


def test_what_has_fewer_directions_than_the_rank_steps_along_those_alone():
    row = jnp.zeros((6, 5)).at[2, 1].set(3.0)
    opt = jgd.scale_by_dion(rank_fraction=0.6)
    update, state = opt.update(row, opt.init(row))
    np.testing.assert_allclose(jnp.abs(update), jnp.zeros((6, 5)).at[2, 1].set((5 / 6) ** 0.5), atol=1e-5)
    none, after = opt.update(0 * row, opt.init(row))
    np.testing.assert_array_equal(none, 0.0)
    np.testing.assert_array_equal(after.basis, opt.init(row).basis)
    assert jnp.all(jnp.isfinite(state.basis))


@pytest.mark.parametrize("bad", [0.0, 1.5, True, "half"])
def test_a_fraction_is_one(bad):
    with pytest.raises(jgd.InputError, match=r"^dion\(rank_fraction=.*must be a number in \(0, 1\]"):
        jgd.dion(0.1, rank_fraction=bad)


def test_keys_draw_other_bases():
    p = jnp.ones((4, 3))
    first, same, other = (jgd.scale_by_dion(key=key).init(p).basis for key in (0, jax.random.key(0), 1))
    np.testing.assert_array_equal(first, same)
    assert jnp.all(first != other)
