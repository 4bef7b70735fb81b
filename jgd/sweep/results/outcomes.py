"""The outcomes of a sweep's trials: their curves and values, the best of them, and statistics."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, overload

import numpy as np

from jgd.core.arguments import COUNT, admits
from jgd.core.errors import InputError, unknown
from jgd.core.outline import shown
from jgd.core.shapes import Float, Int
from jgd.core.types import Transform
from jgd.sweep.lanes.curves import AT_TARGET, PRUNED
from jgd.sweep.lanes.layout import GroupReport
from jgd.sweep.lanes.settings import Settings, as_loss
from jgd.sweep.pruners.lineage import Lineage
from jgd.sweep.results.export import joined
from jgd.sweep.results.importance import Importance, importance_of
from jgd.sweep.results.statistics import (
    BestOfK,
    Paired,
    Summary,
    best_of,
    compare_pairs,
    first_reached,
    rank,
    summarize,
)
from jgd.sweep.results.summaries import summaries
from jgd.sweep.spaces.space import Trial


class Standing(NamedTuple):
    """A space in the ranking: its best trial, and what can be said of all its trials."""

    space: str
    trial: Trial
    summary: Summary  # of the best trial's values over seeds
    steps_to_target: float  # the best trial's median over seeds; NaN where it was not reached or there is no target
    diverged: float  # the share of the space's lanes


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Outcomes:
    """Hold the data of a finished or interrupted sweep of T trials under S seeds, with curves of P points.

    A lane, a pair of trial and seed, is "complete" (also where `at_target` ended it), "diverged" (its parameters or all
    of a segment's losses are not finite), "pruned" (ended by a rule) or "pending" (interrupted before its end). Only
    complete lanes have a value; in a ranking others are worst.

    In a population (`run(evolve=)`) the trials have the numbers that they ended with. A trial's curve is its own up to
    where it went on from another, and from then on that of what it went on with; `lineage` tells which, and a trial
    that came back to life there has gaps before.
    """

    trials: list[Trial]
    settings: Settings
    curves: dict[str, Float[np.ndarray, "T S P"]]  # NaN from the point on at which a lane diverged
    reached: Int[np.ndarray, "T S"]  # the points that a lane has
    diverged_at: Int[np.ndarray, "T S"]  # steps taken before its first loss that is not finite; -1 where all are
    ended: Int[np.ndarray, "T S"]  # what rules have said of a lane, see `jgd.sweep.lanes.curves`
    groups: list[GroupReport]
    compilations: int  # of whole programs, those for first states and, on an accelerator, for batches among them
    compile_seconds: float  # in which nothing ran because programs were traced and compiled
    run_seconds: float
    interrupted: bool
    lineage: Lineage | None = None  # of a population: who went on from whom, and with which numbers
    out_of_time: bool = False  # whether `max_seconds` has interrupted it
    learns: bool = False  # whether the sampler looked where others had been good
    asked: Mapping[str, str] | None = None  # of a folder's sweep: what it was asked to do, as texts to compare_pairs

    @property
    def steps(self) -> Int[np.ndarray, " P"]:
        """The steps after which the curves have their points."""
        return self.settings.points

    @property
    def status(self) -> np.ndarray:
        """The status of each lane, str[T, S]."""
        complete = (self.reached == len(self.steps)) | (self.ended == AT_TARGET)
        conditions = [self.diverged_at >= 0, self.ended == PRUNED, complete]
        return np.select(conditions, ["diverged", "pruned", "complete"], "pending")

    @property
    def values(self) -> Float[np.ndarray, "T S"]:
        """The metric at the end of each lane; NaN where it is not complete."""
        return np.where(self.status == "complete", self.last(self.settings.metric), np.nan)

    @property
    def medians(self) -> Float[np.ndarray, " T"]:
        """The median of each trial over seeds, by which trials are ranked; NaN where too many seeds have failed."""
        losses = np.median(as_loss(self.values, self.settings.mode), axis=1)
        return np.where(np.isfinite(losses), losses if self.settings.mode == "min" else -losses, np.nan)

    @property
    def latest(self) -> tuple[Float[np.ndarray, " T"], Int[np.ndarray, " T"]]:
        """The median of each trial over seeds at the last point that each lane has, ended or not, and the steps there.

        NaN and 0 where too many seeds have diverged or have no point.
        """
        values = self.last(self.settings.metric)
        losses = np.median(as_loss(values, self.settings.mode), axis=1)
        there = np.isfinite(losses)
        points = np.where(np.isfinite(values), self.reached, len(self.steps)).min(axis=1)
        medians = np.where(there, losses if self.settings.mode == "min" else -losses, np.nan)
        return medians, np.where(there, self.steps[points - 1], 0)

    def last(self, metric: str) -> Float[np.ndarray, "T S"]:
        """Return a metric at the last point that each lane has; NaN where it diverged or has none."""
        at = np.maximum(self.reached - 1, 0)[..., None]
        return np.where(self.diverged_at >= 0, np.nan, np.take_along_axis(self.curves[metric], at, axis=-1)[..., 0])

    @property
    def spaces(self) -> list[str]:
        """The names of the spaces."""
        return list(dict.fromkeys(trial.space for trial in self.trials))

    @property
    def programs(self) -> int:
        """How many programs the trials needed: one for each structure."""
        return len(self.groups)

    @property
    def lane_steps(self) -> int:
        """Steps taken, of all lanes together."""
        return sum(report.lane_steps for report in self.groups)

    def counts(self, space: str | None = None, trial: int | None = None) -> str:
        """Tell how many lanes, of a space or a trial, have come to which end, as in `15 complete, 1 diverged`."""
        members = [one.number for one in self.trials if space in (None, one.space)] if trial is None else [trial]
        names, numbers = np.unique(self.status[members], return_counts=True)
        return ", ".join(f"{number:,} {name}" for name, number in zip(names, numbers, strict=True))

    def ranking(self, space: str | None = None) -> list[Trial]:
        """Rank trials from best to worst by the median of values over seeds; a seed that failed counts as worst.

        Trials without one, which a rule or an interruption ended, follow by how far they came, then by `latest`.
        """
        if space is not None and space not in self.spaces:
            raise unknown("Result.ranking(space=)", space, self.spaces)
        (latest, steps), mode = self.latest, self.settings.mode
        ranked = [self.trials[i] for i in rank(self.values, mode, -steps, as_loss(latest, mode))]
        return [trial for trial in ranked if space in (None, trial.space)]

    def best(self, space: str | None = None) -> Trial:
        """Return the best trial, of all or of a space."""
        best = self.ranking(space)[0]
        if not np.isfinite(self.medians[best.number]):
            where = f" of {space}" if space else ""
            raise InputError(
                f"Result.best: no trial{where} has a finite median of {self.settings.metric} "
                f"({self.counts(space)}); lower the learning rates, or let it run to its end."
            )
        return best

    @property
    def best_trial(self) -> Trial:
        """The best trial of all."""
        return self.best()

    @property
    def best_params(self) -> dict[str, Any]:
        """The sampled values of the best trial."""
        return self.best().params

    @property
    def best_value(self) -> float:
        """The best trial's median over seeds."""
        return self.summary(self.best()).median

    def best_optimizer(self, space: str | None = None) -> Transform:
        """Return the best trial's optimizer, ready to use."""
        best = self.best(space)
        if best.optimizer is None:
            raise InputError(
                "Result.best_optimizer: a sweep's folder has only the values of its trials; load it with the task and "
                "the spaces that it was made with, load(dir, task, spaces)."
            )
        return best.optimizer

    def best_schedule(self, space: str | None = None) -> Transform:
        """Return a population's best trial, ready to use: its optimizer with the schedule that its lineage followed."""
        if self.lineage is None:
            raise InputError("Result.best_schedule: only run(evolve=) finds schedules; use best_optimizer.")
        return self.lineage.optimizer(self.best(space).number)

    @overload
    def summary(self, trial: Trial | int | None = None, *, by: None = None) -> Summary: ...

    @overload
    def summary(self, trial: None = None, *, by: str) -> dict[str, Summary]: ...

    def summary(self, trial: Trial | int | None = None, *, by: str | None = None) -> Summary | dict[str, Summary]:
        """Return median, quartiles and interval of values over seeds, a `Summary`: of a trial, the best unless given.

        With `by`, of groups of trials: "trial", "space", or a hyperparameter, by its values or by quarters of them if
        they are many. Each seed then counts with the median of the group's trials, and those without the
        hyperparameter are left out.
        """
        if by is not None:
            return summaries(self.trials, self.values, self.settings.mode, by)
        return summarize(self.values[self._number(self.best() if trial is None else trial)], self.settings.mode)

    def paired(self, a: Trial | int | str, b: Trial | int | str) -> Paired:
        """Compare trial `a` with trial `b`, seed by seed; a space's name means its best trial.

        The best trials were chosen by the same values, so of two that are as good, the one of the larger space seems
        better; run them under new seeds to be sure.
        """
        return compare_pairs(self.values[self._number(a)], self.values[self._number(b)], self.settings.mode)

    def best_of_k(self, space: str | None = None) -> BestOfK:
        """Give the best of 1, 2, ... random trials, by medians over seeds, which tells whether enough were sampled.

        It holds for the samplers "random", "sobol" and "halton"; those that learn have no random trials.
        """
        members = [trial.number for trial in self.ranking(space)]
        return best_of(self.medians[members], self.settings.mode)

    def importance(self, space: str | None = None) -> Importance:
        """Tell how much of the trials' ranking each hyperparameter decides, alone and together.

        It speaks of the whole space, of which most is bad, not of what matters near the best. The points should cover
        the space: of a sampler that learns, it tells less of where that did not look.
        """
        if space is None and len(self.spaces) > 1:
            raise InputError(
                f"Result.importance: name a space, one of {', '.join(self.spaces)}; each has its own axes."
            )
        members = sorted(self.ranking(space), key=lambda trial: trial.number)
        numbers = [trial.number for trial in members]
        return importance_of(members, self.values[numbers], self.settings.mode)

    def steps_to_target(self, *, to_stay: bool = False) -> Float[np.ndarray, "T S"]:
        """Return the steps after which each lane first reached the target; NaN where it never did.

        With `to_stay`, from which on it was there at every point, as one that ended early is not known to have been.
        """
        if self.settings.target is None:
            return np.full(self.reached.shape, np.nan)
        curve = self.curves[self.settings.metric]
        return first_reached(curve, self.steps, self.settings.target, self.settings.mode, to_stay=to_stay)

    def standings(self) -> list[Standing]:
        """Return the spaces from best to worst."""
        firsts: dict[str, Trial] = {}
        for trial in self.ranking():
            firsts.setdefault(trial.space, trial)
        return [self._standing(trial) for trial in firsts.values()]

    def at_boundary(self) -> dict[str, dict[str, str]]:
        """Find the spaces whose best trial touches an end of a range, with names and ends: better may lie beyond."""
        found = {row.space: row.trial.at_edge for row in self.standings() if np.isfinite(row.summary.median)}
        return {space: edges for space, edges in found.items() if edges}

    def trials_rows(self) -> list[dict[str, Any]]:
        """Return the rows of `trials_dataframe`."""
        status, reached = self.status, self.steps_to_target()
        final = {name: self.last(name) for name in self.curves}
        rows = []
        for trial in self.trials:
            for i, seed in enumerate(self.settings.seeds):
                at = trial.number, i
                head = {"trial": trial.number, "space": trial.space, "seed": seed}
                died = int(self.diverged_at[at])
                tail = {
                    "status": str(status[at]),
                    "diverged_at": died if died >= 0 else None,
                    "steps_to_target": float(reached[at]),
                }
                last = {name: float(values[at]) for name, values in final.items()}
                rows.append(joined(head, trial.params, tail, last))
        return rows

    def _standing(self, best: Trial) -> Standing:
        members = [trial.number for trial in self.trials if trial.space == best.space]
        # A lane that has not reached the target counts as later than any that has.
        reached = np.median(np.nan_to_num(self.steps_to_target()[best.number], nan=np.inf))
        diverged = float(np.mean(self.status[members] == "diverged"))
        return Standing(best.space, best, self.summary(best), reached if np.isfinite(reached) else np.nan, diverged)

    def _number(self, which: Trial | int | str) -> int:
        """Return the number of a trial, or of a space's best."""
        if not isinstance(which, (Trial, str)) and not admits(COUNT, which):
            raise InputError(
                f"Result: {shown(which)} is no trial; pass a trial, its number, or the name of a space for its best."
            )
        number = (
            which.number if isinstance(which, Trial) else self.best(which).number if isinstance(which, str) else which
        )
        if not 0 <= number < len(self.trials):
            raise InputError(f"Result: there is no trial {number}; the sweep has trials 0 to {len(self.trials) - 1}.")
        return number
