"""The best numbers of one study and the loss at them, between the trials that were run, for any sample of its seeds."""

from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.core.shapes import Float
from jgd.pages.text import count
from jgd.sweep.results.outcomes import Outcomes

BEND = 0.3  # of how far a trial lies above the best: what a polynomial may miss there, in logs of the loss
LEAST = 1e-3  # the least that it may miss
GAP, RISE = 0.15, 0.3  # what it may miss: shares of the distance to the trials beside the best, of how they rise
REACH = 0.2  # likewise, of the distance from the best of all that count
NEWTON, STRIDE = 12, 0.2  # steps, and the longest of each, as a share of what was tried
FEWEST = 3  # trials that show a minimum


class Trials(NamedTuple):
    """Hold the trials of a study: their swept numbers and their losses."""

    names: tuple[str, ...]
    logs: np.ndarray  # f[trials, names], the logarithms of the numbers
    losses: np.ndarray  # f[trials, seeds], NaN where a lane has no value


class Optimum(NamedTuple):
    """Hold where a study's loss is least."""

    numbers: np.ndarray  # f[names], logs of the best numbers
    loss: float  # the log of the least loss
    errors: np.ndarray  # f[names + 1], standard errors of these, the loss's last
    misses: np.ndarray  # f[names + 1], likewise, by which a polynomial misses the bowls of all studies alike


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
    whole = int((np.isfinite(values) & (values > 0)).all(axis=1).sum())
    if whole < FEWEST:
        found = (
            f"{whole} of {count(len(rows), 'trial')} have a positive finite {outcomes.settings.metric} under each seed"
        )
        raise InputError(f"{place}: {found}, expected at least {FEWEST}; lower the rates, or run more trials.")
    return Trials(names, np.log([[float(row[name]) for name in names] for row in rows]), values)


def check_inside(trials: Trials, place: str) -> None:
    """Refuse a sweep of one number that is best at the end of what was tried: its minimum lies beyond."""
    if len(trials.names) > 1:
        return
    x, best = trials.logs[:, 0], int(np.argmin(_means(trials)))
    if x.min() < x[best] < x.max():
        return
    end, beyond = ("largest", "larger") if x[best] == x.max() else ("smallest", "smaller")
    found = f"its best {''.join(trials.names)}, {np.exp(x[best]):.3g}, is the {end} that was tried"
    raise InputError(f"{place}: {found}; sweep {beyond} ones there too, or leave that study out.")


def optimum(trials: Trials, resamples: int, seed: int) -> Optimum:
    """Return the best numbers of a study and the loss there, by means over seeds, and how uncertain both are.

    They are the minimum of a polynomial of the log of the loss in the logs of the numbers: a quadratic and the cube of
    each, which follow a bowl with one side steeper than the other. A trial's weight is the inverse of a
    variance: that of its seeds, and the square of `BEND` times how far it lies above the best, which a polynomial may
    miss. So trials of equal losses are averaged, the bowl's bottom decides, and those that diverged count nothing.

    Errors come from samples of the seeds, with replacement, in which each trial counts a random number of times (Rubin
    1981, The Bayesian bootstrap), so that they tell how much hangs on which numbers were tried; misses from `GAP`,
    `REACH` and `RISE`, for what all samples draw alike may still miss the bowl.
    """
    count = trials.losses.shape[1]
    draw = np.random.default_rng(seed)
    picks = np.concatenate([np.arange(count)[None], draw.integers(count, size=(resamples, count))])
    means = _means(trials)
    whole = np.isfinite(means)
    x, seen = trials.logs[whole], trials.losses[whole]
    losses = np.log(seen[:, picks].mean(axis=-1)).T
    losses = losses[0] + (losses - losses[0]) * np.sqrt(count / max(count - 1, 1))  # samples vary less than seeds do
    apart = np.log(seen) - np.log(seen).mean(axis=1, keepdims=True)
    shared = np.median(apart[losses[0] <= np.median(losses[0])], axis=0)  # a seed's luck, which moves no minimum
    variances = np.mean((apart - shared) ** 2, axis=1) / max(count - 1, 1)
    shares = np.concatenate([np.ones((1, len(x))), draw.exponential(size=(resamples, len(x)))])
    numbers, least = _minimum(x, losses, variances, shares)
    errors = np.append(numbers[1:].std(axis=0), least[1:].std())
    return Optimum(numbers[0], least[0], errors, _missed(x, losses[0], variances))


def _means(trials: Trials) -> Float[np.ndarray, " trials"]:
    """Return the mean loss of each trial over seeds, infinite where one has none or none that has a logarithm."""
    whole = np.all(np.isfinite(trials.losses) & (trials.losses > 0), axis=1)
    return np.where(whole, trials.losses.mean(axis=1), np.inf)


def _missed(
    x: Float[np.ndarray, "trials names"], losses: Float[np.ndarray, " trials"], variances: Float[np.ndarray, " trials"]
) -> Float[np.ndarray, " 1+names"]:
    """Return by how much the minimum may lie elsewhere, and lower or higher.

    The numbers between the best trials, two a number, or anywhere in what the polynomial is fitted to.
    """
    names = x.shape[1]
    best, *others = np.argsort(losses)[: 1 + 2 * names]
    apart = np.abs(x - x[best])
    reach = np.sqrt(np.average(apart**2, axis=0, weights=_weights(losses - losses[best], variances)))
    gaps = names * GAP * np.mean(apart[others], axis=0)
    return np.append(np.maximum(gaps, REACH * reach), RISE * (losses[others[0]] - losses[best]))


def _weights(
    above: Float[np.ndarray, "*samples trials"], variances: Float[np.ndarray, " trials"]
) -> Float[np.ndarray, "*samples trials"]:
    return 1 / (variances + LEAST**2 + (BEND * above) ** 2)


def _minimum(
    x: Float[np.ndarray, "trials names"],
    losses: Float[np.ndarray, "samples trials"],
    variances: Float[np.ndarray, " trials"],
    shares: Float[np.ndarray, "samples trials"],
) -> tuple[Float[np.ndarray, "samples names"], Float[np.ndarray, " samples"]]:
    """Return the minimum of each sample's polynomial about its best trial within what was tried, and the loss there.

    Where it has none, that trial is it.
    """
    rows, best = np.arange(len(losses)), np.argmin(losses, axis=1)
    above = losses - losses[rows, best][:, None]
    weights = shares * _weights(above, variances)
    width = np.maximum(np.ptp(x, axis=0), 1e-12)
    z = (x - x[best][:, None]) / width
    powers = _powers(z)
    seen = np.swapaxes(powers, 1, 2) * weights[..., None, :]
    ridge = 1e-10 * weights.sum(axis=1)[:, None, None] * np.eye(powers.shape[-1])  # for fewer trials than powers
    found = np.linalg.solve(seen @ powers + ridge, seen @ above[..., None])[..., 0]
    step = np.clip(_lowest(found, x.shape[1]), z.min(axis=1), z.max(axis=1))
    return x[best] + width * step, losses[rows, best] + np.sum(_powers(step) * found, axis=-1)


def _powers(z: Float[np.ndarray, "... names"]) -> Float[np.ndarray, "... terms"]:
    """Return the terms of a quadratic in the numbers, and the cube of each."""
    i, j = np.triu_indices(z.shape[-1])
    return np.concatenate([np.ones_like(z[..., :1]), z, z[..., i] * z[..., j], z**3], axis=-1)


def _lowest(found: Float[np.ndarray, "samples terms"], names: int) -> Float[np.ndarray, "samples names"]:
    """Return where Newton's method ends that goes down from 0; 0 where that is no minimum."""
    slopes, cubes, half = found[:, 1 : 1 + names], found[:, -names:], np.zeros((len(found), names, names))
    half[:, *np.triu_indices(names)] = found[:, 1 + names : -names]
    square, z = half + np.swapaxes(half, 1, 2), np.zeros_like(slopes)
    for _ in range(NEWTON):
        bends, axes = np.linalg.eigh(square + 6 * np.eye(names) * (cubes * z)[:, None])
        slope = slopes + np.einsum("sij,sj->si", square, z) + 3 * cubes * z**2
        down = np.einsum("sij,sj->si", axes, np.einsum("sij,si->sj", axes, slope) / np.maximum(np.abs(bends), LEAST))
        z = z - np.clip(down, -STRIDE, STRIDE)
    ended = np.all(bends > 0, axis=1) & np.all(np.abs(down) < STRIDE, axis=1)
    return np.where(ended[:, None], z, 0.0)


def _positive(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool) and float(x) > 0
