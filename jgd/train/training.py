"""The loop of `fit`: segment after segment, what is done at the end of each, and the run that comes of it."""

import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from jgd.core.compilation import compile_seconds
from jgd.core.processes import in_any, is_first
from jgd.core.progress import Progress
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.core.threefry import words_of
from jgd.core.types import Transform
from jgd.train.callback import Snapshot, answer_of
from jgd.train.checkpoint import Checkpoint, Progressed
from jgd.train.draws import draws_on_host, picked_rows
from jgd.train.interrupt import Interrupt
from jgd.train.judging import Best, Judge, is_better, metric_value
from jgd.train.loop import evaluation, judged_params
from jgd.train.mesh_layout import MeshLayout
from jgd.train.pulse import Pulse, bounded
from jgd.train.result import Change, Run
from jgd.train.segments import HEALTH, RunState, evaluate, run_segment, status_code
from jgd.train.start import put_like
from jgd.train.stream import Feed
from jgd.train.task import Task, check_evaluation, is_on_host, is_stream


class FitPlan(NamedTuple):
    """Hold what to do, checked."""

    task: Task
    optimizer: Transform
    stop: Stop
    steps: int
    length: int  # steps in a segment
    keep_best: str | None
    mode: str  # of keep_best
    watched: tuple[str, ...]  # further metrics of each step
    layout: MeshLayout | None = None
    notes: tuple[str, ...] = ()  # what the run is to tell of how it was planned
    pulse: Pulse | None = None  # where health is asked for

    @property
    def in_segment(self) -> Stop:
        """The rules that hold at a step; the others are asked at the ends of segments."""
        stop = dataclasses.replace(self.stop, max_steps=None, seconds=None, metric=None)
        return stop if self.stop.metric is None else dataclasses.replace(stop, value=None, patience=None)


class Clock(NamedTuple):
    """When a call began, and how long had been compiled by then."""

    began: float
    compiled: float

    @property
    def seconds(self) -> float:
        """The seconds since the call began."""
        return time.perf_counter() - self.began


class Told(NamedTuple):
    """Why a run ended, where its state does not say so."""

    status: Status | None = None
    reason: str = ""


def train(
    plan: FitPlan,
    run: Progressed,
    checkpoint: Checkpoint | None,
    progress: bool | None,
    callback: Callable[[Snapshot], Any] | None,
    clock: Clock,
) -> tuple[Progressed, Told]:
    """Train, segment after segment, until the steps are taken, a rule holds or somebody interrupts."""
    done, told = int(run.state.steps), Told()
    feed = Feed(plan.task.data, run.position) if is_stream(plan.task) else None
    judge = _judge(plan, run)
    shown = progress if is_first() else False
    with Interrupt() as interrupt, Progress(plan.task.name or "fit", plan.steps, done, shown) as line:
        try:
            while done < plan.steps and int(run.state.status) == Status.RUNNING and not in_any(interrupt.requested):
                # Segments end at multiples of their length, so that a resumed run is cut like an uninterrupted one.
                told = _segment(plan, run, min(plan.length - done % plan.length, plan.steps - done), feed, judge)
                done = int(run.state.steps)
                latest = {**run.evaluations.last(), **run.metrics.last()}
                line.update(done, f"loss {latest['loss']:.6g}")
                try:
                    if callback:
                        _follow_callback(callback, run, done, latest)
                finally:  # what the callback asked for is written with the segment, and a segment in spite of its error
                    if checkpoint:
                        checkpoint.save(run)
                if plan.stop.seconds is not None and in_any(clock.seconds >= float(np.asarray(plan.stop.seconds))):
                    limit = float(np.asarray(plan.stop.seconds))
                    told = (
                        told if told.status else Told(Status.TIME, f"{clock.seconds:.1f} s of {limit:g} s had passed")
                    )
                    break
        except KeyboardInterrupt:
            # The data or the callback raised it; or it is the second Ctrl-C, which means at once.
            if interrupt.requested or any(x.is_deleted() for x in jax.tree.leaves(run.state)):
                raise
        finally:
            if feed:
                feed.close()
    return run, told


def finish_run(plan: FitPlan, run: Progressed, told: Told, before: int, clock: Clock, seed: int) -> Run:
    """Return the run as its caller gets it."""
    state, steps, best = run.state, int(run.state.steps), run.best
    if plan.layout is not None:
        handed = plan.layout.handed_out
        state = state._replace(carry=handed(state.carry._replace(key=None)))
        best = best and best._replace(params=handed(best.params), model_state=handed(best.model_state))
    status = Status.of(state.status)
    if status is Status.RUNNING:
        status = Status.MAX_STEPS if steps >= plan.steps else told.status or Status.INTERRUPTED
    metrics, evaluations = ({k: np.array(x) for k, x in y.rows().items()} for y in (run.metrics, run.evaluations))
    reason = told.reason or _judged_reason(plan, run, status) or _reason(status, metrics)
    at = steps - (status is Status.NON_FINITE)  # the step that was not finite, as curves, sweeps and autopsies count
    return Run(
        params=state.carry.params,
        opt_state=state.carry.opt_state,
        model_state=state.carry.model_state,
        status=status,
        steps=steps,
        # jit sorts the names; the loss and the step come first.
        metrics=dict(sorted(metrics.items(), key=lambda item: item[0] != "loss")),
        evaluations=dict(sorted(evaluations.items(), key=lambda item: item[0] != "step")),
        seconds=clock.seconds,
        compile_seconds=compile_seconds() - clock.compiled,
        reason=f"stopped at step {at}" + (f": {reason}" if reason else ""),
        best=best,
        history=run.history,
        seed=seed,
        steps_here=steps - before,
        notes=(*plan.notes, *_notes(state.carry.opt_state, status)),
        pulse=plan.pulse,
        beats={name: np.array(x) for name, x in run.beats.rows().items()},
    )


def _segment(plan: FitPlan, run: Progressed, size: int, feed: Feed | None, judge: Judge) -> Told:
    """Take the run one segment further. The state that it came with is donated."""
    before, first = int(run.state.steps), run.state
    began = feed.position if feed else run.position
    batches = feed.take(size) if feed else None
    end = before + size
    if size == 1 < plan.length:
        # XLA takes a loop of one step apart and may round otherwise, so a last step on its own is one of two.
        batches, size = jax.tree.map(lambda x: x.repeat(2, axis=0), batches), 2
    if plan.layout is not None and batches is not None:
        place = f"Task(data): one of the {size} batches from batch {began.index} of epoch {began.epoch} on"
        batches = plan.layout.placed(batches, place)
    state, curves = run_segment(
        plan.task, run.optimizer, plan.in_segment, first, batches, _rows(plan, first, size), end,
        length=size, watched=plan.watched, layout=plan.layout, pulse=plan.pulse,
    )  # fmt: skip
    if feed:  # the call has returned before the device is done
        feed.read_ahead(min(plan.length, plan.steps - end))
    # The compiler chooses where what it returns lies; every segment is to begin as the first did.
    run.state = put_like(state, first)
    after, beats = int(state.steps), curves.pop(HEALTH, None)
    run.metrics.append({name: np.asarray(curve)[: after - before] for name, curve in curves.items()})
    if plan.pulse:
        run.beats.append(plan.pulse.rows(beats, before, after - before, np.asarray(curves["loss"])))
        run.beats = bounded(run.beats)
    run.position = feed.position if feed else run.position
    if plan.task.evaluate is None:
        return Told()
    values = {"step": after, **_evaluate(plan.task, run)}
    run.evaluations.append({name: np.asarray(x)[None] for name, x in values.items()})
    judge.see(values)
    _keep_best(plan, run, values)
    if (found := judge.verdict()) and int(run.state.status) == Status.RUNNING:
        run.state = run.state._replace(status=status_code(found[0]))
        return Told(*found)
    return Told()


def _rows(plan: FitPlan, state: RunState, size: int) -> np.ndarray | None:
    """Return the rows of the next batches, where the host draws them: so a small task compiles twice as fast."""
    (where,) = {device.platform for device in state.steps.devices()}
    if not draws_on_host(where):
        return None
    picked = picked_rows(plan.task, [words_of(state.carry.key)], int(state.steps), size)
    return None if picked is None else picked[0]


def _evaluate(task: Task, run: Progressed) -> dict[str, Any]:
    if not is_on_host(task):
        return evaluate(task, run.optimizer, run.state.carry)
    values = evaluation(task, run.optimizer, run.state.carry)
    check_evaluation(task, values)
    return {name: np.asarray(x, None if hasattr(x, "dtype") else np.float32) for name, x in values.items()}


def _keep_best(plan: FitPlan, run: Progressed, values: dict[str, Any]) -> None:
    if plan.keep_best is None:
        return
    value = metric_value(values, plan.keep_best, "fit(keep_best=)")
    if np.isfinite(value) and (run.best is None or is_better(value, run.best.value, plan.mode)):
        carry = run.state.carry
        params, state = (_copied(x) for x in (judged_params(run.optimizer, carry), carry.model_state))
        run.best = Best(params, state, values["step"], value)


def _copied(tree: Any) -> Any:
    return jax.tree.map(lambda x: x.copy(), tree)


def _follow_callback(callback: Callable[[Snapshot], Any], run: Progressed, done: int, latest: dict[str, float]) -> None:
    """Call the callback and do what it asks for."""
    carry = run.state.carry
    snapshot = Snapshot(done, latest, carry.params, carry.opt_state, carry.model_state, run.optimizer)
    answer = answer_of(callback(snapshot), run.optimizer)
    if answer.optimizer is not None:
        run.optimizer = answer.optimizer
        run.history += (Change(done, "callback", answer.changes),)
    if answer.stop and int(run.state.status) == Status.RUNNING:
        run.state = run.state._replace(status=status_code(Status.CALLBACK))


def _judge(plan: FitPlan, run: Progressed) -> Judge:
    """Judge the evaluations so far, from the last change of course on."""
    since = max((change.step for change in run.history if change.by == "resume"), default=0)
    judge, rows = Judge(plan.stop, since), run.evaluations.rows()
    if plan.stop.metric is not None:
        for i in range(run.evaluations.length):
            judge.see({name: x[i] for name, x in rows.items()})
    return judge


def _judged_reason(plan: FitPlan, run: Progressed, status: Status) -> str:
    """Return the sentence of a rule on a metric that ended the run in an earlier call."""
    found = _judge(plan, run).verdict() if status in (Status.VALUE, Status.PLATEAU) else None
    return found[1] if found else ""


def _reason(status: Status, metrics: dict[str, np.ndarray]) -> str:
    loss = f" (loss {metrics['loss'][-1]:.6g})" if metrics.get("loss") is not None else ""
    return f"{status.message}{loss}"


def _notes(opt_state: Any, status: Status) -> tuple[str, ...]:
    """Note what would go unseen: gradients that were accumulated and not applied."""
    if status in (Status.INTERRUPTED, Status.TIME):
        return ()
    left = [int(np.max(node.mini_step)) for node in _accumulators(opt_state)]
    if not (waiting := max(left, default=0)):
        return ()
    text = (
        f"the last {waiting} gradients were accumulated and not applied, because their round was not full; "
        "take a number of steps that is a multiple of every_k_schedule"
    )
    warnings.warn(f"fit: {text}.", stacklevel=4)
    return (text,)


def _accumulators(state: Any) -> list[Any]:
    if isinstance(state, optax.MultiStepsState):
        return [state]
    children = jax.tree.leaves(state, is_leaf=lambda node: node is not state)
    return [found for child in children if child is not state for found in _accumulators(child)]
