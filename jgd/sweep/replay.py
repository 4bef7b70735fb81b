"""One lane of a sweep again, alone: its curve and its trained parameters."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.arguments import COUNT, FOLDER, Kind, admits, checked
from jgd.core.errors import InputError
from jgd.core.types import Params, State
from jgd.sweep.arguments import PROBLEM
from jgd.sweep.engine.black_box import call
from jgd.sweep.lanes.settings import watched_of
from jgd.sweep.load import load
from jgd.sweep.result import Result
from jgd.sweep.spaces.space import Trial
from jgd.train.loop import Carry, begin, evaluation, root_key, segment
from jgd.train.task import Task

RESULT = Kind("be the result of a sweep, or its folder", lambda x: isinstance(x, Result) or admits(FOLDER, x))
TRIAL = Kind("be a trial of the sweep, or its number", lambda x: isinstance(x, Trial) or admits(COUNT, x))


class Replay(NamedTuple):
    """Hold a lane that was run alone."""

    params: Params
    steps: np.ndarray  # i[P], of the curves' points
    curves: dict[str, np.ndarray]  # f[P]
    losses: np.ndarray  # f[steps], of each step
    model_state: State = None  # what the loss hands on beside the parameters


@checked(result=RESULT, trial=TRIAL, task=PROBLEM)
def replay(
    result: Result | str | os.PathLike[str],
    trial: Trial | int | None = None,
    seed: int | None = None,
    *,
    task: Any = None,
    spaces: Any = None,
) -> Replay:
    """Run one trial under one seed as `jgd.fit` would: the best trial and the sweep's first seed unless given.

    A trial of a population has its lineage run: each stretch with the numbers that its ancestor had then, so that its
    curve is that ancestor's until it went on from it.

    A function that owns its loop is called once more; it has no params, and its metric for losses.

    Of a sweep's folder instead of its result, the `task` and the `spaces` of the sweep are needed too.

    Nothing of a sweep depends on the lane, the chunk, the width or the devices, so the curves are the sweep's, within
    the rounding of another program.
    """
    result = result if isinstance(result, Result) else load(result, task, spaces)
    known = range(len(result.trials))
    if trial is not None and (trial.number if isinstance(trial, Trial) else int(trial)) not in known:
        raise InputError(f"replay(trial={trial!r}): the sweep has trials 0 to {len(known) - 1}.")
    chosen = result.best() if trial is None else trial if isinstance(trial, Trial) else result.trials[int(trial)]
    seed = result.settings.seeds[0] if seed is None else seed
    if chosen.optimizer is None:
        raise InputError(f"replay(trial={trial!r}): a sweep's folder has only its values; pass task and spaces too.")
    if not isinstance(chosen.task, Task):
        found = jax.jit(partial(call, chosen.task, chosen.optimizer))(root_key(seed))
        curves = {name: np.array([float(x)]) for name, x in found.items()}
        return Replay(None, result.steps, curves, curves[result.settings.metric])
    path = result.lineage.path(chosen.number) if result.lineage else [chosen]
    carry = jax.jit(begin)(path[0].task, path[0].optimizer, root_key(seed))
    rows, start, watched = [], 0, watched_of(result.settings, path[0].task, path[0].optimizer)
    for end in result.steps.tolist():
        one = path[int(np.sum(result.lineage.steps <= start))] if result.lineage else chosen
        carry, metrics = _segment(one.task, one.optimizer, carry, start, length=end - start, watched=watched)
        judged = _evaluate(one.task, one.optimizer, carry)
        rows.append(({name: np.asarray(x) for name, x in metrics.items()}, judged))
        start = end
    means = {name: np.array([_finite_mean(row[name]) for row, _ in rows]) for name in rows[0][0]}
    judged = {name: np.array([float(row[name]) for _, row in rows]) for name in rows[0][1]}
    losses = np.concatenate([row["loss"] for row, _ in rows])
    return Replay(carry.params, result.steps, {**means, **judged}, losses, carry.model_state)


@partial(jax.jit, static_argnames=("length", "watched"), donate_argnames="carry")
def _segment(
    task: Task, optimizer: Any, carry: Carry, start: Any, *, length: int, watched: tuple[str, ...]
) -> tuple[Carry, dict[str, Any]]:
    return segment(task, optimizer, carry, start, length, watched)


@jax.jit
def _evaluate(task: Task, optimizer: Any, carry: Carry) -> Mapping[str, Any]:
    return evaluation(task, optimizer, carry)


def _finite_mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
