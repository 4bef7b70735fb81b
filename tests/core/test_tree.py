"""Arithmetic on trees: closed forms and the numbers that naive formulas get wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import tree


def test_one_minus_pow_keeps_the_digits_that_cancel():
    for decay in (0.9, 0.999, 0.999999):
        for t in (1, 2, 7, 1000, 10**6):
            exact = -np.expm1(t * np.log(np.float64(np.float32(decay))))
            # float32 log and expm1 are good to a few units in the last place.
            np.testing.assert_allclose(tree.one_minus_pow(decay, jnp.int32(t)), exact, rtol=1e-6)


def test_one_minus_pow_at_zero_has_the_right_value_and_slope():
    value, slope = jax.value_and_grad(lambda b: tree.one_minus_pow(b, jnp.int32(1)))(0.0)
    assert value == 1.0
    assert slope == -1.0


def test_the_global_norm_does_not_overflow_half_precision():
    half = {"a": jnp.full(100, 1000.0, jnp.float16), "b": jnp.zeros(0)}
    assert tree.global_norm(half) == 10000.0
    assert tree.global_norm({}) == 0.0


def test_the_norm_s_gradient_at_zero_is_zero():
    np.testing.assert_array_equal(jax.grad(lambda x: tree.global_norm([x]))(jnp.zeros(3)), 0.0)


def test_the_norm_of_complex_leaves_is_that_of_their_parts():
    x = [jnp.array([1 + 2j, 3 - 1j])]
    # 1 + 4 + 9 + 1, and the rounding of a root in float32.
    np.testing.assert_allclose(tree.global_norm(x), np.sqrt(15.0), rtol=1e-6)


def test_a_bfloat16_second_moment_does_not_stall():
    """optax's stops at 0.50 where 0.865 is right, because v's increments fall below half a unit in its last place."""
    opt, params = jgd.scale_by_adam(), jnp.zeros(1, jnp.bfloat16)
    grads = jnp.ones(1, jnp.bfloat16)

    def step(state, _):
        return opt.update(grads, state, params)[1], None

    state, _ = jax.lax.scan(step, opt.init(params), length=2000)
    # 2000 additions in float32.
    np.testing.assert_allclose(state.nu, 1 - 0.999**2000, rtol=1e-4)


def test_apply_updates_keeps_dtypes_and_refuses_other_trees():
    params = {"a": jnp.ones(2, jnp.bfloat16), "b": None, "c": jnp.ones((), jnp.float32)}
    new = jgd.apply_updates(params, {"a": jnp.ones(2), "b": None, "c": jnp.ones((), jnp.bfloat16)})
    assert new["a"].dtype == jnp.bfloat16
    assert new["c"].dtype == jnp.float32
    with pytest.raises(jgd.InputError, match=r"\['c'\]"):
        jgd.apply_updates(params, {"a": jnp.ones(2), "b": None})


def test_increment_saturates():
    assert tree.increment(jnp.int32(2**31 - 1)) == 2**31 - 1
    assert tree.increment(jnp.int32(3)) == 4


def test_apply_updates_says_which_is_which():
    with pytest.raises(
        jgd.InputError, match=r"the update at \['a'\] has shape \(3,\), but .* parameters there have \(2,\)"
    ):
        jgd.apply_updates({"a": jnp.ones(2)}, {"a": jnp.ones(3)})


@pytest.mark.parametrize("leaf", [jax.nn.relu, "tanh", object()])
def test_a_leaf_that_is_no_array_is_named(leaf):
    """As in a whole equinox module, whose activation is a leaf."""
    params = {"w": jnp.ones(2), "activation": leaf}
    for use in (jgd.adam(0.1).init, lambda p: jgd.minimize(lambda p: 0.0, jgd.sgd(0.1), p)):
        with pytest.raises(jgd.InputError, match=r"leaf at \['activation'\] is .*expected an array; .*equinox.filter"):
            use(params)


def test_bfloat16_decays_are_widened_before_they_are_raised_to_powers():
    decay = jnp.bfloat16(0.99)
    exact = 1 - float(decay) ** 100
    np.testing.assert_allclose(tree.one_minus_pow(decay, jnp.int32(100)), exact, rtol=1e-6)  # float32's log and expm1


def test_a_rule_is_traced_once_for_each_shape_and_never_compiled_op_by_op():
    traces = []

    def rule(g, m):
        traces.append(g.shape)
        return g + m, m

    def update(grads, state):
        return tree.map_unzip(rule, grads, state, place="update")

    grads = {"a": jnp.ones(3), "b": jnp.ones(2), "c": jnp.ones(3), "d": jnp.ones(3)}
    jax.make_jaxpr(update)(grads, grads)
    assert sorted(traces) == [(2,), (3,)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "jit", lambda *_, **__: pytest.fail("a new function is compiled at every call"))
        update(grads, grads)


def test_the_safe_root_s_derivatives_vanish_at_zero_and_are_right_elsewhere():
    first, second = jax.grad(tree.safe_sqrt), jax.grad(jax.grad(tree.safe_sqrt))
    assert first(0.0) == second(0.0) == 0
    np.testing.assert_allclose([first(4.0), second(4.0)], [1 / 4, -1 / 32], rtol=1e-6)  # a few float32 roundings


def test_a_ratio_is_zero_over_nothing_and_passes_a_nan_on():
    bottoms = jnp.array([2.0, 0.0, -1.0, jnp.nan])
    np.testing.assert_array_equal(tree.ratio(jnp.ones(4), bottoms), [0.5, 0.0, 0.0, jnp.nan])
    assert not jax.jacobian(tree.ratio)(jnp.ones(4), bottoms)[:, 1].any()
