"""Hyperparameters in the state."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.transforms import WrappedSchedule
from tests import problems
from tests.problems import programs_of

wrong: Any = jgd  # for arguments of a wrong type

PARAMS = problems.params()
GRADS = problems.gradients(3, PARAMS)


def test_numbers_are_read_and_set_in_the_state_without_compiling_again():
    opt = jgd.inject_hyperparams(jgd.sgd)(0.5, momentum=0.0)
    state = opt.init(PARAMS)
    assert set(state.hyperparams) == {"learning_rate", "momentum"}
    assert set(jgd.hyperparams(opt)) == {"learning_rate", "momentum"}
    step = jax.jit(opt.update)
    for rate in (0.5, 0.25, 0.125):
        state.hyperparams["learning_rate"] = jnp.float32(rate)
        updates, state = step(GRADS[0], state, PARAMS)
        problems.close(updates, jax.tree.map(lambda g, r=rate: -r * g, GRADS[0]), rtol=1e-6)
    assert programs_of(step) == 1
    state.hyperparams["learning_rate"] = 0
    assert not np.any(opt.update(GRADS[0], state, PARAMS)[0]["w"])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_numbers_of_narrow_parameters_are_float32_and_the_steps_those_of_literals(dtype):
    params = problems.params(dtype=dtype)
    opt, plain = jgd.inject_hyperparams(jgd.adam)(1e-2), jgd.adam(1e-2)
    state = opt.init(params)
    assert {x.dtype for x in state.hyperparams.values()} == {jnp.dtype("float32")}
    grads = problems.gradients(3, params)
    problems.close(*(problems.trajectory(x, params, grads) for x in (opt, plain)), rtol=0)
    narrow = jgd.inject_hyperparams(jgd.adam, hyperparam_dtype=dtype)(1e-2).init(params)
    assert narrow.hyperparams["b2"].dtype == dtype


def test_schedules_masks_and_what_is_static():
    mask = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)  # noqa: E731
    schedule = jgd.linear_schedule(0.1, 0.0, 2)
    opt = jgd.inject_hyperparams(jgd.adamw, static_args="b1")(schedule, weight_decay=0.1, mask=mask)
    state, seen, coming = opt.init(PARAMS), [], []
    assert set(state.hyperparams) == {"learning_rate", "b2", "eps", "eps_root", "weight_decay"}
    for g in GRADS:
        coming.append(jgd.current_hyperparams(opt, state)["learning_rate"])
        _, state = opt.update(g, state, PARAMS)
        seen.append(state.hyperparams["learning_rate"])
    np.testing.assert_allclose(seen, [0.1, 0.05, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(coming, seen)
    plain = jgd.adamw(schedule, weight_decay=0.1, mask=mask)
    problems.close(*(problems.trajectory(x, PARAMS, GRADS) for x in (opt, plain)), rtol=1e-6)


class Total(NamedTuple):
    total: jax.Array


class AddsLosses:
    """A schedule whose value is the sum of the losses so far."""

    def init(self):
        return Total(jnp.zeros(()))

    def update(self, state, **extra):
        return Total(state.total + extra["value"])

    def __call__(self, state, **extra):
        return state.total


def test_a_schedule_with_a_state_reads_extra_arguments():
    opt = jgd.inject_hyperparams(jgd.scale)(AddsLosses())
    state = opt.init(PARAMS)
    step = jax.jit(lambda opt, g, s, value: opt.update(g, s, PARAMS, value=value))
    for value in (1.0, 2.0, 4.0):
        _, state = step(opt, GRADS[0], state, value)
    assert state.hyperparams["step_size"] == 3.0
    assert state.hyperparams_states["step_size"].total == 7.0
    assert jgd.current_hyperparams(opt, state)["step_size"] == 3.0


def test_a_wrapped_schedule_has_the_count_for_its_state():
    wrapped = jax.jit(lambda x: x)(WrappedSchedule(jgd.linear_schedule(1.0, 0.0, 4)))
    state = wrapped.init()
    for value in (1.0, 0.75, 0.5):
        assert wrapped(state) == value
        state = wrapped.update(state, value=jnp.ones(()))
    assert jax.tree.structure(state) == jax.tree.structure(optax.schedules.WrappedSchedule(lambda c: c).init())


def test_a_schedule_s_whole_numbers_become_floats():
    class AddsFromZero(AddsLosses):
        def init(self):
            return super().init()._replace(total=jnp.zeros((), jnp.int32))

    for schedule, size in ((AddsFromZero(), 0.3), (lambda count: count, 1.0)):
        opt = jgd.inject_hyperparams(jgd.scale)(schedule)
        state = opt.init(PARAMS)
        for _ in range(2):
            updates, state = opt.update(PARAMS, state, value=0.3)
        problems.close(updates, jax.tree.map(lambda p, size=size: size * p, PARAMS), rtol=1e-6)


def test_a_key_for_random_numbers_is_a_number_like_any():
    def noise(key, size):
        return optax.stateless(lambda g, _: jax.tree.map(lambda x: size * jax.random.normal(key, x.shape), g))

    opt = jgd.inject_hyperparams(noise)(jax.random.key(0), 0.5)
    state = jax.jit(opt.init)(PARAMS)
    updates, _ = jax.jit(opt.update)(PARAMS, state)
    problems.close(updates, noise(jax.random.key(0), 0.5).update(PARAMS, optax.EmptyState())[0], rtol=1e-6)


def test_a_seed_is_structure():
    opt = jgd.inject_hyperparams(jgd.noisy_sgd)(0.1, eta=0.5, key=3)
    state, plain = opt.init(PARAMS), jgd.noisy_sgd(0.1, eta=0.5, key=3)
    assert set(state.hyperparams) == {"learning_rate", "eta", "gamma"}
    problems.close(opt.update(PARAMS, state)[0], plain.update(PARAMS, plain.init(PARAMS))[0], rtol=1e-6)


def test_a_schedule_s_state_is_found_while_the_drop_in_replaces_optax_s(monkeypatch):
    monkeypatch.setattr(optax.schedules, "WrappedSchedule", WrappedSchedule)
    assert int(WrappedSchedule(jgd.constant_schedule(1.0)).init()[0]) == 0


def test_transforms_and_foreign_factories_are_taken():
    opt = jgd.inject_hyperparams(lambda inner, factor: jgd.chain(inner, jgd.scale(factor)))(jgd.clip(1.0), 0.5)
    assert set(opt.init(PARAMS).hyperparams) == {"factor"}
    updates, _ = opt.update(PARAMS, opt.init(PARAMS), PARAMS)
    problems.close(updates, jax.tree.map(lambda p: 0.5 * jnp.clip(p, -1, 1), PARAMS), rtol=1e-6)
    foreign = jgd.inject_hyperparams(optax.adam)(0.1)
    theirs = optax.inject_hyperparams(optax.adam)(0.1)
    problems.close(*(problems.trajectory(x, PARAMS, GRADS) for x in (foreign, theirs)), rtol=1e-5)


def test_bad_arguments_are_said():
    with pytest.raises(jgd.InputError, match=r"Did you mean b1"):
        jgd.inject_hyperparams(jgd.adam, static_args="b1x")
    with pytest.raises(jgd.InputError, match=r"inner_factory must be a function that makes"):
        wrong.inject_hyperparams(jgd.adam(0.1))
    with pytest.raises(jgd.InputError, match=r"b1 must lie in"):
        jgd.inject_hyperparams(jgd.adam)(0.1, b1=1.5)
    with pytest.warns(DeprecationWarning, match="inject_hyperparams"):
        assert jgd.inject_stateful_hyperparams(jgd.sgd)(0.1).init(PARAMS).hyperparams["learning_rate"] == np.float32(
            0.1
        )
