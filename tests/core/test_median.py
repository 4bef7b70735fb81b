"""An interval for a median holds it as often as it says, whatever the distribution."""

import math

import numpy as np
import pytest

from jgd.core.median import level_text, median_interval, median_ranks

DRAWS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "lognormal": (lambda rng, shape: rng.lognormal(size=shape), 1.0),
    "cauchy": (lambda rng, shape: rng.standard_cauchy(size=shape), 0.0),
    "two bumps": (lambda rng, shape: rng.choice([-1, 1], shape) * rng.uniform(0, 2, shape), 0.0),
    "rounded": (lambda rng, shape: np.round(rng.normal(size=shape)), 0.0),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 8, 10, 16, 31])
def test_it_holds_the_median_as_often_as_it_says(name, count):
    draw, median = DRAWS[name]
    k, level = median_ranks(count)
    rows = np.sort(draw(np.random.default_rng(count), (10_000, count)), axis=1)
    held = np.mean((rows[:, k - 1] <= median) & (median <= rows[:, count - k]))
    noise = 4 * math.sqrt(level * (1 - level) / len(rows))  # four standard errors of a share of 10,000
    assert held >= level - noise
    if name != "rounded":  # values that tie are held more often
        assert held <= level + noise


def test_it_is_the_narrowest_that_keeps_the_level():
    for count in range(6, 60):
        k, level = median_ranks(count)
        assert level >= 0.95
        narrower = 1 - 2 * sum(math.comb(count, i) for i in range(k + 1)) / 2**count
        assert narrower < 0.95 or 2 * (k + 1) > count + 1


def test_few_values_have_the_level_of_their_range():
    assert [median_ranks(count) for count in (1, 2, 3, 4, 5)] == [(1, 0), (1, 0.5), (1, 0.75), (1, 0.875), (1, 0.9375)]
    assert median_interval(np.array([3.0, 1.0, 2.0])) == (1.0, 3.0, 0.75)
    assert np.isnan(median_interval(np.array([3.0]))[0])
    assert [level_text(x) for x in (0.875, 0.9375, 0.9785)] == ["87%", "93%", "97%"]
