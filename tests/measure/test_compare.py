"""Ratios and their intervals, on blocks whose truth is known."""

import numpy as np
import pytest

from jgd.core import InputError
from jgd.measure import Timing, compare


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
    assert str(there) == f"{there.ratio:.3f} ({there.low:.3f} to {there.high:.3f})"


def test_unequal_blocks_are_no_pairs():
    a, b = drawn(0, 1, 0.1, 5), drawn(1, 1, 0.1, 6)
    with pytest.raises(InputError, match="a has 5 blocks and b 6"):
        compare(a, b)
    assert compare(a, b, paired=False).low < 1.1
