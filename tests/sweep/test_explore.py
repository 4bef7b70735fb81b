"""Exploring: what comes of a number times a factor, and that nothing leaves its range, its lattice or its options."""

import numpy as np
import pytest

import jgd
from jgd.sweep import choice, grid, integer, loguniform, normal, quantized, uniform
from jgd.sweep.spaces.explore import explore, scaled
from jgd.sweep.spaces.space import axes, params_at

DISTRIBUTIONS = [
    uniform(0.2, 3),
    uniform(-2, 1),
    loguniform(1e-5, 10),
    integer(-3, 9),
    integer(0, 1),
    normal(1, 2),
    quantized(uniform(0, 1), 0.05),
    quantized(loguniform(1, 1000), 10),
    quantized(integer(0, 20), 4),
    quantized(normal(0, 1), 0.5),
    choice([0.5, 0.1, 0.9]),
    grid([1, 2, 4, 8]),
]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
def test_values_stay_in_range_and_go_where_the_factor_says(distribution):
    rng = np.random.default_rng(0)
    tails = np.geomspace(1e-9, 1e-3, 500)
    reachable = [distribution.at(unit) for unit in np.concatenate([np.linspace(0, 1, 5001), tails, 1 - tails])]
    low, high = min(reachable), max(reachable)
    lattice = len(set(reachable)) < 1000
    for unit in [0.0, 1.0, *rng.random(40)]:
        for factor in (0.8, 1.25, 1.01, 5.0):
            value, new = distribution.at(unit), distribution.at(scaled(distribution, unit, factor))
            wanted = value * factor
            assert low <= new <= high
            if not lattice:
                # As the unit interval resolves a value: to roundings of the range, and worse in a normal's tails.
                assert new == pytest.approx(min(max(wanted, low), high), rel=1e-9, abs=1e-14 * (high - low))
                continue
            assert new in reachable
            up = (factor > 1) == (value >= 0)
            if value not in (low, high):
                assert (new > value) if up else (new < value)
            else:
                assert (new >= value) if up else (new <= value)


def test_a_lattice_takes_the_nearest_point_and_options_a_neighbour():
    def after(distribution, value, factor):
        unit = next(u for u in np.linspace(0, 1, 999) if distribution.at(u) == value)
        return distribution.at(scaled(distribution, unit, factor))

    assert after(integer(0, 100), 40, 1.25) == 50
    assert after(integer(0, 100), 1, 1.25) == 2
    assert after(integer(0, 100), 0, 1.25) == 1
    assert after(integer(0, 100), 90, 1.25) == 100
    assert after(integer(-50, 50), -20, 0.8) == -16
    assert after(quantized(uniform(0, 1), 0.1), 0.5, 1.25) == 0.6
    assert after(quantized(uniform(0, 1), 0.1), 0.8, 0.8) == 0.6
    assert after(choice([0.5, 0.1, 0.9]), 0.5, 1.25) == 0.9
    assert after(choice([0.5, 0.1, 0.9]), 0.1, 0.8) == 0.1
    assert after(grid([1, 2, 4, 8]), 4, 0.8) == 2


def test_choices_of_parts_stay_and_what_they_leave_out_too():
    rate = loguniform(1e-3, 1)
    found = axes(None, choice({"adam": jgd.adam(rate, b1=uniform(0, 0.9)), "sgd": jgd.sgd(rate)}))
    rng = np.random.default_rng(1)
    position = [axis.name for axis in found].index("adam.b1") if "adam.b1" in [a.name for a in found] else None
    for _ in range(50):
        point = rng.random(len(found)).tolist()
        before, moved = params_at(found, point), explore(found, point, (0.8, 1.25), 0.5, rng)
        after = params_at(found, moved)
        assert after.keys() == before.keys()
        assert moved[0] == point[0]
        still = [unit == old for unit, old in zip(moved, point, strict=True)]
        assert sum(not s for s in still) <= len(before) - 1
    assert position is None or position > 0


def test_with_and_without_new_draws():
    found = axes(None, jgd.adam(loguniform(1e-4, 1), b1=uniform(0.1, 0.9)))
    point, rng = [0.5, 0.5], np.random.default_rng(2)
    old = params_at(found, point)
    for _ in range(20):
        new = params_at(found, explore(found, point, (0.8, 1.25), 0.0, rng))
        ratios = [new[name] / old[name] for name in old]
        assert all(min(abs(r - 0.8), abs(r - 1.25)) < 1e-9 for r in ratios)
    units = np.array([explore(found, point, (0.8, 1.25), 1.0, rng) for _ in range(200)])
    # Means of 200 uniform draws: a standard error of 0.02.
    np.testing.assert_allclose(units.mean(axis=0), 0.5, atol=0.1)
