"""Single schedules: edge cases, errors, joins with foreign functions, names of leaves."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
import jgd.schedules as js
from jgd.core import InputError, hyperparams, with_hyperparams
from jgd.transforms import scale_by_learning_rate

wrong: Any = js  # for arguments of a wrong type

ERRORS = {
    "beginning below 0": (lambda: js.linear_schedule(0.0, 1.0, 5, -2), "Linear(transition_begin=-2)"),
    "no decay steps": (lambda: js.cosine_decay_schedule(1.0, 0), "CosineDecay(decay_steps=0)"),
    "rate below 0": (lambda: js.exponential_decay(1.0, 10, -0.5), "ExponentialDecay(decay_rate=-0.5)"),
    "no time after the warm-up": (
        lambda: js.warmup_cosine_decay_schedule(0.0, 1.0, 10, 10),
        "must exceed warmup_steps",
    ),
    "restart without decay": (
        lambda: js.sgdr_schedule([{"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 5, "decay_steps": 4}]),
        "must exceed warmup_steps",
    ),
    "NaN": (lambda: js.constant_schedule(float("nan")), "Constant(value=nan)"),
    "negative scale": (lambda: js.piecewise_constant_schedule(1.0, {5: -0.1}), "PiecewiseConstant(scales=(-0.1,))"),
    "unknown interpolation": (lambda: js.piecewise_interpolate_schedule("cosin", 1.0), "Did you mean cosine?"),
    "unknown cooldown": (lambda: js.warmup_stable_decay_schedule(1.0, 1, 1, 1, cooldown="sqr"), "Did you mean sqrt?"),
    "scale without boundary": (lambda: js.PiecewiseConstant(1.0, (5,), (0.1, 0.2))(0), "1 boundaries and 2 scales"),
    "boundaries that fall": (
        lambda: js.join_schedules([js.constant_schedule(1.0)] * 3, [20, 10]),
        "join_schedules(boundaries=[20, 10]): boundaries must rise",
    ),
    "too few boundaries": (lambda: js.join_schedules([js.constant_schedule(1.0)] * 3, [10]), "need 2 boundaries"),
    "a number in a join": (
        lambda: wrong.join_schedules([0.1, js.constant_schedule(1.0)], [10]),
        "jgd.constant_schedule",
    ),
    "boundaries that are no sequence": (lambda: wrong.PiecewiseConstant(1.0, 5, 0.1), "must be a sequence"),
    "values that fall back": (lambda: js.switch_schedule([1, 2, 3], [20, 10]), "boundaries must rise"),
    "too few values": (lambda: js.switch_schedule([0.1], [10]), "1 values need 0 boundaries"),
    "no cycles": (lambda: js.sgdr_schedule([]), "at least one"),
    "shrinking cycles": (lambda: js.cosine_restarts_schedule(1.0, 10, cycle_multiplier=0.5), "must lie in [1, inf)"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_clear_sentence(case):
    build, fragment = ERRORS[case]
    with pytest.raises(InputError) as error:
        build()
    assert fragment in str(error.value)
    assert "\n" not in str(error.value)


DEGENERATE = {
    "linear": lambda m: m.linear_schedule(0.3, 1.0, 0),
    "linear, less than none": lambda m: m.linear_schedule(0.3, 1.0, -1, transition_begin=3),
    "polynomial": lambda m: m.polynomial_schedule(0.3, 1.0, 2, 0),
    "exponential": lambda m: m.exponential_decay(0.3, 0, 0.5, end_value=0.4),
    "exponential, less than none": lambda m: m.exponential_decay(0.3, -1, 0.5, staircase=True),
    "rate of 0": lambda m: m.exponential_decay(0.3, 10, 0.0, end_value=0.4),
    "rate of 0 after a warm-up": lambda m: m.warmup_exponential_decay_schedule(0.1, 0.3, 10, 10, 0.0),
    "peak of 0": lambda m: m.warmup_cosine_decay_schedule(0.2, 0.0, 5, 20, -3.0),
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_a_schedule_that_has_nothing_to_do_stays_as_in_optax(case):
    counts = np.array([0, 1, 4, 15, 50])
    schedule, expected = DEGENERATE[case](js), [DEGENERATE[case](optax)(count) for count in counts]
    np.testing.assert_allclose(schedule(counts), expected, rtol=1e-6, atol=1e-8)
    value, slopes = jax.value_and_grad(lambda s: s(15))(schedule)
    assert all(np.isfinite(x) for x in jax.tree.leaves((value, slopes)))


def test_a_warmup_of_no_steps_starts_at_its_peak():
    """In optax it stays at init_value for ever: a swept warm-up of 0 steps would train with a learning rate of 0."""
    schedule = js.warmup_constant_schedule(0.0, 1.0, 0)
    assert [float(schedule(count)) for count in (0, 1, 50)] == [1.0, 1.0, 1.0]
    assert optax.warmup_constant_schedule(0.0, 1.0, 0)(50) == 0.0


def test_a_swept_warmup_may_use_up_the_whole_length():
    schedule = with_hyperparams(js.warmup_cosine_decay_schedule(0.0, 1.0, 4, 10, 0.2), warmup_steps=12)
    np.testing.assert_allclose([schedule(count) for count in (6, 11, 12, 20)], [0.5, 11 / 12, 0.2, 0.2], rtol=1e-6)


def test_a_plateau_of_no_steps_and_a_cooldown_of_none():
    schedule = js.warmup_stable_decay_schedule(1.0, 0, 3, 0, end_value=0.1)
    np.testing.assert_allclose([schedule(count) for count in range(5)], [1, 1, 1, 0.1, 0.1], rtol=1e-6)


def test_growth_saturates_instead_of_overflowing():
    grown = js.exponential_decay(1.0, 1, 2.0)(10_000)
    np.testing.assert_allclose(grown, np.exp(60.0), rtol=1e-5)  # exp of a float32 near 60 is good to 60 roundings


def test_restarts_agree_with_torch():
    # CosineAnnealingWarmRestarts(SGD(lr=0.5), T_0=4, T_mult=mult, eta_min=0.1) of torch 2.13, param_groups[0]["lr"].
    torch_values = {
        1: [0.5, 0.441421356237309, 0.3, 0.158578643762691, 0.5, 0.441421356237309, 0.3, 0.158578643762691],
        2: [
            0.5,
            0.441421356237309,
            0.3,
            0.158578643762691,
            0.5,
            0.484775906502257,
            0.441421356237309,
            0.376536686473018,
        ],
    }
    for multiplier, expected in torch_values.items():
        schedule = js.cosine_restarts_schedule(0.5, 4, 0.1, multiplier)
        got = [float(schedule(count)) for count in range(len(expected))]
        np.testing.assert_allclose(got, expected, rtol=1e-6)  # float32


def test_turning_points_are_whole_steps_as_in_optax_but_have_derivatives():
    schedule = js.cosine_onecycle_schedule(37, 1.0)  # turns at 11, not at 11.1
    plain = js.PiecewiseInterpolate("cosine", 1 / 25, (11.0, 37.0), (25.0, 1 / 25e4))
    slope = jax.grad(lambda s: s(20))(schedule).pct_start
    at_turn = jax.grad(lambda s: s(20))(plain).boundaries[0]
    assert float(slope) != 0
    np.testing.assert_allclose(slope, 37 * at_turn, rtol=1e-5)
    # 0.29 * 100 is 28.999999999999996, which optax rounds down to 28: the peak comes a step early there.
    assert float(js.linear_onecycle_schedule(100, 1.0, 0.29)(29)) == 1.0


def test_plain_functions_get_whole_steps_in_a_join():
    table = jnp.asarray([1.0, 2.0, 3.0, 4.0])
    joined = js.join_schedules([lambda count: table[count], lambda count: 10 * table[count]], [2])
    assert [float(jax.jit(joined)(count)) for count in range(4)] == [1.0, 2.0, 10.0, 20.0]


def test_optax_schedules_stand_where_ours_do():
    theirs = [optax.linear_schedule(0.0, 1.0, 5), optax.cosine_decay_schedule(1.0, 10)]
    joined, expected = js.join_schedules(theirs, [5]), optax.join_schedules(theirs, [5])
    got = [float(joined(count)) for count in range(20)]
    np.testing.assert_allclose(
        got, [np.asarray(expected(count)) for count in range(20)], rtol=1e-6, atol=1e-7
    )  # float32
    step = scale_by_learning_rate(theirs[0])
    state = step.init(jnp.ones(()))
    for count in range(3):
        update, state = step.update(jnp.ones(()), state)
        np.testing.assert_allclose(update, -count / 5, rtol=1e-6)


def test_a_counts_array_gives_the_whole_curve():
    counts = jnp.arange(12)
    for schedule in (js.constant_schedule(0.5), js.warmup_cosine_decay_schedule(0.0, 1.0, 3, 10)):
        np.testing.assert_allclose(schedule(counts), [schedule(count) for count in range(12)], rtol=1e-6, atol=1e-7)


def test_hyperparameters_have_optax_names():
    schedule = js.warmup_cosine_decay_schedule(0.0, 1.0, 5, 50)
    names = ["init_value", "peak_value", "warmup_steps", "decay_steps", "end_value", "exponent"]
    assert list(hyperparams(schedule)) == names
    assert float(with_hyperparams(schedule, peak_value=2.0)(5)) == 2.0
    moved = with_hyperparams(js.piecewise_constant_schedule(1.0, {10: 0.5, 20: 0.5}), {"boundaries.0": 15})
    assert [float(moved(count)) for count in (14, 15, 20)] == [1.0, 0.5, 0.25]
    with pytest.raises(InputError, match="must lie in"):
        with_hyperparams(schedule, warmup_steps=-1)


def test_the_length_of_a_cycle_moves_the_next_one():
    cycle = {"init_value": 1.0, "peak_value": 1.0, "warmup_steps": 0, "decay_steps": 10}
    longer = with_hyperparams(js.sgdr_schedule([cycle, cycle]), {"cycles.0.decay_steps": 15.0})
    assert float(longer(14)) < 0.1
    assert float(longer(15)) == 1.0


@pytest.mark.parametrize("answer", [jnp.ones(2), None, "0.1", {}])
def test_a_function_that_answers_no_number_is_refused_where_it_is_asked(answer):
    joined = jgd.join_schedules([lambda count: answer, jgd.constant_schedule(0.1)], [2])
    with pytest.raises(jgd.InputError, match=r"<lambda>\(count\): as a schedule it returned .*, expected a number"):
        joined(1)
    switched = jgd.switch_schedule([0.1, lambda count: answer], [2])
    with pytest.raises(jgd.InputError, match="as a schedule it returned"):
        switched(1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wrong.join_schedules([0.1, 0.2], [3]), "schedules must be a list of functions of the count"),
        (lambda: wrong.join_schedules([jnp.sin, jnp.cos], [-1]), "boundaries must be a list of rising numbers"),
        (lambda: wrong.join_schedules([jnp.sin, jnp.cos], b"x"), "boundaries must be"),
        (lambda: wrong.join_schedules([jgd.sgd, 3], [1]), "schedules must be"),
        (lambda: wrong.switch_schedule("ab", [1]), "values must be a list of numbers and schedules"),
        (lambda: wrong.switch_schedule([1, 2], 3), "boundaries must be"),
        (
            lambda: wrong.piecewise_constant_schedule(1.0, [1]),
            "boundaries_and_scales must be a dict of numbers by step",
        ),
        (lambda: wrong.piecewise_constant_schedule(1.0, {"1": 2}), "boundaries_and_scales must be"),
        (
            lambda: jgd.piecewise_interpolate_schedule("cubic", 1.0),
            "interpolate_type must be one of 'linear', 'cosine'",
        ),
        (
            lambda: jgd.sgdr_schedule([{"init": 1}]),
            "'init'; did you mean init_value; it is called as warmup_cosine_decay",
        ),
        (lambda: jgd.sgdr_schedule([]), "cosine_kwargs must be a list of dicts"),
        (lambda: jgd.warmup_stable_decay_schedule(1, 1, 1, 1, cooldown="sqr"), "Did you mean sqrt?"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(call, words):
    with pytest.raises(jgd.InputError, match=re.escape(words)) as error:
        call()
    assert "\n" not in str(error.value)
