"""Accumulation, finite guards, masks and partitions: what happens besides the average case."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd

ONE, NAN = jnp.ones(2), jnp.full(2, jnp.nan)


def run(opt, grads):
    """Return the updates of a sequence of gradients."""
    state, out = opt.init(ONE), []
    for g in grads:
        updates, state = opt.update(g, state, ONE)
        out.append(np.asarray(updates))
    return np.stack(out), state


def test_accumulation_recovers_from_a_nan():
    """optax multiplies the sum by a mask, so one NaN stays for ever (0 * NaN)."""
    out, _ = run(jgd.multi_steps(jgd.sgd(1.0), 2), [NAN, ONE, ONE, ONE])
    assert np.isnan(out[1]).all()
    np.testing.assert_array_equal(out[3], -1.0)


def test_accumulation_skips_what_it_is_told_to():
    opt = jgd.multi_steps(jgd.sgd(1.0), 2, should_skip_update_fn=optax.skip_not_finite)
    out, state = run(opt, [ONE, NAN, 3 * ONE])
    np.testing.assert_array_equal(out, [[0, 0], [0, 0], [-2, -2]])
    assert opt.has_updated(state)
    assert state.gradient_step == 1


def test_the_number_of_batches_may_follow_a_schedule():
    opt = jgd.multi_steps(jgd.sgd(1.0), lambda step: 1 + step)
    out, _ = run(opt, [ONE] * 6)
    np.testing.assert_array_equal(out[:, 0], [-1, 0, -1, 0, 0, -1])


def test_the_inner_transform_runs_only_when_it_steps():
    """Its cost shows in the jaxpr: the inner update stands inside a cond, not beside it."""
    opt = jgd.multi_steps(jgd.scale_by_muon(), 4)
    params = jnp.ones((4, 4))
    jaxpr = jax.make_jaxpr(opt.update)(params, opt.init(params), params)
    assert "dot_general" not in {eqn.primitive.name for eqn in jaxpr.eqns}
    assert "cond" in {eqn.primitive.name for eqn in jaxpr.eqns}


def test_apply_if_finite_gives_up_after_its_limit_and_recovers():
    out, state = run(jgd.apply_if_finite(jgd.sgd(1.0), 2), [NAN, NAN, NAN, NAN, ONE, NAN])
    assert [np.isnan(row).any() for row in out] == [False, False, True, True, False, False]
    np.testing.assert_array_equal(out[4], -1.0)
    assert (state.notfinite_count, state.total_notfinite) == (1, 5)


def test_a_mask_may_be_a_prefix_or_a_function():
    grads = {"a": {"x": ONE, "y": ONE}, "b": ONE}
    for mask in ({"a": True, "b": False}, lambda p: {"a": {"x": True, "y": True}, "b": False}):
        opt = jgd.masked(jgd.scale(0.0), mask)
        out, _ = opt.update(grads, opt.init(grads), grads)
        np.testing.assert_array_equal(out["a"]["y"], 0.0)
        np.testing.assert_array_equal(out["b"], 1.0)


def test_a_mask_that_does_not_fit_and_a_label_without_transform_are_named():
    grads = {"a": ONE, "b": ONE}
    fits = r"mask .*must have the parameters' structure.* or be a prefix of it: "
    with pytest.raises(jgd.InputError, match=fits + r"it says nothing of \['b'\]\."):
        jgd.masked(jgd.sgd(0.1), {"a": True}).init(grads)
    with pytest.raises(jgd.InputError, match=fits + r"there is nothing at \['a'\]\[1\]\."):
        jgd.masked(jgd.sgd(0.1), {"a": [True, False], "b": True}).init({"a": [ONE], "b": ONE})
    with pytest.raises(jgd.InputError, match="must be a tree of True and False"):
        jgd.masked(jgd.sgd(0.1), {"a": 1.5, "b": True}).init(grads)
    with pytest.raises(jgd.InputError, match=r"unknown name 'slw'. Did you mean slow\?"):
        jgd.partition({"fast": jgd.sgd(1.0), "slow": jgd.sgd(0.1)}, {"a": "fast", "b": "slw"}).init(grads)


def test_masked_leaves_keep_no_state():
    opt = jgd.partition({"m": jgd.trace(0.9), "s": jgd.sgd(0.1)}, {"a": "m", "b": "s"})
    shapes = [x.shape for x in jax.tree.leaves(opt.init({"a": jnp.ones(3), "b": jnp.ones(5)}))]
    assert shapes == [(3,)]


def test_optax_objects_are_taken_in_and_functions_are_refused():
    opt = jgd.chain(optax.clip(1.0), jgd.sgd(1.0))
    np.testing.assert_array_equal(opt.update(5 * ONE, opt.init(ONE), ONE)[0], -1.0)
    with pytest.raises(jgd.InputError, match="called and not the function itself"):
        jgd.chain(jgd.adam)


def test_extra_arguments_reach_optax_s_transforms():
    opt = jgd.chain(jgd.identity(), optax.polyak_sgd())
    value, p = jnp.float32(2.0), jnp.array([2.0])
    out, _ = opt.update(2 * p, opt.init(p), p, value=value)
    # Polyak's step: value / |g|^2 g = 2 / 16 * 4.
    np.testing.assert_allclose(out, [-0.5])


def test_missing_parameters_and_a_swapped_state_are_named():
    opt = jgd.adamw(0.1)
    state = opt.init(ONE)
    with pytest.raises(jgd.InputError, match=r"AddDecayedWeights.update: params is missing; call update\(grads, state"):
        opt.update(ONE, state)
    with pytest.raises(jgd.InputError, match="states of 2 transforms, expected the states of 3"):
        opt.update(ONE, jgd.adam(0.1).init(ONE), ONE)


def test_scheduled_shows_this_step_s_values():
    b1: Any = jgd.linear_schedule(0.9, 0.5, 4)
    opt = jgd.scheduled(jgd.adam(0.1, b1=b1))
    assert jgd.hyperparams(opt.at(2))["b1"] == pytest.approx(0.7)


def test_a_value_unpacks_like_optax_s_pair():
    init, update = jgd.sgd(1.0)
    np.testing.assert_array_equal(update(ONE, init(ONE), ONE)[0], -1.0)


def test_no_learning_rate_is_no_scaling():
    opt = jgd.scale_by_learning_rate(None)
    assert opt.update(ONE, opt.init(ONE)) == (ONE, optax.EmptyState())


@pytest.mark.parametrize("wrap", [lambda opt: jgd.multi_steps(opt, 2), lambda opt: jgd.apply_if_finite(opt, 2)])
def test_waiting_keeps_explicit_shardings(wrap):
    """In JAX's explicit mode the sharding belongs to the type, and the two sides of a cond must have one type."""
    mesh = jax.make_mesh((1,), ("d",), axis_types=(jax.sharding.AxisType.Explicit,))
    with jax.set_mesh(mesh):
        params, opt = jax.device_put(jnp.ones((4, 2)), jax.P("d")), wrap(jgd.adam(0.1))
        updates, _ = jax.jit(opt.update)(params, jax.jit(opt.init)(params), params)
        assert jax.typeof(updates) == jax.typeof(params)


def test_a_function_that_skips_is_no_schedule():
    inner = jgd.adam(jgd.linear_schedule(0.2, 0.0, 2))
    opt = jgd.scheduled(jgd.multi_steps(inner, 1, should_skip_update_fn=optax.skip_not_finite))
    out, _ = run(opt, [NAN, ONE])
    # Adam's first step is the rate, half of it gone after one count; float32.
    np.testing.assert_allclose(out, [[0, 0], [-0.1, -0.1]], rtol=1e-5)


def test_a_swapped_state_of_as_many_parts_is_named():
    opt, params = jgd.adam(0.1), {"a": ONE, "b": ONE}
    with pytest.raises(jgd.InputError, match=r"Chain.update: got a dict, .*update\(grads, state, params\)"):
        opt.update(params, params, opt.init(params))


def test_another_transform_s_state_is_named():
    opt, other = jgd.scale_by_adam(), jgd.trace(0.9)
    with pytest.raises(jgd.InputError, match=r"ScaleByAdam.update: got a TraceState for its state; pass"):
        opt.update(ONE, other.init(ONE), ONE)
    with pytest.raises(jgd.InputError, match=r"Trace.update: got a ScaleByAdamState for its state; pass"):
        other.update(ONE, opt.init(ONE), ONE)
    with pytest.raises(AttributeError, match="no_such_name"):  # a mistake elsewhere keeps its own error
        jgd.multi_steps(opt, 1, should_skip_update_fn=lambda g, step, p: p.no_such_name).init(ONE)


def test_labels_that_cannot_be_sorted_are_refused():
    """JAX sorts the keys of a dict, and only jit would notice."""
    with pytest.raises(jgd.InputError, match=r"labels 'fast', 1 .*one kind"):
        jgd.partition({"fast": jgd.sgd(1.0), 1: jgd.sgd(0.1)}, {"a": "fast", "b": 1})


def test_a_decay_of_float32_parameters_survives_bfloat16_gradients():
    """A bfloat16 sum of 1 and 0.001 would be 1."""
    params, grads = jnp.ones(2), jnp.ones(2, jnp.bfloat16)
    opt = jgd.adamw(1.0, weight_decay=1e-3)
    updates, _ = opt.update(grads, opt.init(params), params)
    # Adam's first step is 1 up to bfloat16's rounding of it, which is exact.
    np.testing.assert_allclose(updates, -1.001, rtol=1e-6)
