"""The compiled pieces of `fit`: the first carry, and segments of steps that a stopping rule can freeze."""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core.leaves import finite_leaves
from jgd.core.status import Status
from jgd.core.stop import Stop, Watch
from jgd.core.tree import global_norm, where
from jgd.core.types import Transform
from jgd.train.loop import Carry, Step, advance, batch_at, evaluation, pick
from jgd.train.pulse import Pulse, no_samples, samples
from jgd.train.task import Task
from jgd.transforms.loss_scale import LossScaleState

HEALTH = "health"  # the pulse among the curves of a segment


class RunState(NamedTuple):
    """Everything that a run needs to go on, and all that a checkpoint holds of it."""

    carry: Carry
    watch: Watch
    status: jax.Array  # i32[], a Status
    steps: jax.Array  # i32[], the steps evaluated so far


def status_code(status: Status) -> jax.Array:
    """Return a status as a run's state holds it."""
    return jnp.array(int(status), jnp.int32)


@partial(jax.jit, static_argnames=("length", "watched", "layout", "pulse"), donate_argnames="state")
def run_segment(
    task: Task,
    optimizer: Transform,
    stop: Stop,
    state: RunState,
    batches: Any,
    rows: Any,
    end: Any,
    *,
    length: int,
    watched: tuple[str, ...] = (),
    layout: Any = None,
    pulse: Pulse | None = None,
) -> tuple[RunState, dict[str, Any]]:
    """Take up to `length` steps, none from step `end` on; the metrics of those that were not taken mean nothing.

    All numbers of the task, of the optimizer and of the rules are arguments, so other values need no compilation.
    `batches` are stacked ones from a stream, or `None`. `rows` are those of each batch, or `None` where they are drawn
    here, or where all are used. A frozen step costs what a live one does: there is no branch, because the selects fuse
    into the update and a branch on the device would cost a round trip. A `layout` on a mesh, see
    `jgd.train.mesh_layout`, is kept by every step. What a `pulse` measures stands under "health" among the curves, see
    `_with_pulse`. Where the last step has made a parameter infinite or NaN that was finite before the segment, the
    status says so, though no loss has shown it yet.
    """
    start, were = state.steps, finite_leaves(state.carry.params)
    draws = rows if rows is not None else pick(task, state.carry.key, start, length)
    batch_of = partial(batch_at, task)
    if batches is not None:
        draws, batch_of = batches, lambda x: x

    def take(state: RunState, number: Any, draw: Any, wanted: Any) -> tuple[RunState, Step]:
        new, step = _guarded(task, optimizer, stop, state, number, wanted, batch_of(draw), watched, layout)
        return new if layout is None else layout.kept(new), step

    def body(state: RunState, x: Any) -> tuple[RunState, dict[str, Any]]:
        number, draw = x
        new, step = take(state, number, draw, number < end)
        return new, step.metrics

    numbers = start + jnp.arange(length)
    if pulse is None:
        state, curves = jax.lax.scan(body, state, (numbers, draws))
    else:
        state, curves = _with_pulse(take, pulse, optimizer, state, numbers, draws, end)
    lost = jnp.any(were & ~finite_leaves(state.carry.params)) & (state.status == Status.RUNNING)
    state = state._replace(status=jnp.where(lost, status_code(Status.NON_FINITE), state.status))
    return state, curves if layout is None else layout.whole(curves)


class _Heard(NamedTuple):
    """Hold what the loops of a segment with a pulse hand on."""

    state: RunState
    at: jax.Array  # i32[], the steps of the segment that were taken
    curves: dict[str, Any]  # a row for each
    before: Any  # samples of the gradients of the step before, zeros where that was a plain one
    lost: jax.Array  # bool[], whether that was a plain one whose loss is not finite


def _with_pulse(
    take: Callable[..., tuple[RunState, Step]],
    pulse: Pulse,
    optimizer: Transform,
    state: RunState,
    numbers: jax.Array,
    draws: Any,
    end: Any,
) -> tuple[RunState, dict[str, Any]]:
    """Take a segment's steps by a loop of plain ones and a loop of others in turn, so that no plain step has a branch.

    The others are those that are due, which are measured, and each one before, of which samples of its gradients are
    kept: a plain step does nothing that it would not do without a pulse. One whose loss is not finite has left the
    parameters as they were: it is taken a second time, to be measured, and what comes of that is dropped. Once the run
    has ended no further step is taken, but for plain ones up to the next that is near a measurement. The step's program
    is compiled twice, and reads its number from an array, as in a scan, for the sake of the same rounding.
    """
    length, none = len(numbers), no_samples(state.carry.params)
    near = jnp.append(pulse.is_due(numbers) | pulse.is_due(numbers + 1), True)  # for each step, and for the end

    def step_at(now: _Heard, at: Any, wanted: Any) -> tuple[RunState, Step]:
        number, draw = jax.tree.map(lambda x: _row(x, at), (numbers, draws))
        return take(now.state, number, draw, wanted & (number < end))

    def plain(now: _Heard) -> _Heard:
        new, step = step_at(now, now.at, True)
        return now._replace(state=new, at=now.at + 1, curves=_put(now.curves, step.metrics, now.at))

    def listen(now: _Heard) -> tuple[RunState, Any, dict[str, Any]]:
        at = now.at - now.lost
        new, step = step_at(now, at, ~now.lost)
        beat = partial(pulse.beat, optimizer, now.state.carry.params, step.grads, step.updates, now.before)
        blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(beat))
        kept = pulse.is_due(numbers[0] + at) | ~jnp.isfinite(step.metrics["loss"])
        return new, samples(step.grads), {**step.metrics, HEALTH: jax.lax.cond(kept, beat, lambda: blank)}

    def heard(now: _Heard) -> _Heard:
        new, before, row = listen(now)
        at = now.at - now.lost
        return _Heard(new, at + 1, _put(now.curves, row, at), before, jnp.array(False))

    def both(now: _Heard) -> _Heard:
        def is_lost(x: _Heard) -> jax.Array:
            return (x.at > now.at) & ~jnp.isfinite(_row(x.curves["loss"], x.at - 1))

        then = jax.lax.while_loop(lambda x: ~_row(near, x.at) & ~is_lost(x), plain, now)
        then = then._replace(before=where(then.at > now.at, none, now.before), lost=is_lost(then))
        return jax.lax.while_loop(lambda x: goes_on(x) & _row(near, x.at) | x.lost, heard, then)

    def goes_on(now: _Heard) -> jax.Array:
        return (now.at < jnp.minimum(length, end - numbers[0])) & (now.state.status == Status.RUNNING)

    first = _Heard(state, jnp.int32(0), {}, none, jnp.array(False))
    row = jax.eval_shape(lambda: listen(first)[2])
    blank = jax.tree.map(lambda x: jnp.zeros((length, *x.shape), x.dtype), row)
    last = jax.lax.while_loop(goes_on, both, first._replace(curves=blank))
    return last.state, last.curves


def _row(rows: jax.Array, at: jax.Array) -> jax.Array:
    """Return a row; that of -1 is the first."""
    return jax.lax.dynamic_index_in_dim(rows, at, keepdims=False, allow_negative_indices=False)


def _put(curves: dict[str, Any], row: dict[str, Any], at: jax.Array) -> dict[str, Any]:
    """Set a row of those curves that it has values for."""

    def put(curve: jax.Array, x: jax.Array) -> jax.Array:
        return jax.lax.dynamic_update_index_in_dim(curve, x, at, 0, allow_negative_indices=False)

    return {**curves, **jax.tree.map(put, {name: curves[name] for name in row}, row)}


@jax.jit
def evaluate(task: Task, optimizer: Transform, carry: Carry) -> Mapping[str, Any]:
    """Return the task's evaluation, nothing where it has none."""
    return evaluation(task, optimizer, carry)


def _guarded(
    task: Task,
    optimizer: Transform,
    stop: Stop,
    state: RunState,
    number: Any,
    wanted: Any,
    batch: Any,
    watched: tuple[str, ...],
    layout: Any,
) -> tuple[RunState, Step]:
    """Return a step that is not taken where it is not wanted, where a rule holds at it, or where one held before.

    The selects fuse into the update as long as the rules look at the loss alone; a norm of all gradients or updates is
    a pass of its own, which a small model feels, so it is made only where something asks for it.
    """
    new, step = advance(task, optimizer, state.carry, number, batch, watched, layout)
    loss, skips = step.metrics["loss"], skips_bad_batches(state.carry.opt_state)
    gradient_norm = None if stop.gradient_norm is None else global_norm(step.grads)
    step_norm = None if stop.step_norm is None and not skips else global_norm(step.updates)
    judged = [x for x in ((step_norm,) if skips else (loss, gradient_norm, step_norm)) if x is not None]
    finite = reduce(jnp.logical_and, map(jnp.isfinite, judged))
    watch, code = stop.check(state.watch, value=loss, gradient_norm=gradient_norm, step_norm=step_norm, finite=finite)
    live = wanted & (state.status == Status.RUNNING)
    taken = live & (code == Status.RUNNING)
    carry = Carry(
        where(taken, new.params, state.carry.params),
        where(taken, new.opt_state, state.carry.opt_state),
        where(taken, new.model_state, state.carry.model_state),
        state.carry.key,
    )
    status = jnp.where(live, code, state.status)
    return RunState(carry, where(live, watch, state.watch), status, state.steps + live), step


def skips_bad_batches(opt_state: Any) -> bool:
    """Tell whether it deals with a bad loss itself, by taking no step: then only a bad update stops the run."""
    if isinstance(opt_state, (optax.ApplyIfFiniteState, LossScaleState)):
        return True
    if isinstance(opt_state, optax.MultiStepsState) and jax.tree.leaves(opt_state.skip_state):
        return True
    children = jax.tree.leaves(opt_state, is_leaf=lambda node: node is not opt_state)
    return any(skips_bad_batches(child) for child in children if child is not opt_state)
