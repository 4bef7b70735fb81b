"""Checks of the arguments of a sweep, and what is made of them."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax

from jgd.core.arguments import COUNT, FLAG, TEXT, WHOLE, Kind, admits, listed
from jgd.core.call_arguments import takes
from jgd.core.errors import InputError, unknown, whole
from jgd.core.outline import shown
from jgd.core.state_specs import BY_PATH, SPECS
from jgd.core.stop import mode_of
from jgd.core.types import Transform
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.population import POPULATION, Population
from jgd.sweep.pruners.rules import RULES, Pruner
from jgd.sweep.samplers.by_name import SAMPLER
from jgd.sweep.spaces.combinations import combinations
from jgd.sweep.spaces.distributions import Distribution, Parts
from jgd.train.mesh_layout import DATA_AXIS, MESH
from jgd.train.pulse import group_names
from jgd.train.task import Task, check_task, is_stream
from jgd.train.watched import check_watched
from jgd.transforms.in_effect import check_metrics

POINTS = 30  # of a curve, unless eval_every says otherwise


SEEDS = Kind(
    "be how many, or a list of different whole numbers from 0 to 2**32 - 1",
    lambda x: (
        admits(WHOLE, x)
        or (admits(listed("seeds", COUNT, least=1), x) and len(set(x)) == len(x) and all(one < 2**32 for one in x))
    ),
)
PROBLEM = Kind(
    "be a jgd.Task(init, loss, data, ...), or a function train(hp, key) that returns metrics",
    lambda x: (
        isinstance(x, (Task, Parts))
        or (callable(x) and takes(x, 2) and not isinstance(x, (type, Transform, Distribution)))
    ),
)
EXECUTOR = Kind(
    "be an object with a method submit(function, argument), such as a concurrent.futures.ProcessPoolExecutor, or None",
    lambda x: callable(getattr(x, "submit", None)),
)
OF_RUN: dict[str, Kind | None] = {
    "task": PROBLEM,
    "metrics": listed("names of metrics", TEXT),
    "health": FLAG,
    "seeds": SEEDS,
    "sampler": SAMPLER,
    "stop": RULES,
    "evolve": POPULATION,
    "executor": EXECUTOR,
    "mesh": MESH,
    "data_axis": DATA_AXIS,
    "specs": SPECS,
    "state_specs": BY_PATH,
}
"""The kinds of the arguments of `run` whose names mean something else elsewhere, or nothing."""


def check_workers(workers: int | None, dir: Any) -> int:
    """Return the number of processes; several need a folder that they share."""
    workers = jax.process_count() if workers is None else int(workers)
    if workers > 1 and dir is None:
        raise InputError(
            f"run: {workers} processes can share a sweep only through a folder; pass dir= with one that all of them "
            "see, or workers=1 if each is to run a sweep of its own."
        )
    return workers


def check_executor(executor: Any, workers: int, mesh: Any = None) -> Any:
    """Return the executor, or the error that there is no process for it to start, or that it cannot be given a mesh."""
    if executor is not None and workers < 2:
        raise InputError(
            f"run(executor=, workers={workers}): it starts workers - 1 processes beside this one; pass at least 2, "
            "and dir= with a folder that all of them see."
        )
    if executor is not None and mesh is not None:
        raise InputError(
            "run(executor=, mesh=): the devices of a mesh are of this process; let each process make its own, and the "
            "same call with workers= and dir=."
        )
    return executor


def local_devices(devices: Sequence[Any] | None) -> list[Any]:
    """Return the devices to use: those of this process, all unless given."""
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
    mode: str | None,
    eval_every: Any,
    target: Any,
    rules: tuple[Pruner, ...] = (),
    evolve: Population | None = None,
    seed: int = 0,
    metrics: Any = (),
) -> Settings:
    """Return what holds for every trial, or refuse the argument that is wrong."""
    steps = whole("run", "steps", steps)
    split = _even_split(steps, evolve.every if evolve else steps)
    every = min(steps, split if eval_every is None else int(eval_every))
    target = None if target is None else float(target)
    watched = check_metrics("run", metrics)
    settings = Settings(
        _seeds(seeds), steps, every, metric, mode_of("run", metric, mode), target, rules, evolve, seed, watched
    )
    settings.decisions  # noqa: B018  says now what is wrong with a rule
    return settings


def with_health(task: Any, metrics: Any) -> Any:
    """Return the names of `metrics=` and those of the pulse of each task there may be."""
    if isinstance(task, Parts):
        for option in task.options:
            metrics = with_health(option, metrics)
        return metrics
    return (*metrics, *group_names(check_task(task).params))


def _even_split(steps: int, every: int) -> int:
    """Return the divisor of `steps` and `every` that gives nearest to `POINTS` points, within a factor of two.

    Where there is none, it is a divisor of `every` alone, so that what is decided then is decided on time.
    """
    fitting = [d for d in range(1, steps + 1) if every % d == 0]
    wanted = [d for d in fitting if steps % d == 0 and POINTS / 2 <= steps / d <= POINTS * 2]
    if every == steps and not wanted:
        return math.ceil(steps / POINTS)
    return min(wanted or fitting, key=lambda d: abs(math.log(steps / d / POINTS)))


def _seeds(seeds: Any) -> tuple[int, ...]:
    return tuple(range(seeds)) if admits(WHOLE, seeds) else tuple(int(s) for s in seeds)


def check_kind(task: Any) -> None:
    """Refuse what is no task, or one whose data a sweep cannot hold on its devices."""
    if isinstance(task, Parts):
        for option in task.options:
            check_kind(option)
        return
    if not isinstance(task, Task):
        raise InputError(
            f"run(task=choice(...)): an option is {shown(task)}, expected a jgd.Task(init, loss, data, ...)."
        )
    if is_stream(task):
        raise InputError(
            "run(task): its data come from a factory of iterators, but a sweep needs arrays, which all lanes share on "
            "the device; pass arrays, or call jgd.fit for each setting."
        )


def curve_names(groups: Sequence[Group], settings: Settings) -> list[str]:
    """Return the names of the curves, found from shapes alone; the task is checked on the way.

    Of what is watched, each name must be known to an optimizer of the spaces, be it one that no trial has chosen yet.
    """
    known: dict[str, None] = {}
    for task in {id(one.trials[0].task): one.trials[0].task for one in groups}.values():
        steps, judged, _ = check_task(task)
        if both := set(steps) & set(judged):
            raise InputError(
                f"Task(evaluate): it returns {min(both)!r}, which is also recorded at each step; "
                f"rename it, for example 'validation_{min(both)}'."
            )
        known.update(dict.fromkeys([*steps, *judged]))
    there, other = itertools.tee(one.trials[0] for one in groups)
    structures = (dataclasses.replace(x, units=at) for x in other for at, _ in combinations(x.axes))
    problems = (trial.problem for trial in itertools.chain(there, structures))
    known.update(dict.fromkeys(check_watched("run", settings.watched, problems, known)))
    if settings.metric not in known:
        raise unknown("run(metric=)", settings.metric, known)
    return list(known)
