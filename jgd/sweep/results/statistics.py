"""Numbers about numbers: what is better, medians with intervals over seeds, and when a target was reached."""

import math
from typing import Any, NamedTuple

import numpy as np

from jgd.core.median import level_text, median_interval, median_ranks
from jgd.core.shapes import Float, Int
from jgd.pages.sheet import Sheet
from jgd.sweep.lanes.settings import as_loss

TAIL = 40.0


class Summary(NamedTuple):
    """Hold the median of a few values, their quartiles, and an interval for the median of all that there could be.

    The interval lies between two of the values, and holds that median with the probability `level`, whatever the
    distribution: at least 95% from six values on; below, it is the range of the values, whose level is 50, 75, 87.5 and
    93.75% for two to five. One value has none: its ends are NaN and its level is 0.
    """

    median: float
    lower_quartile: float
    upper_quartile: float
    low: float  # the interval's ends; NaN where one failed
    high: float
    level: float

    def __repr__(self) -> str:
        return _line(self, _texts(self))

    def _repr_html_(self) -> str:
        return _table(_texts(self))


class Paired(NamedTuple):
    """A comparison of two trials, or of any two things, seed by seed."""

    difference: Summary  # of the first's values minus the second's
    better: float  # the share of seeds in which the first is better; a tie is half a seed

    def __repr__(self) -> str:
        return _line(self, self._texts())

    def _repr_html_(self) -> str:
        return _table(self._texts())

    def _texts(self) -> dict[str, str]:
        of_difference = {f"{name} of the difference": text for name, text in _texts(self.difference).items()}
        return {"better in": f"{self.better:.0%} of seeds"} | of_difference


class BestOfK(NamedTuple):
    """Values of the best of k random trials; row i is of k = i + 1."""

    expected: np.ndarray  # f64[trials]; NaN, and `-` in the table, where none of the k may have a value
    lower_quartile: np.ndarray  # of the best, by value; NaN where that trial diverged or was pruned
    median: np.ndarray
    upper_quartile: np.ndarray

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        """Return the rows of 1, 2, 4, ... trials, and of all."""
        n = len(self.median)
        rows = [
            [str(k), *(f"{column[k - 1]:.4g}" if np.isfinite(column[k - 1]) else "-" for column in self)]
            for k in sorted({n, *(2**i for i in range(n.bit_length()))})
        ]
        header = ["trials", *(name.replace("_", " ") for name in self._fields)]
        return Sheet(["The best of so many random trials"], header, rows if n else (), left=0)


def rank(
    values: Float[np.ndarray, "trials seeds"],
    mode: str,
    *ties: Float[np.ndarray, " trials"] | Int[np.ndarray, " trials"],
) -> Int[np.ndarray, " trials"]:
    """Rank trials from best to worst, by the median over seeds; ties by the mean, by `ties`, least first, by number."""
    losses = as_loss(values, mode)
    return np.lexsort((np.arange(len(losses)), *ties[::-1], losses.mean(axis=1), np.median(losses, axis=1)))


def summarize(values: np.ndarray, mode: str, confidence: float = 0.95) -> Summary:
    """Return the summary of f[seeds]; a seed that failed counts as worst, and if that reaches a number, it is NaN.

    The interval is that of the sign test, by `jgd.core.median.median_ranks`. A percentile bootstrap, often seen in its
    place, holds the median of normal values in 76, 93 and 93% of cases for 3, 5 and 10 seeds where it says 95%.
    """
    return _summary(as_loss(np.asarray(values, float), mode), mode, confidence)


def compare_pairs(a: np.ndarray, b: np.ndarray, mode: str, confidence: float = 0.95) -> Paired:
    """Compare f[seeds] with f[seeds], each seed against itself; where both failed they tie."""
    ours, theirs = as_loss(np.asarray(a, float), mode), as_loss(np.asarray(b, float), mode)
    with np.errstate(invalid="ignore"):
        losses = np.where(ours == theirs, 0.0, ours - theirs)
    return Paired(_summary(losses, mode, confidence), float(np.mean((losses < 0) + 0.5 * (losses == 0))))


def is_clearly_better(a: np.ndarray, b: np.ndarray, mode: str, confidence: float = 0.95) -> bool:
    """Tell whether f[seeds] are better than f[seeds] in so many seeds that `compare`'s interval leaves out a tie."""
    ours, theirs = as_loss(np.asarray(a, float), mode), as_loss(np.asarray(b, float), mode)
    k, level = median_ranks(len(ours), confidence)
    return level > 0 and int(np.sum(ours < theirs)) >= len(ours) + 1 - k


def best_of(values: np.ndarray, mode: str) -> BestOfK:
    """Give the best of k out of f[trials], over all ways to draw them without replacement (Dodge et al. 2019, Sec. 3).

    They estimate what k trials of random search bring, up to as many as there are; with few trials left over, too
    smoothly.
    """
    losses = np.sort(as_loss(np.asarray(values, float), mode))
    n, first, parts = len(losses), 1, []
    while first <= n:
        following = min(2 * first, n + 1)
        # The best of k is beyond these places with a chance below exp(-TAIL), so that 100,000 trials take a second.
        places = min(n, math.ceil(TAIL * n / first))
        parts.append(_best_of(losses, np.arange(first, following)[:, None], places))
        first = following
    found = np.concatenate(parts, axis=1)
    found = np.where(np.isfinite(found), found, np.nan) * (1 if mode == "min" else -1)
    return BestOfK(*(found if mode == "min" else found[[0, 3, 2, 1]]))


def half_as_many(rows: BestOfK) -> float | None:
    """Return what half as many trials reach three times in four; None where they are fewer than two or may all fail.

    Their median would tell nothing: half of the trials hold the best of all every other time.
    """
    k = len(rows.median) // 2
    if k < 2 or not np.isfinite(rows.lower_quartile[k - 1]) or not np.isfinite(rows.upper_quartile[k - 1]):
        return None
    # The one that is further from the best of all is the worse one.
    ends = np.array([rows.lower_quartile[k - 1], rows.upper_quartile[k - 1]])
    return float(ends[np.argmax(np.abs(ends - rows.median[-1]))])


def first_reached(
    curve: Float[np.ndarray, "*lanes points"],
    points: Int[np.ndarray, " points"],
    target: float,
    mode: str,
    *,
    to_stay: bool = False,
) -> Float[np.ndarray, "*lanes"]:
    """Return the steps after which curves first reached a target, or reached it `to_stay`; else NaN."""
    with np.errstate(invalid="ignore"):
        there = curve <= target if mode == "min" else curve >= target
    if to_stay:
        there = np.logical_and.accumulate(there[..., ::-1], axis=-1)[..., ::-1]
    return np.where(there.any(axis=-1), points[there.argmax(axis=-1)], np.nan)


def _best_of(
    losses: Float[np.ndarray, " trials"], k: Int[np.ndarray, "counts 1"], places: int
) -> Float[np.ndarray, "4 counts"]:
    """Return expected value and quartiles of the best of each k of sorted losses; it is among the first places."""
    n, place = len(losses), np.arange(places)[None]
    # The chance that none of the k is among the best i + 1 is C(n - i - 1, k) / C(n, k).
    later = np.maximum(n - place - 1, 0)
    none = np.where(later >= k, np.exp(_log_choose(later, k) - _log_choose(n, k)), 0.0)
    chance = np.diff(1 - none, prepend=0.0, axis=1)
    with np.errstate(invalid="ignore"):
        expected = np.where(chance > 1e-12, chance * losses[:places], 0.0).sum(axis=1)
        rows = [losses[np.argmax(1 - none >= share - 1e-12, axis=1)] for share in (0.25, 0.5, 0.75)]
    return np.array([expected, *rows])


def _summary(losses: np.ndarray, mode: str, confidence: float) -> Summary:
    *ends, level = median_interval(losses, confidence)
    with np.errstate(invalid="ignore"):  # the middle between two infinities
        # Nearest ranks, because infinities cannot be interpolated.
        quartiles = np.quantile(losses, [0.25, 0.75], method="nearest" if np.isinf(losses).any() else "linear")
        found = np.array([np.median(losses), *quartiles, *ends])
    found = np.where(np.isfinite(found), found, np.nan) * (1 if mode == "min" else -1)
    median, q1, q3, low, high = found.tolist()
    return Summary(median, q1, q3, low, high, level) if mode == "min" else Summary(median, q3, q1, high, low, level)


def _log_choose(n: Any, k: Any) -> np.ndarray:
    """Return the logarithm of a binomial coefficient; of one that is zero it is not used."""
    from scipy.special import gammaln  # imported by the few that ask for it

    return gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)


def _texts(summary: Summary) -> dict[str, str]:
    """Write a summary's numbers by their names; one that a failed seed has reached is `failed`."""
    low, q1, median, q3, high = (
        f"{x:.4g}" if math.isfinite(x) else "failed"
        for x in (summary.low, summary.lower_quartile, summary.median, summary.upper_quartile, summary.high)
    )
    interval = {f"{level_text(summary.level)} interval": f"{low} .. {high}"} if summary.level else {}
    return {"median": median, "quartiles": f"{q1} .. {q3}"} | interval


def _line(value: Any, texts: dict[str, str]) -> str:
    """Write a value as in `Summary(median 0.1, quartiles 0.09 .. 0.2)`, which lists and dicts of them can show."""
    return f"{type(value).__name__}({', '.join(f'{name} {text}' for name, text in texts.items())})"


def _table(texts: dict[str, str]) -> str:
    return Sheet((), list(texts), [list(texts.values())], left=0).html()
