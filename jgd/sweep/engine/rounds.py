"""A sweep round by round: the sampler proposes, the trials train, the sampler hears of them."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jgd.core.progress import Progress
from jgd.sweep.engine.loop import Outcome, execute
from jgd.sweep.engine.time_limit import TimeLimit
from jgd.sweep.engine.work_queue import key_of
from jgd.sweep.lanes.autotune import ProgramCost, measure, measured
from jgd.sweep.lanes.compiler import Preparation
from jgd.sweep.lanes.curves import PRUNED, Records
from jgd.sweep.lanes.devices import Devices
from jgd.sweep.lanes.group import Group, group
from jgd.sweep.lanes.layout import GroupReport, Layout, layout, spread
from jgd.sweep.lanes.settings import Settings, as_loss, lineage_of
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.spaces.space import Trial
from jgd.sweep.storage.store import Store

FALL = 2.0  # a value that falls by less than this after the first decision is no decay


@runtime_checkable
class Engine(Protocol):
    """Train trials, groups of one structure at a time."""

    devices: Devices
    lanes: int | None  # side by side, if the user has said so
    limit: TimeLimit

    def group(self, trials: Sequence[Trial], steady: bool) -> list[Group]:
        """Group trials by structure; see `jgd.sweep.lanes.group.group`."""
        ...

    def metrics(self, groups: Sequence[Group]) -> list[str]:
        """Return the names of their curves; what cannot be trained is an error."""
        ...

    def layout(self, one: Group, trials: int) -> Layout:
        """Tell how the lanes of a group run, as if it had so many trials."""
        ...

    def measure(self, groups: Sequence[Group], layouts: Sequence[Layout]) -> tuple[list[ProgramCost], float]:
        """Measure the cost of their programs, and the seconds that compiling took; nothing of it is kept."""
        ...

    def execute(
        self,
        trials: Sequence[Trial],
        groups: Sequence[Group],
        layouts: Sequence[Layout],
        metrics: Sequence[str],
        line: Progress,
        store: Any,
        before: Records | None,
    ) -> Outcome:
        """Train the groups, which are of the last of `trials`; `before` has the records of the others.

        `line` counts the steps of all `trials`.
        """
        ...


class TaskEngine:
    """Train trials of a task, segment by segment."""

    def __init__(
        self,
        settings: Settings,
        devices: Devices,
        lanes: int | None,
        workers: int,
        limit: TimeLimit,
        metrics: Callable[[Sequence[Group], Settings], list[str]],
    ) -> None:
        self._settings, self.lanes, self._workers, self._metrics = settings, lanes, workers, metrics
        self.limit = limit
        self._preparation, self.devices = Preparation(settings, devices), devices

    def group(self, trials: Sequence[Trial], steady: bool) -> list[Group]:
        """Group trials by structure. Those of a population may come to differ where they are alike now."""
        return group(trials, steady or self._settings.evolve is not None)

    def metrics(self, groups: Sequence[Group]) -> list[str]:
        """Return the names of their curves."""
        names = self._metrics(groups, self._settings)
        if self.devices.spread is not None:
            for one in groups:
                self.devices.spread.check(*one.trials[0].problem)
        return names

    def layout(self, one: Group, trials: int) -> Layout:
        """Tell how the lanes of a group run, as if it had so many trials."""
        total = trials * len(self._settings.seeds)
        alone = layout(one, len(self._settings.seeds), self.devices.list, self.lanes, trials)
        if self.lanes is None:
            alone = measured(self._preparation, one, alone, total)
        return spread(alone, total, len(self.devices.list), self._workers)

    def measure(self, groups: Sequence[Group], layouts: Sequence[Layout]) -> tuple[list[ProgramCost], float]:
        """Measure the cost of their programs: a segment of each is run."""
        return measure(self._preparation, groups, layouts)

    def execute(
        self,
        trials: Sequence[Trial],
        groups: Sequence[Group],
        layouts: Sequence[Layout],
        metrics: Sequence[str],
        line: Progress,
        store: Store | None = None,
        before: Records | None = None,
    ) -> Outcome:
        """Train the groups, from where the store has got to."""
        lineage = lineage_of(trials, self._settings)
        known = self._settings, self._preparation, metrics, line, store, before, lineage, self.limit
        return execute(trials, groups, layouts, *known)


def train_in_rounds(
    proposals: Proposals,
    parts: Sequence[Sequence[int]],
    settings: Settings,
    engine: Engine,
    progress: bool | None,
    store: Store | None = None,
) -> Outcomes:
    """Train rounds of so many trials of each space. A structure is compiled in the first round that has it.

    What a later call has asked for is another part of rounds: those of one part share their programs, and what an
    earlier one has trained is as if there were no later one.

    A structure keeps the chunks of its first round, which are as long as if all trials had chosen it, so that another
    mix of structures needs no other programs; on a CPU what fills a chunk up costs nothing.
    """
    sizes = [size for part in parts for size in part]
    wholes = [part for part in parts for _ in part]  # of each round, the rounds of its part
    trials = proposals.ask(sizes[0])
    warn_of_flips(trials, settings)
    asked, before, names = trials, None, dict.fromkeys(())
    reports: dict[Any, GroupReport] = {}
    layouts: dict[Any, Layout] = {}
    seconds = np.zeros(2)
    # The same chunks give the same bits, whatever memory is free now and whatever would be measured.
    stored = {} if store is None or engine.lanes else store.layouts(engine.devices.list)
    line = Progress("sweep", _expected(trials, sizes[1:], settings), show=progress)
    with ExitStack() as shown:
        for turn, part in enumerate(wholes, 1):
            following, many = sizes[turn:], len(part) > 1
            groups = engine.group(asked, many)
            names |= dict.fromkeys(engine.metrics(groups))
            keys = [(0 if many else i, one.structure, one.varying) for i, one in enumerate(groups)]
            for key, one in zip(keys, groups, strict=True):
                most = max(len(one.trials), part[0]) if many else len(one.trials)
                if key not in layouts:
                    layouts[key] = stored.get(key_of(one)) or engine.layout(one, most)
            if before is None:  # what cannot be trained is an error by now, which leaves no line
                shown.enter_context(line)
            outcome = engine.execute(trials, groups, [layouts[key] for key in keys], list(names), line, store, before)
            before, seconds = outcome.records, seconds + np.array([outcome.compile_seconds, outcome.run_seconds])
            for key, report in zip(keys, outcome.groups, strict=True):
                reports[key] = add_reports(reports[key], report) if key in reports else report
            result = _result(trials, settings, outcome, list(reports.values()), seconds)
            proposals.tell(asked, *_losses_and_ends(result, [trial.number for trial in asked]))
            if outcome.requested:
                break
            asked = proposals.ask(following[0]) if following else []
            trials = trials + asked
            line.expect(_expected(trials, following[1:] if asked else (), settings))
            if not asked:
                break
    cut = outcome.interrupted or (outcome.requested and bool(following))
    if store and not cut:
        store.end()
    return dataclasses.replace(result, interrupted=cut, out_of_time=cut and engine.limit.over)


def _expected(trials: Sequence[Trial], sizes: Sequence[int], settings: Settings) -> int:
    """Count the steps of these trials, and of rounds to come with so many of each space that has any to draw.

    A sampler that runs out of settings ends with fewer.
    """
    spaces = len({trial.space for trial in trials if trial.axes})
    return (len(trials) + spaces * sum(sizes)) * len(settings.seeds) * settings.steps


def add_reports(a: GroupReport, b: GroupReport) -> GroupReport:
    """Add the costs of two rounds of one group."""
    layout = a.layout._replace(chunks=a.layout.chunks + b.layout.chunks)
    spaces = tuple(dict.fromkeys(a.spaces + b.spaces))
    return GroupReport(spaces, a.trials + b.trials, layout, a.seconds + b.seconds, a.lane_steps + b.lane_steps)


def _losses_and_ends(result: Outcomes, trials: Sequence[int]) -> tuple[list[float], list[int | None]]:
    """Return what samplers are told of trials: losses, and for pruned ones the steps after which they had them.

    They are medians over seeds: of the final values, or of the last ones, by which rules have judged. What was ended
    and had no value then has failed.
    """
    final, last = (as_loss(x, result.settings.mode) for x in (result.medians, result.latest[0]))
    ended = result.ended == PRUNED
    pruned = np.isinf(final) & np.isfinite(last) & ended.any(axis=1)
    steps = result.steps[np.where(ended, result.reached, 1).max(axis=1) - 1]
    losses = np.where(pruned, last, final)
    return [float(losses[i]) for i in trials], [int(steps[i]) if pruned[i] else None for i in trials]


def _result(
    trials: list[Trial], settings: Settings, outcome: Outcome, reports: list[GroupReport], seconds: np.ndarray
) -> Outcomes:
    records = outcome.records
    return Outcomes(
        records.lineage.trials if records.lineage else trials,
        settings,
        records.curves,
        records.reached,
        records.diverged_at,
        records.ended,
        reports,
        outcome.compilations,
        float(seconds[0]),
        float(seconds[1]),
        outcome.interrupted,
        records.lineage,
    )


def warn_of_flips(trials: Sequence[Trial], settings: Settings) -> None:
    """Warn of each space with a schedule that falls far after the first decision of a rule (arXiv:2509.02046)."""
    if not settings.decisions:
        return
    first = int(settings.points[settings.decisions[0] - 1])
    place, fate, remedy = ("evolve", "replaced", "every") if settings.evolve else ("stop", "ended", "min_steps")
    for trial in {trial.space: trial for trial in reversed(trials)}.values():
        for schedule in _schedules(trial.optimizer):
            then, last = (float(np.abs(schedule(np.int32(step)))) for step in (first, settings.steps - 1))
            if then > FALL * last:
                warnings.warn(
                    f"run({place}=): a schedule of {trial.space!r} falls from {then:.3g} at step {first}, where trials "
                    f"are first {fate}, to {last:.3g} at the last, and rankings may flip before the end; raise "
                    f"{remedy}, or compare a few full runs.",
                    stacklevel=4,
                )
                break


def _schedules(node: Any) -> Iterator[Any]:
    """Yield the schedules: functions of the step that stand for a number."""
    if dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if field.metadata.get("kind") == "hyper" and callable(value):
                yield value
            elif field.metadata.get("kind") != "static":
                yield from _schedules(value)
    elif isinstance(node, (tuple, list, dict)):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _schedules(child)
