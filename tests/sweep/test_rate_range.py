"""The range test of rates: where a quadratic diverges, and a bracket that feeds a sweep."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep.rate_range import rate_range

CURVATURE = 5.0
DATA = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)


def quadratic():
    return jgd.Task(lambda key: jnp.ones(3), lambda p, x: CURVATURE / 2 * jnp.sum(p**2), DATA)


@pytest.fixture(scope="module")
def found():
    return rate_range(quadratic(), jgd.sgd(0.1), low=1e-3, high=10.0, rates=30, steps=20, seeds=2)


def test_gradient_descent_diverges_within_a_grid_step_of_two_over_the_curvature(found):
    factor = found.rates[1] / found.rates[0]
    for end in (found.diverges, *found.diverges_interval):
        assert 2 / CURVATURE <= end <= 2 / CURVATURE * factor
    # One step of 1/curvature is exact: of the grid, the nearest rate in |1 - rate * curvature| is best.
    nearest = found.rates[np.argmin(np.abs(1 - found.rates * CURVATURE))]
    np.testing.assert_allclose(found.best, nearest)
    low, high = found.best_interval  # between the rates that were tried the best one may be any
    assert low < 1 / CURVATURE < high
    np.testing.assert_allclose(high / low, factor)


@pytest.mark.parametrize(("b", "times"), [(0.9, 3.8), (0.5, 3.0)])
def test_heavy_ball_diverges_at_its_own_threshold(b, times):
    found = rate_range(quadratic(), jgd.sgd(0.1, momentum=b), low=0.1, high=3.0, rates=20, steps=80, seeds=1)
    limit, factor = times / CURVATURE, found.rates[1] / found.rates[0]  # 2 (1 + b) / curvature
    assert limit / factor <= found.diverges <= limit * factor


def test_the_bracket_is_a_leaf_of_a_space(found):
    low, high = found.bracket.low, found.bracket.high
    assert low < found.best < high <= found.diverges
    result = jgd.sweep.run(quadratic(), jgd.sgd(found.bracket), num_trials=4, steps=4, progress=False)
    assert all(low <= trial.params["learning_rate"] <= high for trial in result.trials)


def test_lanes_one_by_one_give_the_same_and_a_schedule_is_replaced(found):
    falling = jgd.sgd(jgd.cosine_decay_schedule(0.1, 5))
    again = rate_range(quadratic(), falling, low=1e-3, high=10.0, rates=30, steps=20, seeds=2, lanes=7)
    assert again.best == found.best
    assert again.diverges == found.diverges


def test_it_prints_and_draws_the_bracket(found):
    assert f"Search between {found.bracket.low:.3g} and {found.bracket.high:.3g}" in str(found)
    assert "<table>" in found._repr_html_()
    assert found.plot().axes[0].get_xscale() == "log"


def test_a_least_loss_at_the_end_of_what_was_tried_is_said():
    found = rate_range(quadratic(), jgd.sgd(0.1), low=1e-4, high=1e-2, rates=5, steps=8, seeds=1)
    assert "The loss still fell at 0.01, the largest that was tried; raise high." in str(found)
    assert "above 0.01" in str(found)


def test_a_loss_that_no_rate_lowers_is_refused():
    flat = jgd.Task(lambda key: jnp.ones(3), lambda p, x: 1.0 + 0 * jnp.sum(p), DATA)
    with pytest.raises(InputError, match=r"rate_range\(high=10\): no rate made the loss fall within 8 steps; raise it"):
        rate_range(flat, jgd.sgd(0.1), rates=5, steps=8, seeds=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"low": 1.0, "high": 0.1}, "rate_range(low=1, high=0.1): low must be below high"),
        ({"rates": 2}, "rate_range(rates=2): rates must be a whole number, at least 5."),
        ({"name": "rat"}, "rate_range(name='rat'): Chain: unknown name 'rat'"),
        ({"low": 1e3, "high": 1e9, "steps": 30}, "rate_range(low=1000): under every rate the loss became"),
    ],
)
def test_bad_requests_are_one_sentence(options, words):
    with pytest.raises(InputError) as error:
        rate_range(quadratic(), jgd.sgd(0.1), **{"seeds": 1, "rates": 5, **options})
    assert str(error.value).startswith(words)
