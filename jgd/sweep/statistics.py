"""Numbers about numbers: what is better, medians with intervals over seeds, and when a target was reached."""

import itertools
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000


class Summary(NamedTuple):
    """The spread of a few values, with a bootstrap interval of their median."""

    median: float
    lower_quartile: float
    upper_quartile: float
    low: float  # the interval's ends
    high: float


def as_loss(values: np.ndarray, mode: str) -> np.ndarray:
    """Values as something to minimise: negated for "max", and infinity for what is not finite, which is worst."""
    signed = values if mode == "min" else -values
    return np.where(np.isfinite(signed), signed, np.inf)


def rank(values: np.ndarray, mode: str) -> np.ndarray:
    """Trials from best to worst, by the median over seeds of f[trials, seeds]; ties by the mean, then by number."""
    losses = as_loss(values, mode)
    return np.lexsort((np.arange(len(losses)), losses.mean(axis=1), np.median(losses, axis=1)))


def summarize(values: np.ndarray, mode: str, confidence: float = 0.95) -> Summary:
    """The summary of f[seeds]; a seed that failed counts as worst, and if that reaches a number, it is NaN.

    The interval is the percentile bootstrap of the median: of all resamples where there are few, else of 2,000 drawn
    with a fixed seed. Three seeds make it their range.
    """
    losses = np.sort(as_loss(np.asarray(values, float), mode))
    n = len(losses)
    if n**n <= RESAMPLES * 2:
        picks = np.array(list(itertools.product(range(n), repeat=n)))
    else:
        picks = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
    medians = np.median(losses[picks], axis=1)
    outside = (1 - confidence) / 2
    # Nearest ranks, because infinities cannot be interpolated.
    ends = np.quantile(medians, [outside, 1 - outside], method="nearest")
    quartiles = np.quantile(losses, [0.25, 0.75], method="nearest" if np.isinf(losses).any() else "linear")
    found = np.array([np.median(losses), *quartiles, *ends])
    found = np.where(np.isfinite(found), found, np.nan) * (1 if mode == "min" else -1)
    median, q1, q3, low, high = found.tolist()
    return Summary(median, q1, q3, low, high) if mode == "min" else Summary(median, q3, q1, high, low)


def first_reached(curve: np.ndarray, points: np.ndarray, target: float, mode: str) -> np.ndarray:
    """The steps after which f[..., points] first reached a target, f[...]; NaN where it never did."""
    with np.errstate(invalid="ignore"):
        reached = curve <= target if mode == "min" else curve >= target
    return np.where(reached.any(axis=-1), points[reached.argmax(axis=-1)], np.nan)
