"""Optuna, where it is installed: its samplers in sweeps, and sweeps as its studies."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from jgd.core.arguments import checked
from jgd.core.errors import InputError
from jgd.core.optional import require
from jgd.core.outline import shown
from jgd.sweep.samplers.points import Sampler
from jgd.sweep.spaces.distributions import Distribution, LogUniform, Normal, Parts, Uniform
from jgd.sweep.spaces.lattice import Integer, Quantized
from jgd.sweep.spaces.space import Axis, Trial, is_active, params_at

TAIL = 6.0  # standard deviations within which a normal axis draws: its unit interval ends at 1e-9


@checked()
def from_optuna(sampler: Any) -> Callable[[Sequence[Axis], int], Sampler]:
    """Use one of Optuna's samplers for `run(sampler=...)`, such as `from_optuna(optuna.samplers.CmaEsSampler(seed=0))`.

    It works in memory on a copy of the sampler, one for each space, and sees the axes that matter at a point: units
    from 0 to 1 of numbers, and choices as categories. A trial that a rule has ended is told as pruned, with what it had
    reached as its intermediate value; a failed one as pruned without, which its models count as worse. Its own seed is
    the one that counts.
    """
    optuna = require("optuna", "from_optuna(...)", "optuna")
    if not isinstance(sampler, optuna.samplers.BaseSampler):
        raise InputError(
            f"from_optuna(sampler={shown(sampler)}): sampler must be one of Optuna's samplers, such as "
            "optuna.samplers.TPESampler(seed=0)."
        )
    return _FromOptuna(sampler)


class _FromOptuna:
    """Make samplers of axes; its repr is what a sweep's folder compares."""

    rounds = 8

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler

    def __call__(self, axes: Sequence[Axis], seed: int) -> Sampler:
        return _AskTell(axes, copy.deepcopy(self._sampler))

    def __repr__(self) -> str:
        return f"from_optuna({type(self._sampler).__name__})"


class _AskTell:
    """A sampler of Optuna as one of ours."""

    def __init__(self, axes: Sequence[Axis], sampler: Any) -> None:
        self._optuna = require("optuna", "from_optuna(...)", "optuna")
        self._axes, self._trials = list(axes), []
        with _quiet(self._optuna):
            self._study = self._optuna.create_study(sampler=sampler)

    def ask(self, count: int) -> np.ndarray:
        """Return the next points."""
        return np.array([self._next() for _ in range(count)]).reshape(count, len(self._axes))

    def enqueue(self, points: Sequence[Sequence[float]]) -> None:
        """Propose these before any others."""
        for point in points:
            params: dict[str, Any] = {}
            for axis, unit, matters in zip(self._axes, point, is_active(self._axes, point), strict=True):
                size = axis.distribution.listed
                if matters:
                    params[axis.name] = unit if size is None else min(int(unit * size), size - 1)
            self._study.enqueue_trial(params)

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Hear the losses of points, by their numbers from zero over all asks."""
        states = self._optuna.trial.TrialState
        for i, value in zip(ids, values, strict=True):
            failed = not np.isfinite(value)
            self._study.tell(self._trials[i], None if failed else value, states.PRUNED if failed else states.COMPLETE)

    def tell_pruned(self, ids: Sequence[int], values: Sequence[float], steps: Sequence[int]) -> None:
        """Hear the losses that pruned points had reached, and after how many steps."""
        for i, value, step in zip(ids, values, steps, strict=True):
            self._trials[i].report(value, step)
            self._study.tell(self._trials[i], state=self._optuna.trial.TrialState.PRUNED)

    def _next(self) -> list[float]:
        trial = self._study.ask()
        self._trials.append(trial)
        point = [0.5] * len(self._axes)
        for i, axis in enumerate(self._axes):
            # A choice comes before what its options hold, so that its own coordinate is known by now.
            if not is_active(self._axes, point)[i]:
                continue
            size = axis.distribution.listed
            if size is None:
                point[i] = trial.suggest_float(axis.name, 0.0, 1.0)
            else:
                point[i] = (trial.suggest_categorical(axis.name, tuple(range(size))) + 0.5) / size
        return point


def to_optuna(result: Any, storage: Any = None, name: str | None = None) -> Any:
    """Return a result as a study; see `Result.to_optuna`."""
    optuna = require("optuna", "Result.to_optuna()", "optuna")
    mode, medians, trials = result.settings.mode, result.medians, []
    for trial in result.trials:
        median = float(medians[trial.number])
        state = _state(optuna, result.status[trial.number], median)
        matters = [axis for axis, keep in zip(trial.axes, is_active(trial.axes, trial.units), strict=True) if keep]
        trials.append(
            optuna.trial.create_trial(
                state=state,
                value=median if state.name == "COMPLETE" else None,
                params=params_at(trial.axes, trial.units),
                distributions={axis.name: _distribution(optuna, axis.distribution) for axis in matters},
                user_attrs={"space": trial.space, "trial": trial.number, **_per_seed(result, trial)},
                intermediate_values=_curve(result, trial),
            )
        )
    with _quiet(optuna):
        study = optuna.create_study(
            storage=storage, study_name=name, direction="minimize" if mode == "min" else "maximize"
        )
        study.set_user_attr("metric", result.settings.metric)
        study.add_trials(trials)
    return study


def _state(optuna: Any, status: np.ndarray, median: float) -> Any:
    """Return the state of a trial, of its lanes' statuses, none of which may be diverged or pending, and its value."""
    states = optuna.trial.TrialState
    if not np.isin(status, ("complete", "pruned")).all():
        return states.FAIL
    if (status == "pruned").any():
        return states.PRUNED
    return states.COMPLETE if np.isfinite(median) else states.FAIL


def _per_seed(result: Any, trial: Trial) -> dict[str, Any]:
    """Return the status of every lane, and the values of those that have one."""
    status, values = result.status[trial.number], result.values[trial.number]
    attributes: dict[str, Any] = {}
    for i, seed in enumerate(result.settings.seeds):
        attributes[f"status, seed {seed}"] = str(status[i])
        if np.isfinite(values[i]):
            attributes[f"{result.settings.metric}, seed {seed}"] = float(values[i])
    return attributes


def _curve(result: Any, trial: Trial) -> dict[int, float]:
    """Return the median over seeds, at the points that all of them have."""
    medians = np.median(result.curves[result.settings.metric][trial.number], axis=0)
    return {int(step): float(x) for step, x in zip(result.steps, medians, strict=True) if np.isfinite(x)}


def _distribution(optuna: Any, one: Distribution) -> Any:
    """Return the nearest of Optuna's distributions."""
    of = optuna.distributions
    if isinstance(one, Parts):
        return of.CategoricalDistribution(one.values)
    if one.listed is not None:
        return of.CategoricalDistribution(one.options)  # type: ignore[attr-defined]
    if isinstance(one, (Uniform, LogUniform)):
        return of.FloatDistribution(one.low, one.high, log=isinstance(one, LogUniform))
    if isinstance(one, Integer):
        return of.IntDistribution(one.low, one.high, log=one.log)
    if isinstance(one, Normal):
        return of.FloatDistribution(one.mean - TAIL * one.std, one.mean + TAIL * one.std)
    if isinstance(one, Quantized):
        return _quantized(of, one)
    raise InputError(f"Result.to_optuna(): Optuna has no distribution like {one!r}.")


def _quantized(of: Any, one: Quantized) -> Any:
    """Return steps from the first multiple to the last; Optuna has none on a logarithmic scale."""
    low, high = one.at(0.0), one.at(1.0)
    if isinstance(one.step, int):
        log = one.scale == "log"  # where Optuna has a step of one alone
        return of.IntDistribution(low, high, log=log, step=1 if log else one.step)
    return (
        of.FloatDistribution(low, high, log=True)
        if one.scale == "log"
        else of.FloatDistribution(low, high, step=one.step)
    )


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Leave out the log line of a new study."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
