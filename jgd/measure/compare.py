"""One timing against another: a ratio with its interval, never a difference of absolute times."""

import math
from typing import Any, NamedTuple

import numpy as np

from jgd.core.arguments import checked
from jgd.core.errors import InputError
from jgd.core.median import level_text, median_interval
from jgd.measure.timing import TIMING, Timing
from jgd.measure.units import plain_row


class Ratio(NamedTuple):
    """The second's time over the first's, with an interval and the probability that it holds."""

    ratio: float
    low: float  # NaN for fewer than two blocks
    high: float
    paired: bool
    level: float  # at least 0.95 from six blocks on, 0.9375 for five, and 0 for one

    def as_json(self) -> dict[str, Any]:
        """Return the fields; the ends of no interval are null."""
        return plain_row(self)

    def __str__(self) -> str:
        interval = f" ({self.low:.3f} to {self.high:.3f}, {level_text(self.level)})" if self.level else ""
        return f"{self.ratio:.3f}{interval}"

    @property
    def verdict(self) -> str:
        """Tell whether the second is "slower" or "faster" by more than chance; else empty."""
        return "slower" if self.low > 1 else "faster" if self.high < 1 else ""


@checked(a=TIMING, b=TIMING)
def compare(a: Timing, b: Timing, *, paired: bool = True, confidence: float = 0.95) -> Ratio:
    """Tell how many times as long a call of `b` takes as one of `a`: above 1, `a` is faster.

    `paired` blocks ran in turn, as `interleave` runs them: the median of their ratios, with the sign test's interval
    (`jgd.core.median`). Otherwise, as for timings of two processes, the ratio of the medians, with `_apart`. Both are
    about blocks that do not depend on each other; a disturbance that lasts for many is in neither.
    """
    ours, theirs = np.asarray(a.seconds), np.asarray(b.seconds)
    if paired and len(ours) != len(theirs):
        raise InputError(
            f"compare: a has {len(ours)} blocks and b {len(theirs)}; only timings of one interleave are paired, so "
            "pass paired=False."
        )
    if paired:
        ratios = theirs / ours
        low, high, level = median_interval(ratios, confidence)
        return Ratio(float(np.exp(np.median(np.log(ratios)))), low, high, True, level)
    low, high, level = _apart(np.log(ours), np.log(theirs), confidence)
    return Ratio(b.median / a.median, math.exp(low), math.exp(high), False, level)


def _apart(a: np.ndarray, b: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the interval for the median of what f[m] is drawn from minus that of f[n], and a level that it keeps.

    The distances from each median to its own interval's ends add as independent errors do, in squares (Zou and Donner
    2008, Eq. 3). Where one of the two does not vary, it is the other's interval. Simulated over pairs of normal,
    skewed, two-humped, heavy-tailed and constant distributions, it holds the truth at least as often as the intervals
    that it is made from do.
    """
    (low_a, high_a, level_a), (low_b, high_b, level_b) = (median_interval(x, confidence) for x in (a, b))
    x, y = float(np.median(a)), float(np.median(b))
    return y - x - math.hypot(y - low_b, high_a - x), y - x + math.hypot(high_b - y, x - low_a), min(level_a, level_b)
