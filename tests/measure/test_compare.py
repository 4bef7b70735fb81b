"""Ratios and their intervals, on blocks whose truth is known."""

import numpy as np
import pytest

from jgd.core import InputError
from jgd.core.median import level_text, median_ranks
from jgd.measure import Timing, compare
from jgd.measure.compare import _apart


def drawn(seed, center, spread, blocks=30):
    return Timing(tuple(center * np.exp(spread * np.random.default_rng(seed).normal(size=blocks))), 1)


def test_pairs_see_through_what_disturbs_both():
    tides = np.exp(np.linspace(0, 1, 20))  # the machine slows down by e while measuring
    a, b = Timing(tuple(tides), 1), Timing(tuple(1.2 * tides), 1)
    found = compare(a, b)
    assert found[:3] == pytest.approx((1.2, 1.2, 1.2))
    alone = compare(a, b, paired=False)
    assert alone.low < 1 < 1.2 < alone.high
    assert alone.ratio == pytest.approx(1.2)


SHAPES = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), np.log(2)),
    "cauchy": (lambda rng, shape: rng.standard_cauchy(size=shape), 0.0),
    "two humps": (lambda rng, shape: rng.choice([-3, 3], shape) + rng.normal(size=shape), 0.0),
    "constant": (lambda rng, shape: np.zeros(shape), 0.0),
}


@pytest.mark.parametrize(("m", "n"), [(2, 2), (3, 3), (5, 5), (6, 6), (10, 10), (4, 20), (20, 20)])
def test_timings_apart_are_held_as_often_as_the_level_says_whatever_their_shapes(m, n):
    # The rule of `_apart` on many draws at once; a few of them below tell that it is the rule.
    (k, level_a), (j, level_b) = median_ranks(m), median_ranks(n)
    level, rng = min(level_a, level_b), np.random.default_rng(m)
    for f, center_a in SHAPES.values():
        for g, center_b in SHAPES.values():
            a, b = np.sort(f(rng, (3000, m)), axis=1), np.sort(g(rng, (3000, n)), axis=1)
            x, y, truth = np.median(a, axis=1), np.median(b, axis=1), center_b - center_a
            low = y - x - np.hypot(y - b[:, j - 1], a[:, m - k] - x)
            high = y - x + np.hypot(b[:, n - j] - y, x - a[:, k - 1])
            noise = 4 * np.sqrt(level * (1 - level) / len(a)) + 0.003  # four standard errors, and the rule's own
            assert np.mean((low <= truth + 1e-9) & (truth - 1e-9 <= high)) >= level - noise
            for i in range(3):
                np.testing.assert_allclose(_apart(a[i], b[i], 0.95), (low[i], high[i], level))


def test_the_level_is_told_and_one_block_has_no_interval():
    once = compare(drawn(0, 1, 0.1, 1), drawn(1, 2, 0.1, 1))
    assert (once.level, once.verdict, str(once)) == (0.0, "", f"{once.ratio:.3f}")
    assert once.as_json()["low"] is None
    assert compare(drawn(0, 1, 0.1, 5), drawn(1, 2, 0.1, 5)).level == 0.9375
    assert compare(drawn(0, 1, 0.1, 10), drawn(1, 2, 0.1, 3), paired=False).level == 0.75


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(paired):
    pairs = [compare(drawn(2 * i, 1, 0.1), drawn(2 * i + 1, 1.5, 0.1), paired=paired) for i in range(60)]
    held = sum(found.low <= 1.5 <= found.high for found in pairs)
    assert held >= 52  # of 60 at 95%: fewer has a chance of 1 in 500
    assert all(found.high - found.low < 0.4 for found in pairs)


def test_the_inverse_comparison_is_the_inverse_and_the_same_every_time():
    a, b = drawn(0, 1, 0.1), drawn(1, 2, 0.1)
    there, back = compare(a, b), compare(b, a)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there == compare(a, b)
    assert str(there) == f"{there.ratio:.3f} ({there.low:.3f} to {there.high:.3f}, {level_text(there.level)})"


def test_unequal_blocks_are_no_pairs():
    a, b = drawn(0, 1, 0.1, 5), drawn(1, 1, 0.1, 6)
    with pytest.raises(InputError, match="a has 5 blocks and b 6"):
        compare(a, b)
    assert compare(a, b, paired=False).low < 1.1
