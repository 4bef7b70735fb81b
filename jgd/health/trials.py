"""RateTrials: a few steps of training with the optimizer's updates scaled, and with the parts of the data unpaired."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.types import Transform
from jgd.health.starting import data_rows
from jgd.train.loop import Carry, advance, begin, judged_params, root_key, segment
from jgd.train.task import Task, loss_and_metrics
from jgd.transforms.compose import chain
from jgd.transforms.scale import scale

FACTORS = (0.01, 0.1, 1.0, 10.0)  # of the updates
REPEATED = 8  # examples that are learnt by heart, or half as many as there are parameters
REPEATS = 200  # steps on them
JUDGED = 16  # parts of the examples that were held out, for a standard error


class RateTrials(NamedTuple):
    """Hold how the loss went under each of `FACTORS`, from the same parameters over the same batches.

    Losses are means over examples that were trained on, and over as many that were not; parameters that training or the
    user has made may have seen these before, so that the first ones stand for both.
    """

    before: float
    after: np.ndarray  # f[factors]
    held_before: float
    held_after: np.ndarray  # f[factors]
    unpaired: float  # (loss where pairs were broken - loss) / its standard error, of held-out examples; NaN untested
    by_heart: float  # least loss of `REPEATS` steps on a few examples over the first; NaN after steps of a run
    end: Carry  # after the steps with the factor 1
    begin: Carry
    losses: np.ndarray  # f[steps] of the factor 1

    def gain(self, factor: float) -> float:
        """Return the fall of the loss under this factor; minus infinity where it is not finite."""
        after = self.after[FACTORS.index(factor)]
        return float(self.before - after) if np.isfinite(after) else float("-inf")


def run_trials(
    task: Task, optimizer: Transform, carry: Carry, start: int, steps: int, fresh: bool = True
) -> RateTrials:
    """Train from `carry` on half of the data for `steps` steps under each factor, and judge on both halves.

    The optimizer is chained with a scale, so that a factor acts as one of the learning rate does. The test of pairs
    trains once more on data of which every array but the first is shuffled by itself: where that does as well on
    held-out examples, the arrays tell nothing about each other. Costs five runs of one program, and `REPEATS` steps on
    a few examples. Where the parameters are not `fresh`, no example is known to be held out: the rate is judged by
    those that were trained on, and pairs are tested from the parameters that `init` makes too, in two further runs.
    """
    mine, other = _halves(task, steps)
    held = other if fresh else mine
    judge = lambda optimizer, carry, data: np.asarray(_judge(task, optimizer, carry, data), np.float64)  # noqa: E731
    half = _with_data(task, mine)
    scaled = [chain(optimizer, scale(factor)) for factor in FACTORS]
    first = carry._replace(opt_state=(carry.opt_state, scaled[0].links[1].init(carry.params)))
    before, held_before = (float(judge(scaled[0], first, data).mean()) for data in (mine, held))
    ends = [_segment(half, one, first, start, length=steps) for one in scaled]
    after = np.array([judge(one, end, mine).mean() for one, (end, _) in zip(scaled, ends, strict=True)])
    means = np.array([judge(one, end, held).mean() for one, (end, _) in zip(scaled, ends, strict=True)])
    best = int(np.argmin(np.where(np.isfinite(means), means, np.inf)))

    def from_pairs(one: Any, first: Carry, start: int, paired: Carry) -> float:
        broken, _ = _segment(_with_data(task, _unpaired(mine)), one, first, start, length=steps)
        excess = judge(one, broken, other) - judge(one, paired, other)
        spread = float(np.std(excess, ddof=1)) / len(excess) ** 0.5
        return float(excess.mean() / spread) if spread > 0 else float("nan")

    unpaired = float("nan")
    if len(jax.tree.leaves(mine)) > 1:
        unpaired = from_pairs(scaled[best], first, start, ends[best][0])
        if not fresh:
            own = scaled[FACTORS.index(1.0)]
            made = jax.jit(begin)(task, own, carry.key)
            of_made = from_pairs(own, made, 0, _segment(half, own, made, 0, length=steps)[0])
            unpaired = float(np.fmax(unpaired, of_made))
    end, losses = ends[FACTORS.index(1.0)]
    by_heart = learn_by_heart(task, optimizer, carry) if start == 0 else float("nan")
    own = end._replace(opt_state=end.opt_state[0])
    return RateTrials(before, after, held_before, means, unpaired, by_heart, own, carry, np.asarray(losses))


def learn_by_heart(task: Task, optimizer: Transform, carry: Carry) -> float:
    """Train on a few examples alone: the least loss on the way over the first, NaN unless the first is positive."""
    count = max(1, min(REPEATED, sum(x.size for x in jax.tree.leaves(carry.params)) // 2))
    _, found = _segment(_with_data(task, first_examples(task, count)), optimizer, carry, 0, length=REPEATS)
    losses = np.asarray(found, np.float64)
    return float(np.nanmin(losses) / losses[0]) if losses[0] > 0 else float("nan")


def first_examples(task: Task, count: int) -> Any:
    """Take up to `count` examples, the same ones each time, evenly spread over the data."""
    total = jax.tree.leaves(task.data)[0].shape[0]
    rows = np.linspace(0, total - 1, min(count, total)).astype(int)
    return data_rows(task.data, rows)


@jax.jit
def one_step(task: Task, optimizer: Transform, carry: Carry, number: Any, batch: Any) -> tuple[Carry, Any, Any]:
    """Take one step: the next carry, the gradients and the updates."""
    new, step = advance(task, optimizer, carry, number, batch)
    return new, step.grads, step.updates


@jax.jit
def _judge(task: Task, optimizer: Transform, carry: Carry, data: Any) -> jax.Array:
    """Return the loss of each of `JUDGED` parts of the data, f[parts]."""
    params, key = judged_params(optimizer, carry), root_key(0)

    def loss(batch: Any) -> jax.Array:
        return loss_and_metrics(task, params, carry.model_state, batch, key)[0]

    return jax.lax.map(loss, _parts(data, JUDGED))


@functools.partial(jax.jit, static_argnames="length")
def _segment(task: Task, optimizer: Transform, carry: Carry, start: Any, *, length: int) -> tuple[Carry, jax.Array]:
    carry, metrics = segment(task, optimizer, carry, start, length)
    return carry, metrics["loss"]


def _with_data(task: Task, data: Any) -> Task:
    """Return the task on other data, in batches of its own size as far as they suffice."""
    count = jax.tree.leaves(data)[0].shape[0]
    size = None if task.batch_size is None or task.batch_size >= count else task.batch_size
    return dataclasses.replace(task, data=data, batch_size=size)


def _halves(task: Task, steps: int) -> tuple[Any, Any]:
    """Return two halves of the data, drawn at random, each of no more examples than the steps use."""
    total = jax.tree.leaves(task.data)[0].shape[0]
    size = task.batch_size or total // 2
    count = min(total // 2, max(size * steps, 1024))
    rows = np.random.default_rng(0).permutation(total)
    mine, other = rows[:count], rows[count : 2 * count]
    return data_rows(task.data, mine), data_rows(task.data, other)


def _unpaired(data: Any) -> Any:
    leaves, structure = jax.tree.flatten(data)
    draw = np.random.default_rng(1)
    return structure.unflatten([leaves[0], *(data_rows(x, draw.permutation(len(x))) for x in leaves[1:])])


def _parts(data: Any, parts: int) -> Any:
    size = max(1, min(1024, jax.tree.leaves(data)[0].shape[0]) // parts)
    count = min(parts, jax.tree.leaves(data)[0].shape[0] // size)
    return jax.tree.map(lambda x: x[: count * size].reshape(count, size, *x.shape[1:]), data)
