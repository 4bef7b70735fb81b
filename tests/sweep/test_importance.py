"""Importance: known shares of known functions, choices, failures and noise."""

import numpy as np
import pytest

from jgd.sweep import choice, integer, loguniform, quantized, uniform
from jgd.sweep.results.importance import _by_value, importance

NAMES = ["a", "b", "c"]
POINTS = np.random.default_rng(0).random((300, 3))
A, B, C = POINTS.T


def test_the_axis_that_decides_is_named():
    found = importance(POINTS, (A - 0.3) ** 2, NAMES)
    assert next(iter(found.alone)) == "a"
    # All of it is a's; splits by chance on the others take the rest.
    assert found.alone["a"] > 0.8
    assert max(found.alone["b"], found.alone["c"]) < 0.05
    assert found.fit > 0.8


def test_shares_are_those_of_a_sum():
    # The ranks of 2 a + b are nearly its values, whose variance is a's by 4 of 5.
    found = importance(POINTS, 2 * A + B, NAMES)
    assert found.alone["a"] == pytest.approx(0.8, abs=0.12)  # trees of 300 noiseless points smooth the weaker axis
    assert found.alone["b"] == pytest.approx(0.2, abs=0.12)
    assert found.alone["c"] < 0.03


def test_what_only_acts_together_is_told_apart():
    found = importance(POINTS, np.where(A < 0.5, B, 1 - B), NAMES)
    assert found.together > 0.6
    assert max(found.alone.values()) < 0.2
    assert found.alone["c"] < 0.1


def test_failures_are_the_worst_and_no_more():
    losses = np.where(A > 0.7, np.inf, B)
    found = importance(POINTS, losses, NAMES)
    assert found.alone["a"] > 0.3
    assert found.alone["b"] > 0.2
    assert list(found.alone)[2] == "c"
    shrunk = importance(POINTS, np.where(A > 0.7, 1e30, B), NAMES)
    assert shrunk == found


def test_noise_is_told_by_the_fit():
    assert importance(POINTS, np.random.default_rng(1).random(300), NAMES).fit < 0.1
    still = importance(POINTS, np.ones(300), NAMES)
    assert (list(still.alone.values()), still.together, still.fit) == ([0.0] * 3, 0.0, 0.0)


@pytest.mark.parametrize(
    "constant",
    [integer(3, 3), quantized(uniform(0.6, 1.4), 1.0), choice([0.1, 0.1])],
    ids=["integer", "step", "same"],
)
def test_a_constant_decides_nothing(constant):
    points = np.stack([_by_value(constant, A), B], axis=1)
    assert np.ptp(points[:, 0]) == 0
    found = importance(points, np.random.default_rng(1).random(300) + 0.1 * A, ["constant", "other"])
    assert found.alone["constant"] == 0


def test_a_lattice_counts_by_its_values_in_their_order():
    for lattice in (integer(1, 4), quantized(loguniform(1, 100), 5)):
        values, units = np.array([lattice.at(u) for u in A]), _by_value(lattice, A)
        assert len(set(units)) == len(set(values))
        assert (np.argsort(units, kind="stable") == np.argsort(values, kind="stable")).all()
