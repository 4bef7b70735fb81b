"""Checks of the arguments of a sweep, and what is made of them."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError, unknown, whole
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.population import Population
from jgd.sweep.pruners.rules import Pruner
from jgd.sweep.spaces.distributions import Parts
from jgd.train.task import Task, check_task, is_stream

POINTS = 30  # of a curve, unless eval_every says otherwise


def check_workers(workers: int | None, dir: Any) -> int:
    """The number of processes; several need a folder that they share."""
    workers = jax.process_count() if workers is None else whole("run", "workers", workers)
    if workers > 1 and dir is None:
        raise InputError(
            f"run: {workers} processes can share a sweep only through a folder; pass dir= with one that all of them "
            "see, or workers=1 if each is to run a sweep of its own."
        )
    return workers


def check_seconds(seconds: Any) -> float | None:
    """The time limit, a positive number."""
    if seconds is None:
        return None
    if not isinstance(seconds, numbers.Real) or isinstance(seconds, bool) or not float(seconds) > 0:
        raise InputError(f"run(max_seconds={seconds!r}): max_seconds must be a positive number of seconds.")
    return float(seconds)


def local_devices(devices: Sequence[Any] | None) -> list[Any]:
    """The devices to use: those of this process, all unless given."""
    chosen = list(jax.local_devices() if devices is None else devices)
    if foreign := [device for device in chosen if device.process_index != jax.process_index()]:
        raise InputError(
            f"run(devices=): {foreign[0]} is another process's; pass some of jax.local_devices(), or nothing."
        )
    return chosen


def check_settings(
    steps: Any,
    seeds: Any,
    metric: str,
    mode: str,
    eval_every: Any,
    target: Any,
    rules: tuple[Pruner, ...] = (),
    evolve: Population | None = None,
    seed: int = 0,
) -> Settings:
    """Return what holds for every trial, or refuse the argument that is wrong."""
    steps = whole("run", "steps", steps)
    split = _even_split(steps, evolve.every if evolve else steps)
    every = min(steps, split if eval_every is None else whole("run", "eval_every", eval_every))
    if mode not in ("min", "max"):
        raise unknown("run(mode=)", mode, ("min", "max"))
    if target is not None and not (isinstance(target, numbers.Real) and math.isfinite(target)):
        raise InputError(f"run(target={target!r}): target must be a finite number, a value of {metric!r}.")
    target = None if target is None else float(target)
    settings = Settings(_seeds(seeds), steps, every, metric, mode, target, rules, evolve, seed)
    settings.decisions  # noqa: B018  says now what is wrong with a rule
    return settings


def _even_split(steps: int, every: int) -> int:
    """The divisor of `steps` and `every` that gives nearest to `POINTS` points, within a factor of two; else others.

    A divisor of `every` comes first, so that what is decided then is decided on time.
    """
    fitting = [d for d in range(1, steps + 1) if every % d == 0]
    wanted = [d for d in fitting if steps % d == 0 and POINTS / 2 <= steps / d <= POINTS * 2]
    if every == steps and not wanted:
        return math.ceil(steps / POINTS)
    return min(wanted or fitting, key=lambda d: abs(math.log(steps / d / POINTS)))


def _seeds(seeds: Any) -> tuple[int, ...]:
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        return tuple(range(whole("run", "seeds", seeds)))
    chosen = list(seeds) if isinstance(seeds, (Sequence, np.ndarray)) and not isinstance(seeds, str) else []
    fitting = all(isinstance(s, (int, np.integer)) and 0 <= s < 2**32 for s in chosen)
    if not chosen or not fitting or len(set(chosen)) < len(chosen):
        raise InputError(
            f"run(seeds={seeds!r}): expected how many, or a list of different whole numbers from 0 to 2**32 - 1."
        )
    return tuple(int(s) for s in chosen)


def check_kind(task: Any) -> None:
    """Refuse what is no task, or one whose data a sweep cannot hold on its devices."""
    if isinstance(task, Parts):
        for option in task.options:
            check_kind(option)
        return
    if not isinstance(task, Task):
        raise InputError(f"run(task={task!r}): task must be a jgd.Task(init, loss, data, ...).")
    if is_stream(task):
        raise InputError(
            "run(task): its data come from a factory of iterators, but a sweep needs arrays, which all lanes share on "
            "the device; pass arrays, or call jgd.fit for each setting."
        )


def curve_names(groups: Sequence[Group], metric: str) -> list[str]:
    """The names of the curves, found from shapes alone; the task is checked on the way."""
    known: dict[str, None] = {}
    for task in {id(one.trials[0].task): one.trials[0].task for one in groups}.values():
        steps, judged = check_task(task)
        if both := set(steps) & set(judged):
            raise InputError(
                f"Task(evaluate): it returns {min(both)!r}, which is also recorded at each step; "
                f"rename it, for example 'validation_{min(both)}'."
            )
        known.update(dict.fromkeys([*steps, *judged]))
    if metric not in known:
        raise unknown("run(metric=)", metric, known)
    return list(known)
