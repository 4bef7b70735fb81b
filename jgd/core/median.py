"""Intervals for a median that hold for every distribution, from the order of a few values."""

import math

import numpy as np


def median_ranks(count: int, confidence: float = 0.95) -> tuple[int, float]:
    """Choose which of `count` sorted values bound the median of what they are drawn from, and return the true level.

    The values number k and `count` + 1 - k, from 1, lie on both sides of the median with the probability that of
    `count` fair coins neither fewer than k show heads nor fewer than k tails, whatever the distribution. k is the
    largest for which that is at least `confidence`. Where even the range misses it, as with fewer than six values at
    95%, k is 1 and the level that of the range: 50, 75, 87.5 and 93.75% for two to five values. One value bounds
    nothing: its level is 0.
    """
    missed, chosen, level = 0.0, 1, 0.0
    for k in range(1, count // 2 + 1):
        missed += math.comb(count, k - 1) / 2**count
        if k > 1 and 1 - 2 * missed < confidence:
            break
        chosen, level = k, 1 - 2 * missed
    return chosen, level


def median_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the ends of the interval for the median of f[n], and its true level; NaN, NaN and 0 for fewer than two."""
    count = len(values)
    if count < 2:
        return math.nan, math.nan, 0.0
    k, level = median_ranks(count, confidence)
    ordered = np.sort(np.asarray(values, float))
    return float(ordered[k - 1]), float(ordered[count - k]), level


def level_text(level: float) -> str:
    """Return a level in percent, never rounded up: `93%` for 93.75%."""
    return f"{math.floor(100 * level + 1e-9)}%"
