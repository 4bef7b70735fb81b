"""Stopping rules: thresholds, their order, the plateau, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from jgd.core import InputError, Status, stack
from jgd.core.stop import MORE_IS_BETTER, Stop


def check(stop, values, **measured):
    """Return the status at each of some values."""
    watch, codes = stop.begin(), []
    for value in values:
        watch, code = stop.check(watch, value=jnp.float32(value), **measured)
        codes.append(Status.of(code))
    return codes


def test_a_threshold_that_is_met_exactly_stops():
    assert check(Stop(value=1.0), [1.5, 1.0, 0.5]) == [Status.RUNNING, Status.VALUE, Status.VALUE]
    assert check(Stop(gradient_norm=0.0), [1.0], gradient_norm=0.0) == [Status.GRADIENT_NORM]
    assert check(Stop(step_norm=0.1), [1.0], step_norm=0.1) == [Status.STEP_NORM]


def test_the_order_of_rules_that_hold_together():
    stop = Stop(value=1.0, gradient_norm=1.0, step_norm=1.0, patience=1)
    seen = check(stop, [1.0, 1.0], gradient_norm=1.0, step_norm=1.0)
    assert seen == [Status.VALUE, Status.VALUE]
    assert check(stop, [2.0, 2.0], gradient_norm=1.0, step_norm=1.0)[1] is Status.GRADIENT_NORM
    assert check(stop, [2.0, 2.0], gradient_norm=2.0, step_norm=1.0)[1] is Status.STEP_NORM
    assert check(stop, [2.0, 2.0], gradient_norm=2.0, step_norm=2.0)[1] is Status.PLATEAU
    assert check(stop, [1.0], gradient_norm=1.0, step_norm=1.0, finite=False) == [Status.NON_FINITE]


def test_a_nan_is_no_improvement_and_meets_no_threshold():
    nan = float("nan")
    assert check(Stop(value=1.0, patience=2), [nan, nan]) == [Status.RUNNING, Status.PLATEAU]


def test_the_plateau_counts_from_the_best_value():
    codes = check(Stop(patience=2), [3.0, 2.0, 2.5, 1.9, 2.0, 1.95])
    assert codes == [Status.RUNNING] * 5 + [Status.PLATEAU]
    assert check(Stop(patience=2, min_delta=0.5), [3.0, 2.6, 2.4, 2.2])[-1] is Status.RUNNING  # 2.4 was 0.6 below
    assert check(Stop(patience=2, min_delta=0.5), [3.0, 2.6, 2.55])[-1] is Status.PLATEAU


def test_thresholds_are_leaves_and_counts_are_structure():
    stops = stack([Stop(value=1.0, patience=5, max_steps=10), Stop(value=3.0, patience=5, max_steps=10)])
    codes = jax.vmap(lambda stop: stop.check(stop.begin(), value=2.0)[1])(stops)
    assert codes.tolist() == [Status.RUNNING, Status.VALUE]
    assert jax.tree.structure(Stop(value=1.0, patience=5)) == jax.tree.structure(Stop(value=2.0, patience=5))
    assert jax.tree.structure(Stop(value=1.0, patience=5)) != jax.tree.structure(Stop(value=2.0, patience=6))


def test_it_knows_whether_it_has_a_rule():
    assert not Stop().has_rule
    assert not Stop(min_delta=0.1).has_rule
    one: Any = 1
    assert all(
        Stop(**{name: one}).has_rule for name in ("value", "gradient_norm", "step_norm", "patience", "max_steps")
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gradient_norm": -1.0}, "Stop(gradient_norm=-1.0): gradient_norm must lie in [0, inf)"),
        ({"value": "low"}, "Stop(value='low'): value must be a number"),
        ({"min_delta": -0.1}, "min_delta must lie in [0, inf)"),
        ({"patience": 0}, "Stop(patience=0): patience must be a whole number, at least 1"),
        ({"max_steps": 1.5}, "Stop(max_steps=1.5): max_steps must be a whole number"),
        ({"patience": True}, "Stop(patience=True)"),
    ],
)
def test_bad_rules_are_refused(fields, words):
    with pytest.raises(InputError) as error:
        Stop(**fields)
    assert words in str(error.value)


def test_no_step_at_all_is_not_a_small_one():
    """Accumulation takes none until its round is full, and a warm-up begins with one of size 0."""
    stop = Stop(step_norm=0.1)
    assert check(stop, [1.0], step_norm=0.0) == [Status.RUNNING]
    assert check(stop, [1.0], step_norm=0.0, gradient_norm=1.0) == [Status.RUNNING]
    assert check(stop, [1.0], step_norm=0.0, gradient_norm=0.0) == [Status.STEP_NORM]


def test_a_name_says_that_more_is_better_or_says_nothing():
    asked = {"accuracy", "val_acc", "roc_auc", "top1_acc", "mean_return", "f1"}
    for name in (*asked, "layer2", "score_loss", "reward_error", "incorrect", "distance", "validation"):
        assert bool(MORE_IS_BETTER.search(name)) == (name in asked), name
