"""The best numbers of one study and the loss at them, between the trials that were run, for any sample of its seeds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.sweep.results.outcomes import Outcomes

NEAR = 5  # trials around the best through which a parabola is laid


class Trials(NamedTuple):
    """Hold the trials of a study: their swept numbers and their losses."""

    names: tuple[str, ...]
    logs: np.ndarray  # f[trials, names], the logarithms of the numbers
    losses: np.ndarray  # f[trials, seeds], NaN where a lane has no value


def swept_trials(outcomes: Outcomes, place: str) -> Trials:
    """The trials of a sweep of one space over positive numbers, of a metric that is minimised."""
    if outcomes.settings.mode != "min" or len(outcomes.spaces) != 1:
        found = f"mode {outcomes.settings.mode!r} and {len(outcomes.spaces)} spaces"
        raise InputError(f"{place}: it has {found}; pass a sweep of one space whose metric is minimised.")
    rows = [trial.params for trial in outcomes.trials]
    names = tuple(rows[0])
    if not names or any(not _positive(row.get(name)) for row in rows for name in names):
        raise InputError(
            f"{place}: its trials differ in {', '.join(names) or 'nothing'}, expected positive numbers, such as "
            "learning_rate=loguniform(1e-4, 1e-1); sweep those alone."
        )
    values = np.asarray(outcomes.values, float)
    if not np.any(np.isfinite(values) & (values > 0)):
        raise InputError(f"{place}: no trial has a positive finite {outcomes.settings.metric}; lower the rates.")
    return Trials(names, np.log([[float(row[name]) for name in names] for row in rows]), values)


def optimum(trials: Trials, seeds: np.ndarray) -> tuple[np.ndarray, float]:
    """The logarithms of the best numbers, and that of the loss there, by the means over these seeds.

    For one number it is the vertex of a parabola of the log of the loss through the five trials nearest to the best,
    and no further than they reach; for several the mean of the best eighth, at least three, weighted towards the best.
    """
    chosen = trials.losses[:, seeds]
    means = np.where(np.isfinite(chosen).all(axis=1), np.nan_to_num(chosen, nan=1.0).mean(axis=1), np.inf)
    losses = np.log(np.where(means > 0, means, np.inf))
    best = int(np.argmin(losses))
    if trials.logs.shape[1] == 1:
        return _vertex(trials.logs[:, 0], losses, best)
    order = np.argsort(losses)[: max(3, len(losses) // 8)]
    order = order[np.isfinite(losses[order])]
    spread = max(losses[order[-1]] - losses[best], 1e-12)
    weights = np.exp(-3 * (losses[order] - losses[best]) / spread)
    return weights @ trials.logs[order] / weights.sum(), float(losses[best])


def _vertex(x: np.ndarray, losses: np.ndarray, best: int) -> tuple[np.ndarray, float]:
    good = np.flatnonzero(np.isfinite(losses))
    near = good[np.argsort(np.abs(x[good] - x[best]), kind="stable")[:NEAR]]
    if len(near) >= 3 and x[near].min() < x[best] < x[near].max():
        curve, slope, height = np.polyfit(x[near] - x[best], losses[near], 2)
        if curve > 0:
            step = float(np.clip(-slope / (2 * curve), x[near].min() - x[best], x[near].max() - x[best]))
            fitted = height + slope * step + curve * step**2
            # The parabola averages the noise of its trials; the least of them is least by its noise, too.
            return np.array([x[best] + step]), float(np.clip(fitted, losses[best] - 0.1, losses[best] + 0.1))
    return np.array([x[best]]), float(losses[best])


def resampled(seeds: Sequence[int] | int, count: int, seed: int) -> np.ndarray:
    """Rows of seeds: first all of them once, then `count` samples with replacement, i[count + 1, seeds]."""
    known = np.arange(seeds) if isinstance(seeds, int) else np.asarray(seeds)
    drawn = np.random.default_rng(seed).integers(len(known), size=(count, len(known)))
    return np.concatenate([np.arange(len(known))[None], drawn])


def _positive(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool) and float(x) > 0
