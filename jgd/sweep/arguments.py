"""The front of a sweep, which `run` and `plan` share: its arguments, checked once, and what is made of them."""

import math
import numbers
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.errors import InputError, unknown, whole
from jgd.sweep.engine.black_box import ClosedMachine, is_closed, name_problem, refuse_inside
from jgd.sweep.engine.rounds import Machine, TaskMachine
from jgd.sweep.lanes.compiler import Devices
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.population import Population, as_population
from jgd.sweep.pruners.rules import Rule, as_rules
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.samplers.by_name import rounds_of
from jgd.sweep.spaces.distributions import Parts
from jgd.sweep.storage.spec import describe, plain
from jgd.sweep.storage.store import Store
from jgd.train.task import Task, check_task, is_stream

POINTS = 30  # of a curve, unless eval_every says otherwise


class Study(NamedTuple):
    """A sweep that is ready to begin."""

    proposals: Proposals
    sizes: list[int]  # trials of each space, round by round
    settings: Settings
    machine: Machine
    progress: bool | None
    store: Callable[[], Any]  # a context with the open store, or with None


def open_study(
    task: Any,
    spaces: Any,
    steps: Any,
    num_trials: Any,
    seeds: Any,
    metric: str,
    mode: str,
    sampler: Any,
    seed: int,
    rounds: Any,
    where: Callable[[dict[str, Any]], Any] | None,
    eval_every: Any,
    target: Any,
    stop: Any,
    evolve: Any,
    lanes: Any,
    devices: Sequence[Any] | None,
    progress: bool | None,
    dir: str | os.PathLike[str] | None,
    note: Any,
    workers: int | None,
) -> Study:
    """The sweep that the arguments of `run` ask for, or an error that says what is wrong with one of them."""
    closed = is_closed(task)
    if closed:
        refuse_inside(steps=steps, eval_every=eval_every, stop=stop, evolve=evolve)
    num_trials, seed = whole("run", "num_trials", num_trials), whole("run", "seed", seed, 0)
    rounds = min(num_trials, rounds_of(sampler) if rounds is None else whole("run", "rounds", rounds))
    rules = as_rules(stop, target)
    evolve = as_population(evolve, rules, num_trials, rounds, where)
    settings = _settings(1 if closed else steps, seeds, metric, mode, eval_every, target, rules, evolve, seed)
    lanes = None if lanes is None else whole("run", "lanes", lanes)
    if not closed:
        _check_kind(task)
    train, named = name_problem(task, spaces)
    proposals = Proposals(train, named, sampler, seed, where)
    sizes = [len(part) for part in np.array_split(np.arange(num_trials), rounds)]
    workers, on = _workers(workers, dir), Devices(_local(devices))
    if closed:
        machine = ClosedMachine(settings, on, lanes, workers)
    else:
        machine = TaskMachine(settings, on, lanes, workers, partial(_metrics, metric=metric))

    def store() -> Any:
        if dir is None:
            return nullcontext()
        others = {"num_trials": num_trials, "sampler": sampler, "seed": seed, "rounds": rounds, "where": where}
        return Store(dir, describe(train, named, settings, **others), plain(others), note, workers)

    return Study(proposals, sizes, settings, machine, progress, store)


def _workers(workers: int | None, dir: Any) -> int:
    workers = jax.process_count() if workers is None else whole("run", "workers", workers)
    if workers > 1 and dir is None:
        raise InputError(
            f"run: {workers} processes can share a sweep only through a folder; pass dir= with one that all of them "
            "see, or workers=1 if each is to run a sweep of its own."
        )
    return workers


def _local(devices: Sequence[Any] | None) -> list[Any]:
    chosen = list(jax.local_devices() if devices is None else devices)
    if foreign := [device for device in chosen if device.process_index != jax.process_index()]:
        raise InputError(
            f"run(devices=): {foreign[0]} is another process's; pass some of jax.local_devices(), or nothing."
        )
    return chosen


def _settings(
    steps: Any,
    seeds: Any,
    metric: str,
    mode: str,
    eval_every: Any,
    target: Any,
    rules: tuple[Rule, ...] = (),
    evolve: Population | None = None,
    seed: int = 0,
) -> Settings:
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


def _check_kind(task: Any) -> None:
    if isinstance(task, Parts):
        for option in task.options:
            _check_kind(option)
        return
    if not isinstance(task, Task):
        raise InputError(f"run(task={task!r}): task must be a jgd.Task(init, loss, data, ...).")
    if is_stream(task):
        raise InputError(
            "run(task): its data come from a factory of iterators, but a sweep needs arrays, which all lanes share on "
            "the device; pass arrays, or call jgd.fit for each setting."
        )


def _metrics(groups: Sequence[Group], metric: str) -> list[str]:
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
