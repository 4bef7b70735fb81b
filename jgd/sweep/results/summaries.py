"""Questions to all trials of a sweep at once: summaries of groups, comparisons, the best of k, importance."""

from typing import Any

import numpy as np

from jgd.core.errors import unknown
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.results.statistics import Summary, summarize
from jgd.sweep.spaces.distributions import Parts
from jgd.sweep.spaces.space import Trial, short

BINS = 4  # of a hyperparameter that takes many values


def summaries(trials: list[Trial], values: np.ndarray, mode: str, by: str) -> dict[str, Summary]:
    """Return what `Result.summary` does."""
    keys, losses = _keys(trials, by), as_loss(values, mode)
    found = {}
    for _, name in sorted(set(keys.values())):
        members = [number for number, key in keys.items() if key[1] == name]
        medians = np.median(losses[members], axis=0)
        found[name] = summarize(medians if mode == "min" else -medians, mode)
    return found


def _keys(trials: list[Trial], by: str) -> dict[int, tuple[Any, str]]:
    """Return of each trial that has one, by its number: what groups sort by, and the group's name."""
    if by == "trial":
        return {trial.number: (trial.number, str(trial.number)) for trial in trials}
    if by == "space":
        order = list(dict.fromkeys(trial.space for trial in trials))
        return {trial.number: (order.index(trial.space), trial.space) for trial in trials}
    axes = {axis.name: axis.distribution for trial in trials for axis in trial.axes}
    if by not in axes:
        raise unknown("Result.summary(by=)", by, ["space", "trial", *axes])
    params = {trial.number: trial.params[by] for trial in trials if by in trial.params}
    distinct = list(dict.fromkeys(params.values()))
    if isinstance(axes[by], Parts):
        options = axes[by].values  # type: ignore[attr-defined]
        return {number: (options.index(value), short(value)) for number, value in params.items()}
    if len(distinct) <= 2 * BINS:
        return {number: (value, short(value)) for number, value in params.items()}
    values = np.array(list(params.values()), float)
    cuts = np.quantile(values, np.linspace(0, 1, BINS + 1))
    bins = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, BINS - 1)
    return {
        number: (int(i), f"{short(float(cuts[i]))} .. {short(float(cuts[i + 1]))}")
        for number, i in zip(params, bins, strict=True)
    }
