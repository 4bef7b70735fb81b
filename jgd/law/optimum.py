"""The best numbers of one study and the loss at them, between the trials that were run, for any sample of its seeds."""

from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.core.shapes import Float
from jgd.sweep.results.outcomes import Outcomes

BEND = 0.3  # of how far a trial lies above the best: what a cubic may miss there, in logs of the loss
LEAST = 1e-3  # the least that it may miss


class Trials(NamedTuple):
    """Hold the trials of a study: their swept numbers and their losses."""

    names: tuple[str, ...]
    logs: np.ndarray  # f[trials, names], the logarithms of the numbers
    losses: np.ndarray  # f[trials, seeds], NaN where a lane has no value


def swept_trials(outcomes: Outcomes, place: str) -> Trials:
    """Return the trials of a sweep of one space over positive numbers, of a metric that is minimised."""
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
    if not (np.isfinite(values) & (values > 0)).all(axis=1).any():
        found = f"no trial has a positive finite {outcomes.settings.metric} under each seed"
        raise InputError(f"{place}: {found}; lower the rates.")
    return Trials(names, np.log([[float(row[name]) for name in names] for row in rows]), values)


def optima(
    trials: Trials, resamples: int, seed: int
) -> tuple[Float[np.ndarray, " 1+{resamples} names"], Float[np.ndarray, " 1+{resamples}"]]:
    """Return logs of the best numbers and of the losses there, by means over samples of the seeds.

    The first is by all seeds, the others by as many, drawn with replacement. For one number it is the minimum of a
    cubic of the log of the loss in the log of the number, which follows a bowl with one side steeper than the other.
    A trial's weight is the inverse of a variance: that of its seeds, and the square of `BEND` times how far it lies
    above the best, which a cubic may miss. So trials of equal losses are averaged, the bowl's bottom decides, and those
    that diverged count nothing. For several numbers it is the mean of the best eighth of the trials, at least three,
    weighted towards the best.
    """
    count = trials.losses.shape[1]
    drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
    chosen = trials.losses[:, np.concatenate([np.arange(count)[None], drawn])]
    whole = np.asarray(np.all(np.isfinite(trials.losses) & (trials.losses > 0), axis=1))
    losses = np.log(np.where(whole[:, None], chosen.mean(axis=-1), np.inf)).T
    if trials.logs.shape[1] > 1:
        found = [_mean_of_best(trials.logs, row) for row in losses]
        return np.array([numbers for numbers, _ in found]), np.array([least for _, least in found])
    variances = np.var(trials.losses[whole], axis=1) / np.mean(trials.losses[whole], axis=1) ** 2
    return _minimum(trials.logs[whole, 0], losses[:, whole], variances / max(count - 1, 1))


def _minimum(
    x: Float[np.ndarray, " trials"],
    losses: Float[np.ndarray, "samples trials"],
    variances: Float[np.ndarray, " trials"],
) -> tuple[Float[np.ndarray, "samples 1"], Float[np.ndarray, " samples"]]:
    """Return the minimum of each sample's cubic about its best trial, and the loss there.

    Where it has none, that trial is it.
    """
    rows, best = np.arange(len(losses)), np.argmin(losses, axis=1)
    above = losses - losses[rows, best][:, None]
    weights = 1 / (variances + LEAST**2 + (BEND * above) ** 2)
    width = max(float(np.ptp(x)), 1e-12)
    z = (x - x[best][:, None]) / width
    powers = z[..., None] ** np.arange(4)
    seen = np.swapaxes(powers, 1, 2) * weights[:, None]
    ridge = 1e-10 * weights.sum(axis=1)[:, None, None] * np.eye(4)  # for fewer than four trials
    height, slope, curve, skew = np.linalg.solve(seen @ powers + ridge, seen @ above[..., None])[..., 0].T
    with np.errstate(invalid="ignore", divide="ignore"):
        step = -slope / (curve + np.sqrt(curve**2 - 3 * skew * slope))
    inside = (z.min(axis=1) <= step) & (step <= z.max(axis=1))
    step = np.where(inside, step, 0.0)
    lower = np.where(inside, height + step * (slope + step * (curve + step * skew)), 0.0)
    return (x[best] + width * step)[:, None], losses[rows, best] + lower


def _mean_of_best(
    logs: Float[np.ndarray, "trials names"], losses: Float[np.ndarray, " trials"]
) -> tuple[Float[np.ndarray, " names"], float]:
    order = np.argsort(losses)[: max(3, len(losses) // 8)]
    order = order[np.isfinite(losses[order])]
    least = losses[order[0]]
    weights = np.exp(-3 * (losses[order] - least) / max(losses[order[-1]] - least, 1e-12))
    return weights @ logs[order] / weights.sum(), float(least)


def _positive(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool) and float(x) > 0
