"""The criterion of a race: the metric, its direction and the target."""

import argparse
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError, unknown
from jgd.core.stop import MORE_IS_BETTER
from jgd.sweep.engine.black_box import metrics_of
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.result import Result
from jgd.tasks.registry import BUILTIN
from jgd.train.task import Task, check_task, is_stream


class Criterion(NamedTuple):
    """Hold the metric that decides a race, its direction and its target."""

    metric: str
    mode: str
    target: float | None


def judge_of(
    options: argparse.Namespace, known: Callable[[], Iterable[str]], otherwise: Callable[[], str]
) -> Criterion:
    """Take the criterion from the options, else from what the task is known for, or the metric found `otherwise`.

    A metric of the options must be among the `known` ones.
    """
    entry = BUILTIN.get(options.task)
    if options.metric is not None and options.metric not in (names := list(known())):
        raise unknown("--metric", options.metric, names)
    metric = options.metric or (entry.metric if entry else otherwise())
    own = entry is not None and metric == entry.metric
    mode = options.mode or (entry.mode if entry and own else "max" if MORE_IS_BETTER.search(metric) else "min")
    target = options.target if options.target is not None else entry.target if entry and own else None
    return Criterion(metric, mode, target)


def with_target(result: Result) -> Result:
    """Give a result that has no target one: where the optimizer in the middle ends, which half of them reach."""
    ends = [row.summary.median for row in result.standings()]
    losses = as_loss(np.array(ends), result.settings.mode)
    middle = losses[(len(losses) - 1) // 2]
    if result.settings.target is not None or not np.isfinite(middle):
        return result
    target = float(middle if result.settings.mode == "min" else -middle)
    return dataclasses.replace(result, settings=dataclasses.replace(result.settings, target=target))


def metric_names(task: Task) -> list[str]:
    """Return the names of all curves of a task."""
    found = check_task(task)
    return [*found.steps, *found.judged]


def first_metric(task: Task) -> str:
    """Return an accuracy if there is one, or else what `evaluate` returns first, or the loss."""
    if task.evaluate is None or is_stream(task):
        return "loss"
    names = check_task(task).judged
    if not names:
        raise InputError("Task(evaluate): it returns no metrics; return at least one, or pass evaluate=None.")
    return min(names, key=lambda name: (not MORE_IS_BETTER.search(name), names.index(name)))


def only_metric(name: str, train: Any, spaces: Any) -> str:
    """Name the only metric that a function that owns its loop returns, if there is only one."""
    found = metrics_of(train, spaces)
    if len(found) > 1:
        raise InputError(f"{name} returns {', '.join(found)}; say which of them ranks, as in --metric {found[0]}.")
    return found[0] if found else "loss"
