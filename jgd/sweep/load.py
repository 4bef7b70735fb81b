"""Sweeps read back: one folder, or several that are parts of one study."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jgd.core.arguments import FOLDER, Kind, admits, checked, listed
from jgd.core.errors import InputError
from jgd.core.storage import folder_path
from jgd.sweep.engine.black_box import name_problem
from jgd.sweep.engine.rounds import add_reports
from jgd.sweep.fingerprints import code_texts
from jgd.sweep.lanes.curves import Records
from jgd.sweep.lanes.layout import GroupReport, Layout
from jgd.sweep.lanes.settings import Settings, lineage_of
from jgd.sweep.result import Result
from jgd.sweep.samplers.by_name import learns
from jgd.sweep.spaces.space import Origin, Trial, axes, with_grids
from jgd.sweep.storage.files import Saved, read_chunks, read_sweep, restore
from jgd.sweep.storage.growth import parts_of
from jgd.sweep.storage.identity import CODE, TRACED, same_study, warn_of_code
from jgd.sweep.storage.spec import Json, describe_problem, settings_of, trials_of

PARTS = listed(
    "results of sweeps, or of their folders",
    Kind("be one", lambda x: isinstance(x, Result) or admits(FOLDER, x)),
    least=1,
)
PROBLEM = ("init", "loss", "evaluate", "data", "task", "batch_size", "space ", "x64", CODE)  # the names of its texts


@checked()
def load(dir: str | os.PathLike[str], task: Any = None, spaces: Any = None) -> Result:
    """Read the result in a sweep's folder, at any time, even while it is being written. Nothing is compiled.

    Everything but the trials' tasks and optimizers is read from the files. With the `task` and `spaces` of the sweep
    the trials have those too, so that `best_optimizer` and `replay` work.
    """
    folder, known = folder_path("load", dir), read_sweep(dir, "load")
    settings, trials = settings_of(known["settings"]), trials_of(known["listing"])
    if (task is None) != (spaces is None):
        raise InputError(f"load(dir={os.fspath(dir)!r}): pass both task and spaces, as the sweep had them, or neither.")
    if task is not None:
        names = list(dict.fromkeys(trial.space for trial in trials))
        _compare(f"load(dir={os.fspath(dir)!r})", known["asked"], names, task, spaces)
        trials = _whole(trials, task, spaces)
    lineage = lineage_of(trials, settings)
    records, saved = Records(len(trials), settings, known["metrics"], lineage), read_chunks(folder, known["hash"])
    restore(records, saved)
    rounds = np.searchsorted(known["rounds"], np.arange(len(trials)), side="right")
    records.settle(rounds, np.array([trial.space for trial in trials]))
    reports = _reports(known, saved)
    seconds = sum(report.seconds for report in reports)
    more = len(known["rounds"]) < sum(map(len, parts_of(known))) and not known.get("over")
    cut = bool(records.going.any()) or more
    found = records.curves, records.reached, records.diverged_at, records.ended
    beside = {"asked": known["asked"], "learns": learns(known["arguments"].get("sampler"), len(known["rounds"]))}
    trials = lineage.trials if lineage else trials
    return Result(trials, settings, *found, reports, 0, 0.0, seconds, cut, lineage, **beside)


@checked(parts=PARTS)
def merge(parts: Sequence[Result | str | os.PathLike[str]]) -> Result:
    """Make one result of several, or of their folders: parts of a study that ran apart, with other seeds or trials.

    Trials of the same space with the same values are one; of a lane in several parts the furthest counts. Lanes that
    no part has are pending. Steps, points, metric and mode must agree, and so must the task and what a space of one
    name is, but for the ranges of its distributions; of folders also the code.
    """
    results = [part if isinstance(part, Result) else load(part) for part in parts]
    if any(result.lineage for result in results):
        raise InputError(
            "merge: a population decided by the seeds and trials that it had, so its parts do not make one; compare "
            "the results side by side."
        )
    settings = _common(results)
    _refuse_other_problems(results)
    trials = _united(results)
    metrics = list(dict.fromkeys(name for result in results for name in result.curves))
    records = Records(len(trials), settings, metrics)
    for result in results:
        numbers = np.array([trials[identity].number for identity in _identities(result)])
        seeds = np.array([settings.seeds.index(seed) for seed in result.settings.seeds])
        at = np.repeat(numbers, len(seeds)), np.tile(seeds, len(numbers))
        blank = np.full(result.reached.shape + result.steps.shape, np.nan)
        curves = {f"curves/{name}": result.curves.get(name, blank) for name in metrics}
        rows = {"reached": result.reached, "diverged_at": result.diverged_at, **curves}
        records.put(*at, {name: x.reshape(-1, *x.shape[2:]) for name, x in rows.items()})
        # What one part's rules have ended stays so, unless another part went on with it.
        same = result.reached == records.reached[np.ix_(numbers, seeds)]
        records.ended[np.ix_(numbers, seeds)] = np.where(same, result.ended, records.ended[np.ix_(numbers, seeds)])
    return Result(
        list(trials.values()),
        settings,
        records.curves,
        records.reached,
        records.diverged_at,
        records.ended,
        [report for result in results for report in result.groups],
        sum(result.compilations for result in results),
        sum(result.compile_seconds for result in results),
        sum(result.run_seconds for result in results),
        bool(records.going.any()),
        learns=any(result.learns for result in results),
    )


def _compare(place: str, theirs: Mapping[str, str], names: Sequence[str], task: Any, spaces: Any) -> None:
    """Refuse a task and spaces that are not those of a folder, whose trials are of the spaces with these names."""
    train, named = name_problem(task, spaces)
    if missing := [name for name in names if name not in named]:
        raise InputError(f"load(spaces=): it has no {missing[0]!r}, only {', '.join(named)}; pass those of the sweep.")
    ours = describe_problem(train, named, code_texts(train, named))
    # What `run` was asked for beside its problem has no part here.
    told = {name: text for name, text in theirs.items() if name in ours or name.startswith(PROBLEM)}
    if shown := same_study(told, ours):
        raise InputError(f"{place}: the sweep there is another ({shown}); pass what it was made with.")
    warn_of_code(place, theirs)


def _united(results: Sequence[Result]) -> dict[Any, Trial]:
    """Return the trials of all results by what they are, numbered anew; one with an optimizer before one without."""
    trials: dict[Any, Trial] = {}
    for result in results:
        for identity, trial in zip(_identities(result), result.trials, strict=True):
            known = trials.get(identity)
            if known is None or known.optimizer is None:
                number = len(trials) if known is None else known.number
                trials[identity] = dataclasses.replace(trial, number=number)
    return trials


def _refuse_other_problems(results: Sequence[Result]) -> None:
    """Refuse results whose trials would be taken for one another's."""
    first, *others = map(_problem, results)
    for other in others:
        known = {name: text for name, text in other.items() if name in first}
        if shown := same_study({name: first[name] for name in known}, known):
            raise InputError(
                f"merge: the sweeps are of other problems or spaces ({shown.replace(' there', ' in one')}), so their "
                "trials do not make one study; give each space a name of its own in run(task, {name: space}), or "
                "compare the results side by side."
            )


def _problem(result: Result) -> dict[str, str]:
    """Describe the problem of a result's trials as texts to compare, without the ranges of distributions."""
    asked = result.asked
    if asked is None:
        origins = {trial.space: trial.origin for trial in result.trials if trial.origin is not None}
        task = next((origin.task for origin in origins.values()), None)
        asked = describe_problem(task, {name: origin.optimizer for name, origin in origins.items()}, {})
    kept = {name: text for name, text in asked.items() if name in ("format", TRACED) or name.startswith(PROBLEM)}
    return {name: text if not name.startswith("space ") or _is_fixed(text) else "swept" for name, text in kept.items()}


def _is_fixed(text: str) -> bool:
    """Tell whether the text of a leaf or of a structure holds no distribution or grid."""
    return re.match(r"(uniform|loguniform|integer|normal|choice|grid|quantized)\(|\w+\[\d+\] with", text) is None


def _whole(trials: Sequence[Trial], task: Any, spaces: Any) -> list[Trial]:
    """Return trials with what their tasks and optimizers are made from."""
    train, named = name_problem(task, spaces)
    origins = {name: Origin(with_grids(train), with_grids(space)) for name, space in named.items()}
    found = {name: tuple(axes(origin.task, origin.optimizer)) for name, origin in origins.items()}
    made = []
    for trial in trials:
        name = trial.space
        # Names have become shorter since some folders were written; the paths are what they were.
        same = [axis.paths for axis in found[name]] == [axis.paths for axis in trial.axes]
        called = trial.axes if same else found[name]
        own = tuple(axis._replace(name=old.name) for axis, old in zip(found[name], called, strict=True))
        whole = Trial(trial.number, name, own, trial.units, origins[name])
        if len(trial.units) != len(found[name]) or repr(whole.params) != repr(trial.params):
            raise InputError(f"load(spaces=): they make {whole!r} where the sweep had {trial!r}; pass those it had.")
        made.append(whole)
    return made


def _reports(known: Json, saved: Sequence[Saved]) -> list[GroupReport]:
    """Report the cost of the groups, those of several rounds that share a program together."""
    reports: dict[Any, GroupReport] = {}
    seen: Counter[Any] = Counter()
    for group in sorted(known["groups"], key=lambda group: group["first"]):
        in_round = sum(first <= group["first"] for first in known["rounds"]), group["program"]
        key = group["program"], seen[in_round]
        seen[in_round] += 1
        report = _report(group, saved)
        reports[key] = add_reports(reports[key], report) if key in reports else report
    return list(reports.values())


def _report(group: Json, saved: Sequence[Saved]) -> GroupReport:
    chunks = [row.chunk for row in saved if row.group == group["first"]]
    seconds, lane_steps = sum(chunk.seconds for chunk in chunks), sum(chunk.lane_steps for chunk in chunks)
    return GroupReport(tuple(group["spaces"]), group["trials"], Layout(*group["layout"]), seconds, lane_steps)


def _common(results: Sequence[Result]) -> Settings:
    """Return the settings of all, with the seeds and the watched metrics of each."""
    first = results[0].settings
    for name in ("steps", "eval_every", "metric", "mode"):
        values = {getattr(result.settings, name) for result in results}
        if len(values) > 1:
            raise InputError(
                f"merge: the sweeps differ in {name} ({' and '.join(map(repr, sorted(values)))}), so their curves "
                "cannot be compared; merge those that agree."
            )
    seeds, watched = (
        tuple(dict.fromkeys(one for result in results for one in getattr(result.settings, name)))
        for name in ("seeds", "watched")
    )
    return dataclasses.replace(first, seeds=seeds, watched=watched)


def _identities(result: Result) -> list[Any]:
    """Identify trials across sweeps: by space and values, and which of those that are alike."""
    seen: Counter[Any] = Counter()
    found = []
    for trial in result.trials:
        values = trial.space, repr(trial.params)
        found.append((values, seen[values]))
        seen[values] += 1
    return found
