"""A sweep: many trials of one task, each under several seeds, in one compiled program for each structure."""

import math
import numbers
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError, unknown, whole
from jgd.sweep.answers.result import Result
from jgd.sweep.disk.spec import describe, plain
from jgd.sweep.disk.store import Store
from jgd.sweep.engine.closed import ClosedMachine, is_closed, name_closed, refuse_inside
from jgd.sweep.engine.rounds import TaskMachine, train_in_rounds
from jgd.sweep.lanes.plan import Group, name_spaces
from jgd.sweep.lanes.prepare import Devices
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.lanes.stopping import as_rules
from jgd.sweep.samplers.make import rounds_of
from jgd.sweep.samplers.propose import Proposals
from jgd.sweep.spaces.distribution import Parts
from jgd.train.loop import begin, root_key, segment
from jgd.train.task import Task, check_task, is_stream
from jgd.transforms import identity

POINTS = 30  # of a curve, unless eval_every says otherwise


def run(
    task: Any,
    spaces: Any,
    *,
    steps: int | None = None,
    num_trials: int = 16,
    seeds: int | Sequence[int] = 1,
    metric: str = "loss",
    mode: str = "min",
    sampler: Any = "random",
    seed: int = 0,
    rounds: int | None = None,
    where: Callable[[dict[str, Any]], Any] | None = None,
    eval_every: int | None = None,
    target: float | None = None,
    stop: Any = None,
    lanes: int | None = None,
    devices: Sequence[Any] | None = None,
    progress: bool | None = None,
    dir: str | os.PathLike[str] | None = None,
    note: Any = None,
) -> Result:
    """Train `num_trials` settings of each space for `steps` steps under every seed.

    task        A `jgd.Task`, or for code that owns its loop a function `train(hp, key) -> {name: scalar}`: `spaces` is
                then whatever it takes, such as a dict with distributions in it, a list of such is several spaces, and
                each call is a lane with curves of one point. Texts and flags are structure. `steps`, `eval_every`,
                `stop` and `dir` have no meaning there and are refused.
    spaces      A space is an optimizer, or a task, with distributions for leaves: `jgd.adam(loguniform(1e-4, 1e-1))`.
                An array of numbers is a `grid`; a `choice` of optimizers or of parts brings its own distributions.
                One space, a list of them, or a dict by name, to compare optimizers. One without
                distributions is one trial.
    seeds       How many (0, 1, ...), or which. A seed is the same key in every trial: the same first parameters and
                the same batches, so trials can be compared in pairs; and the same as in `jgd.fit(seed=)`.
    metric      What trials are ranked by, with `mode` "min" or "max": "loss" (the mean training loss of the steps since
                the last point), a scalar of the loss's aux (likewise), or a value of the task's `evaluate`.
    sampler     "random", "sobol", "halton", "grid" (all listed values, and even steps of the ranges, ends included),
                "tpe", which learns from round to round where to look, `from_optuna(...)`, an object with ask and tell,
                or a function of (axes, seed) that returns one. `seed` is the sampler's.
    rounds      In how many parts the trials are proposed, trained by the same programs, and told to the sampler: 8 for
                those that learn, else 1.
    where       `where(params)` of a trial's values by name: points for which it is false are drawn again.
    eval_every  Steps in a compiled segment, about a thirtieth of `steps` unless given. Curves have a point at the end
                of each. A second program serves a shorter last one: a divisor of `steps` needs none.
    target      A value of the metric: `Result.steps_to_target()` then tells when each lane reached it.
    stop        Rules that end lanes early, at the ends of segments: `halving`, `hyperband`, `median_rule`, `at_target`,
                or a list of them. What is left goes on in narrower programs.
    lanes       How many run side by side on a device; chosen unless given. Results do not depend on it.
    devices     All local ones unless given. On a CPU, `jax.config.update("jax_num_cpu_devices", os.cpu_count())` before
                JAX is first used makes one of each core; `jgd race` does so itself.
    progress    `None` shows a line where standard error is a terminal and rich is installed.
    dir         A folder that keeps the sweep, written at the end of every segment. The same call again goes on from it,
                to the same bits as if nothing had happened: Ctrl-C, a kill or a full disk loses at most the running
                segment. Another call is refused, with the difference. `jgd.sweep.load(dir)` reads it, and
                `jgd.sweep.resume(dir, task, spaces)` is the same call. On other devices, or with other `lanes`, it goes
                on too, to the same result within rounding.
    note        Whatever JSON can hold, kept in `dir` for `jgd.sweep.note(dir)`; not compared, and the last one counts.

    Ctrl-C ends the sweep after the running segment; the result says that it was interrupted.
    """
    closed = is_closed(task)
    if closed:
        refuse_inside(steps=steps, eval_every=eval_every, stop=stop, dir=dir)
    settings = _settings(1 if closed else steps, seeds, metric, mode, eval_every, target, stop)
    num_trials, seed = whole("run", "num_trials", num_trials), whole("run", "seed", seed, 0)
    lanes = None if lanes is None else whole("run", "lanes", lanes)
    if not closed:
        _check_kind(task)
    train, named = name_closed(task, spaces) if closed else (task, name_spaces(spaces))
    proposals = Proposals(train, named, sampler, seed, where)
    rounds = min(num_trials, rounds_of(sampler) if rounds is None else whole("run", "rounds", rounds))
    sizes = [len(part) for part in np.array_split(np.arange(num_trials), rounds)]
    on = Devices(list(jax.local_devices() if devices is None else devices))
    if closed:
        machine = ClosedMachine(settings, on, lanes)
    else:
        machine = TaskMachine(settings, on, lanes, partial(_metrics, metric=metric))
    training = proposals, sizes, settings, machine, progress
    if dir is None:
        return train_in_rounds(*training)
    others = {"num_trials": num_trials, "sampler": sampler, "seed": seed, "rounds": rounds, "where": where}
    with Store(dir, describe(task, spaces, settings, **others), plain(others), note) as store:
        return train_in_rounds(*training, store)


def _settings(steps: Any, seeds: Any, metric: str, mode: str, eval_every: Any, target: Any, stop: Any) -> Settings:
    steps = whole("run", "steps", steps)
    every = min(steps, whole("run", "eval_every", eval_every) if eval_every is not None else _even_split(steps))
    if mode not in ("min", "max"):
        raise unknown("run(mode=)", mode, ("min", "max"))
    if target is not None and not (isinstance(target, numbers.Real) and math.isfinite(target)):
        raise InputError(f"run(target={target!r}): target must be a finite number, a value of {metric!r}.")
    target = None if target is None else float(target)
    settings = Settings(_seeds(seeds), steps, every, metric, mode, target, as_rules(stop, target))
    settings.decisions  # noqa: B018  says now what is wrong with a rule
    return settings


def _even_split(steps: int) -> int:
    """The divisor of `steps` that gives nearest to `POINTS` points, within a factor of two; else no divisor."""
    wanted = [d for d in range(1, steps + 1) if steps % d == 0 and POINTS / 2 <= steps / d <= POINTS * 2]
    return min(wanted, key=lambda d: abs(math.log(steps / d / POINTS)), default=math.ceil(steps / POINTS))


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
        check_task(task)
        # The task's numbers stay plain here: what cannot be traced is told later, by the program that traces it.
        steps = jax.eval_shape(partial(_step_metrics, task), root_key(0))
        judged = jax.eval_shape(partial(_evaluation, task), root_key(0))
        if both := set(steps) & set(judged):
            raise InputError(
                f"Task(evaluate): it returns {min(both)!r}, which is also recorded at each step; "
                f"rename it, for example 'validation_{min(both)}'."
            )
        known.update(dict.fromkeys(["loss", *steps, *judged]))
    if metric not in known:
        raise unknown("run(metric=)", metric, known)
    return list(known)


def _step_metrics(task: Task, key: jax.Array) -> dict[str, jax.Array]:
    return segment(task, identity(), begin(task, identity(), key), jnp.int32(0), 1)[1]


def _evaluation(task: Task, key: jax.Array) -> dict[str, Any]:
    return {} if task.evaluate is None else task.evaluate(task.init(key))
