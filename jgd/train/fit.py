"""Train one task with one optimizer in compiled segments: metrics, stopping rules, progress, and resume."""

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from jgd.core.arguments import ARRAYS, FLAG, TEXT, Kind, admits, checked, listed, one_of
from jgd.core.compilation import compile_seconds
from jgd.core.errors import InputError, unknown
from jgd.core.state_specs import BY_PATH, SPECS
from jgd.core.stop import SOLVERS_ALONE, STOP, Stop, mode_of
from jgd.core.types import Params, State, Transform
from jgd.core.values import hyperparams
from jgd.pages.text import count
from jgd.train.callback import Callback, caller
from jgd.train.checkpoint import Checkpoint, Progressed
from jgd.train.identity import run_spec
from jgd.train.largest_microbatch import with_largest_microbatch
from jgd.train.loop import root_key
from jgd.train.mesh_layout import DATA_AXIS, MESH, in_effect, mesh_layout, on_mesh
from jgd.train.microbatch import MICROBATCH, Microbatch
from jgd.train.pulse import Health, pulse_of
from jgd.train.result import Run
from jgd.train.start import START, Given, begin_run, given_by
from jgd.train.stream import Position
from jgd.train.task import TASK, Task, batch_shapes, check_task
from jgd.train.training import Clock, FitPlan, finish_run, train
from jgd.train.watched import check_watched
from jgd.transforms.as_transform import as_transform

SEGMENT = 100
MICROBATCH_OR_AUTO = Kind(f"{MICROBATCH.expected}, or 'auto'", lambda x: x == "auto" or MICROBATCH.admits(x))
HEALTH_ASKED = Kind("be True or False, or a jgd.Health", lambda x: admits(FLAG, x) or isinstance(x, Health))


@checked(
    task=TASK,
    stop=STOP,
    metrics=listed("names of metrics", TEXT),
    start=START,
    opt_state=ARRAYS,
    model_state=ARRAYS,
    microbatch=MICROBATCH_OR_AUTO,
    mesh=MESH,
    data_axis=DATA_AXIS,
    specs=SPECS,
    state_specs=BY_PATH,
    resume=one_of("same", "changed"),
    health=HEALTH_ASKED,
)
def fit(
    task: Task,
    optimizer: Transform | optax.GradientTransformation,
    *,
    steps: int,
    seed: int = 0,
    stop: Stop | None = None,
    eval_every: int | None = None,
    metrics: Sequence[str] = (),
    keep_best: str | None = None,
    mode: str | None = None,
    start: Run | str | os.PathLike[str] | None = None,
    params: Params = None,
    opt_state: State = None,
    model_state: State = None,
    microbatch: Microbatch | int | str | None = None,
    mesh: Mesh | None = None,
    data_axis: str | None = None,
    specs: Any = None,
    state_specs: Mapping[str, Any] | None = None,
    dir: str | os.PathLike[str] | None = None,
    resume: str = "same",
    progress: bool | None = None,
    callback: Callback | None = None,
    health: Health | bool = False,
) -> Run:
    """Take `steps` steps of `optimizer` on `task`, or fewer if a rule of `stop` holds at one of them.

    eval_every  The steps in a compiled segment, 100 unless given. At the end of each segment, and only there, the task
                is evaluated, the checkpoint written, the progress line moved, `callback` called and Ctrl-C heeded. One
                program serves all segments, and a second a shorter last one: a divisor of `steps` needs only one.
    metrics     Names to record at each step beside the loss and its aux: "gradient_norm", "update_norm", "params_norm",
                "update_ratio", the second over the third; "zeros" and "nonfinite", shares of the gradient's entries;
                and any hyperparameter, such as "learning_rate", as it was in effect at that step.
    keep_best   An entry of what the task's `evaluate` returns: `run.best` has the parameters and the state of the
                evaluation at which it was best, and the folder keeps them beside the last. `mode` says which is better,
                "min" or "max"; said for `stop` or here, it holds for both where the metric is the same.
    start       A run, or the folder of one, with whose last parameters and model state this run begins; its optimizer
                starts anew. `params`, `opt_state` and `model_state` give each of them by itself. Nothing of theirs is
                changed or donated.
    microbatch  In place of the task's: a number of examples or a `jgd.Microbatch`. "auto" is the largest one, of those
                that divide the batch, with which a segment fits into the memory that is free now, as the compiler plans
                it; the whole batch where nobody tells what is free. It compiles a segment for each size tried, the
                whole batch first; `run.notes` says what was taken.
    mesh        Devices that the run is spread over: each takes its part of every batch, along the mesh's axis
                `data_axis`, its first unless given, whose length divides the batch. The run is one device's, to
                rounding: losses, gradients and norms are those of the whole batch. All is traced as on Auto axes;
                what is returned lies on `mesh`.
    specs       How the parameters lie on `mesh`: a tree of `jax.sharding.PartitionSpec`, a prefix of it, or a function
                of the parameters that returns one, such as `partial(jgd.distributed.split_specs, mesh=mesh)`, with
                which each device keeps its part of them and of the optimizer's state alone (FSDP). Unless given, each
                device has them whole; `jgd.distributed.shard_state(optimizer, mesh)` splits the state alone (ZeRO-1).
    state_specs  Specs of leaves of the optimizer's state by patterns over their paths, `{"v_row/w$": P("data")}`, for
                those whose shapes do not say how they lie, such as means over the rows of a square matrix; `run.notes`
                names them. They are whole on each device unless given.
    dir         A folder for the checkpoint. The same call again goes on from it, to the same bits as if nothing had
                happened; `steps` may then be larger. A kill at any moment loses at most the current segment. A run that
                a rule or the callback has ended stays ended. While one process calls it, another is refused, also where
                the run has ended.
    resume      "changed" goes on from what lies in `dir` although the call is another: another rate, schedule, rule,
                frozen part, seed or loss, or more steps after an end. `run.history` says what changed at which step,
                and what of the optimizer's state begins anew because it was not there before. "same" refuses.
    progress    `None` shows a line in a notebook, and where standard error is a terminal and rich is installed.
    callback    `callback(snapshot)`, a record with step, metrics, params, opt_state, model_state and optimizer; or
                `callback(step, metrics)`. `True` ends the run there with `Status.CALLBACK`; an optimizer of the same
                structure, such as `jgd.with_hyperparams(snapshot.optimizer, ...)`, is gone on with. Its answer
                is written with the segment; after a kill in between it is called again for that segment.
    health      Record the run's pulse, with other settings by a `jgd.Health`: at every fiftieth step, and at some of
                the first, norms of gradients, ratios of updates to parameters, shares of zeros and of what is not
                finite, and cosines of successive gradients, for groups of leaves. `run.health` shows it and says what
                is wrong. Training is unchanged.

    Leaves that the optimizer keeps frozen, see `jgd.by_path`, are not differentiated: their gradients are zeros, in
    norms and clips too.

    Of a stream the batches of the next segment are read, by this thread, while the device computes this one: before its
    evaluation and callback, and in vain where a rule ends the run. So the host holds two segments of batches. What
    reading raises is raised when those batches are due; a checkpoint counts the batches that were trained on.

    Every draw is a function of `seed` and of the step's number. All numbers of the optimizer, the task and the rules
    are arguments of the compiled program: another learning rate compiles nothing. Ctrl-C ends the run after the
    segment, with `Status.INTERRUPTED`.

    The step at which a rule holds is evaluated and not taken; those after it are computed to the segment's end and
    dropped. A rule on a metric of `evaluate` is asked at the ends of segments. A loss that is not finite always stops
    the run, unless the optimizer skips bad batches (`apply_if_finite`, `multi_steps` with a skip function): then an
    update that is not finite does. A gradient that is NaN while its loss is finite is seen one step later, when the
    parameters are NaN too; with a threshold for `gradient_norm` or `step_norm`, at once.
    """
    clock = Clock(time.perf_counter(), compile_seconds())
    plan = _plan(task, optimizer, steps, stop, eval_every, metrics, keep_best, mode, microbatch, health)
    layout = mesh_layout(plan.task, plan.optimizer, plan.in_segment, mesh, data_axis, specs, state_specs)
    plan = plan._replace(layout=layout, notes=layout.notes if layout else ())
    plan = with_largest_microbatch(plan) if microbatch == "auto" else plan
    call, key = None if callback is None else caller(callback), root_key(int(seed))
    checkpoint = None if dir is None else Checkpoint(dir)
    given = given_by(plan.task, key, start, params, opt_state, model_state)
    spec = _spec(plan, given, seed) if checkpoint else {}
    plan = plan if layout is None else plan._replace(task=on_mesh(plan.task, layout))
    with in_effect(layout), checkpoint.alone() if checkpoint else nullcontext():
        state = begin_run(plan.task, plan.optimizer, plan.in_segment, key, given, layout)
        run = Progressed(state, plan.optimizer, Position(0, 0))
        if checkpoint:
            run = checkpoint.open(spec, run, resume)
        before = int(run.state.steps)
        if before > plan.steps:
            raise InputError(
                f"fit(steps={steps}): the checkpoint in {os.fspath(dir or '')!r} has taken {count(before, 'step')}; "
                "ask for at least as many, or use another dir."
            )
        run, told = train(plan, run, checkpoint, progress, call, clock)
        return finish_run(plan, run, told, before, clock, int(seed))


def _plan(
    task: Task,
    optimizer: Any,
    steps: int,
    stop: Stop | None,
    eval_every: int | None,
    metrics: Sequence[str],
    keep_best: str | None,
    mode: str | None,
    microbatch: Microbatch | int | str | None,
    health: Health | bool,
) -> FitPlan:
    """Check what `fit` was asked for against the task, from shapes alone."""
    stop = stop or Stop()
    stop.refuse(SOLVERS_ALONE, "jgd.minimize")
    steps, length = min(int(steps), stop.max_steps or int(steps)), int(eval_every or SEGMENT)
    optimizer = as_transform(optimizer)
    _check_numbers("optimizer", optimizer)
    _check_numbers("task", task)
    if microbatch is not None:
        task = dataclasses.replace(task, microbatch=None if microbatch == "auto" else microbatch)
    known = check_task(task)
    watched = check_watched("fit", metrics, [(task, optimizer)], (*known.steps, *known.judged))
    for place, metric in (("Stop(metric=)", stop.metric), ("fit(keep_best=)", keep_best)):
        if metric is not None and task.evaluate is None:
            raise InputError(f"{place[:-1]}{metric!r}): the task has no evaluate; pass one that returns {metric!r}.")
        if metric is not None and known.judged and metric not in known.judged:
            raise unknown(place, metric, known.judged)
    if stop.metric is not None and stop.value is None and stop.patience is None:
        raise InputError(f"Stop(metric={stop.metric!r}): it needs a rule to act; give it a value or a patience.")
    stop, best = _directions(stop, keep_best, mode)
    pulse = pulse_of(health, known.params)
    return FitPlan(task, optimizer, stop, steps, length, keep_best, best, watched, pulse=pulse)


def _directions(stop: Stop, keep_best: str | None, mode: str | None) -> tuple[Stop, str]:
    """Return the stop with its mode, and the mode of `keep_best`; where both look at one metric, either may say it."""
    same = keep_best is not None and keep_best == stop.metric
    if mode is not None and keep_best is None:
        raise InputError(f"fit(mode={mode!r}): it says which value of keep_best is better; pass keep_best too.")
    if keep_best is not None and mode is None and not same:
        raise InputError(f"fit(keep_best={keep_best!r}): say which is better, with mode='min' or mode='max'.")
    if same and mode and stop.mode and mode != stop.mode:
        raise InputError(
            f"fit(mode={mode!r}): the stop has mode={stop.mode!r} for the same metric; give both the same."
        )
    found = mode_of("Stop", stop.metric, stop.mode or (mode if same else None))
    return dataclasses.replace(stop, mode=found), mode or found


def _spec(plan: FitPlan, given: Given, seed: int) -> dict[str, str]:
    numbers = {"seed": int(seed), "eval_every": plan.length, "keep_best": plan.keep_best, "mode": plan.mode}
    numbers |= {"metrics": plan.watched} if plan.watched else {}
    return run_spec(plan.task, plan.optimizer, plan.stop, batch_shapes(plan.task), given, **numbers)


def _check_numbers(place: str, value: Any) -> None:
    """Refuse a search space, whose leaves are no numbers."""
    for i, leaf in enumerate(jax.tree.leaves(value)):
        if not isinstance(leaf, (bool, int, float, complex, np.generic, np.ndarray, jax.Array)):
            remedy = "bind a text by functools.partial" if isinstance(leaf, str) else "pass a number"
            raise InputError(
                f"fit: the {place}'s {list(hyperparams(value))[i]} is {leaf!r}, not a number; {remedy}, or give a "
                "search space to jgd.sweep.run."
            )
