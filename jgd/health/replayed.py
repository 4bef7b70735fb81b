"""Steps run again for an autopsy: lanes together, with flags of what is not finite, and spikes of their losses."""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.leaves import finite_leaves
from jgd.core.tree import all_finite, global_norm
from jgd.health.jumps import WARM_UP, jump_before, loss_scores
from jgd.train.loop import Carry, advance, batch_at, pick
from jgd.train.segments import skips_bad_batches
from jgd.train.stream import Feed, Position
from jgd.train.task import Task, is_stream

SKIPPED = "the optimizer skipped the step"
STAGES = ("loss", "gradient", "update", "parameters")  # in the order in which a step computes them
SEGMENT = 50  # steps between two carries that are kept


@dataclasses.dataclass
class Replayed:
    """Hold where the first thing went wrong, if any did, and the carry of its lane in front of that step."""

    first: tuple[int, int, str] | None  # lane, step, stage
    carry: Any = None
    value: float = float("nan")  # of the loss there
    note: str = ""
    losses: Any = ()  # f[lanes, steps], from the step on with which it began
    grown: Sequence[float] = ()  # by leaf, the growth of the gradient's norm at a spike


def replay_steps(
    task: Task, optimizers: Sequence[Any], carries: Sequence[Carry], start: int, count: int, spike: float | None = None
) -> Replayed:
    """Take `count` steps from step `start` in each lane until one is not finite; else look for the first spike.

    Where the optimizer skips what is not finite, it is the first step that it has not skipped, else the first whose
    loss was not finite; but no overflow that a loss scale is there for.
    """
    optimizer, carry = _stacked(optimizers), _stacked(carries)
    skips = skips_bad_batches(carry.opt_state)
    losses: list[np.ndarray] = []
    kept: list[tuple[int, Any]] = []
    for at in range(start, start + count, SEGMENT):
        length = min(SEGMENT, start + count - at)
        kept.append((at, carry if spike is not None else None))
        front = carry
        carry, seen = _segment(task, optimizer, carry, at, _batches(task, at, length), length=length)
        loss, good = np.asarray(seen[0]), np.asarray(seen[1])
        losses.append(loss)
        broken = ~good[:, :, 2 * skips :].all(axis=2)
        if broken.any():
            step, lane = (int(x[0]) for x in np.nonzero(broken.T))
            mine = _until(task, optimizer, front, at, at + step, lane)
            stage, known = STAGES[int(np.argmin(good[lane, step]))], np.concatenate(losses, axis=1)
            note = jump_before(known[lane, : at - start + step], math.inf if spike is None else spike, start)
            return Replayed((lane, at + step, stage), mine, float(loss[lane, step]), note, known)
    known = np.concatenate(losses, axis=1)
    lost = np.argwhere(~np.isfinite(known.T))
    if spike is None:
        return Replayed(None, losses=known)
    if not len(lost):
        return _spiked(task, optimizer, kept, known, start, spike)
    step, lane = map(int, lost[0])
    at, carry = [(at, carry) for at, carry in kept if at <= start + step][-1]
    mine = _until(task, optimizer, carry, at, start + step, lane)
    return Replayed((lane, start + step, "loss"), mine, float(known[lane, step]), SKIPPED, known)


def batch_of(task: Task, key: jax.Array, step: int) -> tuple[Any, np.ndarray | None]:
    """Return the batch of a step, and the rows of the data that it is made of."""
    if is_stream(task):
        return jax.tree.map(lambda x: x[0], _batches(task, step, 1)), None
    rows = pick(task, key, step, 1)
    return batch_at(task, None if rows is None else rows[0]), None if rows is None else np.asarray(rows[0])


def _spiked(
    task: Task, optimizer: Any, kept: Sequence[tuple[int, Any]], losses: np.ndarray, start: int, spike: float
) -> Replayed:
    scores = np.stack([loss_scores(one) for one in losses])
    over = np.argwhere(np.greater(scores.T, spike))
    if not len(over):
        return Replayed(None, losses=losses)
    step, lane = map(int, over[0])
    number = start + step
    at, carry = [(at, carry) for at, carry in kept if at <= number][-1]
    mine = _until(task, optimizer, carry, at, number, lane)
    before = _until(task, optimizer, carry, at, max(at, number - 1), lane)
    own = jax.tree.map(lambda x: x[lane], optimizer)
    now, then = (
        _norms(task, own, one, i, batch_of(task, one.key, i)[0])
        for one, i in ((mine, number), (before, max(at, number - 1)))
    )
    grown = np.asarray(now) / np.maximum(np.asarray(then), 1e-30)
    usual = float(np.median(losses[lane, max(0, step - WARM_UP) : step]))
    note = f"about {usual:.4g}, as before; it rose by {scores[lane, step]:.1f} deviations"
    if number > at:
        note += f", and gradients up to {float(np.max(grown)):.3g}-fold"
    return Replayed(
        (lane, number, "spike"), mine, float(losses[lane, step]), note, losses, grown.tolist() if number > at else ()
    )


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *x: jnp.stack([jnp.asarray(one) for one in x]), *trees)


def _batches(task: Task, start: int, length: int) -> Any:
    """Return the stacked batches of a stream's steps; `None` where the steps draw theirs."""
    if not is_stream(task):
        return None
    feed = Feed(task.data, Position(0, 0))
    for _ in range(start):
        feed.take(1)
    return jax.tree.map(jnp.asarray, feed.take(length))


def _until(task: Task, optimizer: Any, carry: Any, start: int, end: int, lane: int) -> Carry:
    """Return the carry of a lane in front of step `end`."""
    one, carry = jax.tree.map(lambda x: x[lane : lane + 1], (optimizer, carry))
    if end > start:
        carry, _ = _segment(task, one, carry, start, _batches(task, start, end - start), length=end - start)
    return jax.tree.map(lambda x: x[0], carry)


@partial(jax.jit, static_argnames="length")
def _segment(task: Task, optimizer: Any, carry: Any, start: Any, batches: Any, *, length: int) -> Any:
    """Take the steps of all lanes: their carries, the losses f[lanes, length] and whether each stage was finite.

    Parameters that were not finite in front of them, as a mask may be, are not looked at.
    """

    def lane(optimizer: Any, carry: Carry) -> Any:
        rows = None if batches is not None else pick(task, carry.key, start, length)
        were = finite_leaves(carry.params)

        def body(carry: Carry, x: Any) -> Any:
            number, drawn = x
            batch = drawn if batches is not None else batch_at(task, drawn)
            new, step = advance(task, optimizer, carry, number, batch)
            params = [jnp.where(x, p, 0) for x, p in zip(were, jax.tree.leaves(new.params), strict=True)]
            trees = (step.metrics["loss"], step.grads, step.updates, params)
            return new, (step.metrics["loss"], jnp.stack([all_finite(tree) for tree in trees]))

        return jax.lax.scan(body, carry, (start + jnp.arange(length), rows if batches is None else batches))

    return jax.vmap(lane)(optimizer, carry)


@jax.jit
def _norms(task: Task, optimizer: Any, carry: Carry, number: Any, batch: Any) -> list[jax.Array]:
    """Return the norm of the gradient of each leaf."""
    return [global_norm(g) for g in jax.tree.leaves(advance(task, optimizer, carry, number, batch)[1].grads)]
