"""Train one task with one optimizer in compiled segments: metrics, stopping rules, progress, and resume."""

import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.compilation import compile_seconds
from jgd.core.errors import InputError, whole
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.core.types import Transform
from jgd.core.values import names
from jgd.train.checkpoint import Checkpoint, Curves, Progressed, describe
from jgd.train.interrupt import Interrupt
from jgd.train.loop import root_key
from jgd.train.progress import Progress
from jgd.train.result import Run
from jgd.train.segments import begin_run, evaluate, run_segment
from jgd.train.stream import Feed, Position
from jgd.train.task import Task, check_task, is_stream
from jgd.transforms.as_transform import as_transform

SEGMENT = 100
Callback = Callable[[int, dict[str, float]], Any]


def fit(
    task: Task,
    optimizer: Transform,
    *,
    steps: int,
    seed: int = 0,
    stop: Stop | None = None,
    eval_every: int | None = None,
    dir: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    callback: Callback | None = None,
) -> Run:
    """Take `steps` steps of `optimizer` on `task`, or fewer if a rule of `stop` holds at one of them.

    eval_every  The steps in a compiled segment, 100 unless given. At the end of each segment, and only there, the task
                is evaluated, the checkpoint written, the progress line moved, `callback` called and Ctrl-C heeded. One
                program serves all segments, and a second a shorter last one: a divisor of `steps` needs only one.
    dir         A folder for the checkpoint. The same call again goes on from it, to the same bits as if nothing had
                happened; `steps` may then be larger. A kill at any moment loses at most the current segment.
    progress    `None` shows a line where standard error is a terminal and rich is installed.
    callback    `callback(step, metrics)` with the latest number of each metric and evaluation; a true answer ends the
                run there as interrupted.

    Every draw is a function of `seed` and of the step's number. All numbers of the optimizer, the task and the rules
    are arguments of the compiled program: another learning rate compiles nothing. Ctrl-C ends the run after the
    segment, with `Status.INTERRUPTED`.

    The step at which a rule holds is evaluated and not taken; those after it are computed to the segment's end and
    dropped. A loss that is not finite always stops the run, unless the optimizer skips bad batches (`apply_if_finite`,
    `multi_steps` with a skip function): then an update that is not finite does. A gradient that is NaN while its loss
    is finite is seen one step later, when the parameters are NaN too; with a threshold for `gradient_norm` or
    `step_norm`, at once.
    """
    clock = time.perf_counter(), compile_seconds()
    plan = _plan(task, optimizer, steps, stop, eval_every)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise InputError(f"fit(seed={seed!r}): seed must be a whole number; keys are made from it.")
    state = begin_run(plan.task, plan.optimizer, plan.stop, root_key(seed))
    checkpoint, run = None, Progressed(state, {}, {}, Position(0, 0))
    if dir is not None:
        spec = describe(plan.task, plan.optimizer, plan.stop, seed=int(seed), eval_every=plan.length)
        checkpoint = Checkpoint(dir, spec)
        run = checkpoint.load(state) or run
    if int(run.state.steps) > plan.steps:
        raise InputError(
            f"fit(steps={steps}): the checkpoint in {os.fspath(dir or '')!r} has taken {int(run.state.steps)} steps; "
            "ask for at least as many, or use another dir."
        )
    run = _train(plan, run, checkpoint, progress, callback)
    return _finish(plan, run, time.perf_counter() - clock[0], compile_seconds() - clock[1])


class _Plan(NamedTuple):
    """What to do, checked."""

    task: Task
    optimizer: Transform
    stop: Stop
    steps: int
    length: int  # steps in a segment


def _plan(task: Task, optimizer: Any, steps: int, stop: Stop | None, eval_every: int | None) -> _Plan:
    if not isinstance(task, Task):
        raise InputError(f"fit(task={task!r}): task must be a jgd.Task(init, loss, data, ...).")
    if stop is not None and not isinstance(stop, Stop):
        raise InputError(f"fit(stop={stop!r}): stop must be a jgd.Stop, such as Stop(value=0.1, patience=500).")
    stop = stop or Stop()
    steps = min(whole("fit", "steps", steps), stop.max_steps or steps)
    length = whole("fit", "eval_every", SEGMENT if eval_every is None else eval_every)
    optimizer = as_transform(optimizer)
    _check_numbers("optimizer", optimizer)
    _check_numbers("task", task)
    check_task(task)
    return _Plan(task, optimizer, dataclasses.replace(stop, max_steps=None), steps, length)


def _train(
    plan: _Plan, run: Progressed, checkpoint: Checkpoint | None, progress: bool | None, callback: Callback | None
) -> Progressed:
    """Segment after segment, until the steps are taken, a rule holds or somebody interrupts."""
    done = int(run.state.steps)
    feed = Feed(plan.task.data, run.position) if is_stream(plan.task) else None
    with Interrupt() as interrupt, Progress(plan.task.name or "fit", plan.steps, done, progress) as line:
        try:
            while done < plan.steps and run.state.status == Status.RUNNING and not interrupt.requested:
                # Segments end at multiples of their length, so that a resumed run is cut like an uninterrupted one.
                run = _segment(plan, run, min(plan.length - done % plan.length, plan.steps - done), feed)
                done = int(run.state.steps)
                if checkpoint:
                    checkpoint.save(run)
                latest = _latest(run)
                line.update(done, f"loss {latest['loss']:.6g}")
                if callback and callback(done, latest):
                    break
        except KeyboardInterrupt:
            # The data or the callback raised it; or it is the second Ctrl-C, which means at once.
            if interrupt.requested or any(x.is_deleted() for x in jax.tree.leaves(run.state)):
                raise
    return run


def _segment(plan: _Plan, run: Progressed, size: int, feed: Feed | None) -> Progressed:
    """The run one segment further. The state that it came with is donated."""
    before = int(run.state.steps)
    batches = feed.take(size) if feed else None
    end = before + size
    if size == 1 < plan.length:
        # XLA takes a loop of one step apart and may round otherwise, so a last step on its own is one of two.
        batches, size = jax.tree.map(lambda x: x.repeat(2, axis=0), batches), 2
    state, curves = run_segment(plan.task, plan.optimizer, plan.stop, run.state, batches, end, length=size)
    after = int(state.steps)
    curves = {name: np.asarray(curve)[: after - before] for name, curve in curves.items()}
    evaluations = run.evaluations
    if plan.task.evaluate is not None:
        values = {"step": np.asarray(after), **evaluate(plan.task, plan.optimizer, state.carry)}
        evaluations = _append(evaluations, {name: np.asarray(x)[None] for name, x in values.items()})
    return Progressed(state, _append(run.metrics, curves), evaluations, feed.position if feed else run.position)


def _append(curves: Curves, new: Curves) -> Curves:
    return {name: np.concatenate([curves[name], x]) if name in curves else x for name, x in new.items()}


def _latest(run: Progressed) -> dict[str, float]:
    return {name: float(curve[-1]) for curves in (run.evaluations, run.metrics) for name, curve in curves.items()}


def _finish(plan: _Plan, run: Progressed, seconds: float, compiling: float) -> Run:
    state, steps = run.state, int(run.state.steps)
    status = Status.of(state.status)
    if status is Status.RUNNING:
        status = Status.MAX_STEPS if steps >= plan.steps else Status.INTERRUPTED
    return Run(
        params=state.carry.params,
        opt_state=state.carry.opt_state,
        model_state=state.carry.model_state,
        status=status,
        steps=steps,
        # jit sorts the names; the loss and the step come first.
        metrics=dict(sorted(run.metrics.items(), key=lambda item: item[0] != "loss")),
        evaluations=dict(sorted(run.evaluations.items(), key=lambda item: item[0] != "step")),
        seconds=seconds,
        compile_seconds=compiling,
    )


def _check_numbers(place: str, value: Any) -> None:
    """Refuse a search space, whose leaves are no numbers."""
    for i, leaf in enumerate(jax.tree.leaves(value)):
        if not isinstance(leaf, (bool, int, float, complex, np.generic, np.ndarray, jax.Array)):
            raise InputError(
                f"fit: the {place}'s {names(value)[i]} is {leaf!r}, not a number; pass a number, or give a search "
                "space to jgd.sweep.run."
            )
