"""One timing against another: a ratio with its interval, never a difference of absolute times."""

from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.measure.timing import Timing

RESAMPLES = 4000


class Ratio(NamedTuple):
    """How many times as long the second takes as the first, with a bootstrap interval."""

    ratio: float
    low: float
    high: float
    paired: bool

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return self._asdict()

    def __str__(self) -> str:
        return f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"


def compare(a: Timing, b: Timing, *, paired: bool = True, confidence: float = 0.95) -> Ratio:
    """How many times as long a call of `b` takes as one of `a`: above 1, `a` is faster.

    `paired` blocks ran in turn, as `interleave` runs them: the median of their ratios, whose blocks are resampled
    together. Otherwise, as for timings of two processes, the ratio of the medians, resampled apart.
    """
    ours, theirs = np.asarray(a.seconds), np.asarray(b.seconds)
    if paired and len(ours) != len(theirs):
        raise InputError(
            f"compare: a has {len(ours)} blocks and b {len(theirs)}; only timings of one interleave are paired, so "
            "pass paired=False."
        )
    if paired:
        return Ratio(*median_interval(np.log(theirs / ours), confidence, transform=np.exp), True)
    rng = np.random.default_rng(0)
    logs = [_medians(rng, np.log(x)) for x in (ours, theirs)]
    low, high = np.exp(_ends(logs[1] - logs[0], confidence))
    return Ratio(b.median / a.median, float(low), float(high), False)


def median_interval(values: np.ndarray, confidence: float = 0.95, transform: Any = None) -> tuple[float, float, float]:
    """The median of f[n], and the ends of its percentile bootstrap interval, transformed."""
    ends = _ends(_medians(np.random.default_rng(0), values), confidence)
    found = np.array([np.median(values), *ends])
    median, low, high = (found if transform is None else transform(found)).tolist()
    return median, low, high


def _medians(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    return np.median(rng.choice(values, (RESAMPLES, len(values))), axis=1)


def _ends(medians: np.ndarray, confidence: float) -> np.ndarray:
    outside = (1 - confidence) / 2
    return np.quantile(medians, [outside, 1 - outside])
