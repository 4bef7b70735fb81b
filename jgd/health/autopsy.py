"""The autopsy of a run that ended in numbers that are not finite, or spiked: where and in which operation it began."""

import dataclasses
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import storage
from jgd.core.arguments import FOLDER, POSITIVE, SEED, TRANSFORM, WHOLE, Kind, admits, checked, instance_of
from jgd.core.errors import InputError
from jgd.core.finding import BROKEN, SLOW, Finding
from jgd.core.outline import outline
from jgd.core.status import Status
from jgd.core.tree import all_finite, path_names
from jgd.core.types import Transform
from jgd.health.jumps import jump_before
from jgd.health.origin import FailedOperation, find_origin
from jgd.health.remedies import because_of, remedy_of
from jgd.health.replayed import STAGES, Replayed, batch_of, replay_steps
from jgd.pages.text import count
from jgd.train.checkpoint import checkpoint_file
from jgd.train.loop import Carry, advance, begin, root_key
from jgd.train.result import Run
from jgd.train.task import Task, check_task
from jgd.transforms.as_transform import as_transform

TASK = instance_of("be the jgd.Task of the run, as in autopsy(task, optimizer, run)", Task)
RUN = Kind("be a run, or the folder of one", lambda x: isinstance(x, Run) or admits(FOLDER, x))
OPTIMIZERS = Kind(
    "be a gradient transformation, or a list of them of one structure, one for each lane",
    lambda x: TRANSFORM.admits(x) or (isinstance(x, (list, tuple)) and bool(x) and all(map(TRANSFORM.admits, x))),
)
SEEDS = Kind(
    "be a seed, or a list of them, one for each lane",
    lambda x: SEED.admits(x) or (isinstance(x, (list, tuple)) and bool(x) and all(map(SEED.admits, x))),
)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Autopsy:
    """Tell where a run went wrong first: it prints as one sentence; the batch and the carry are there to look at."""

    step: int
    lane: int | None  # None of a single run
    stage: str  # "loss", "gradient", "update" or "parameters" where not finite; "spike"
    leaf: str  # of the gradient, the update or the parameters; of a spike, the one whose gradient has grown most
    origin: FailedOperation | None  # the operation; None of a spike
    value: float  # that the loss had at that step
    rows: np.ndarray | None  # of the data, that the batch is made of; None of a stream or a full batch
    batch: Any
    carry: Carry  # before the step
    note: str  # of a spike: how much the loss and the gradient have grown; else a jump of the loss before, if any
    parts: int = 1  # of the batch, that were taken one after another
    name: str = ""  # of the lane, in a sweep

    def __repr__(self) -> str:
        return str(self.finding)

    @property
    def example(self) -> int | None:
        """The row of the data whose entry failed, where the operation has an axis as long as the batch in front."""
        size = jax.tree.leaves(self.batch)[0].shape[0]
        if self.origin is None or not self.origin.shape:
            return None
        at = self.origin.index[0]
        if self.parts > 1 and self.origin.passes:  # a part has every so many rows of the batch
            size, at = size // self.parts, at * self.parts + self.origin.passes[0]
        if self.origin.shape[0] != size:
            return None
        return int(self.rows[at]) if self.rows is not None else at

    @property
    def inherited(self) -> bool:
        """Whether what was not finite stood in the carry before the step, so that an earlier one has brought it in."""
        origin = self.origin
        return origin is not None and origin.operation == "argument" and origin.source.split("/")[0] in Carry._fields

    @property
    def finding(self) -> Finding:
        """The same as a record of health."""
        lane = self.name or (f"lane {self.lane}" if self.lane is not None else "")
        where = f"step {self.step}" + (f", {lane}" if lane else "")
        if self.origin is None:
            return Finding(
                SLOW, where, "the loss", self.value, self.note.partition(";")[0], self.note.partition("; ")[2],
                "look at its batch, clip the gradient, or lower b2",
            )  # fmt: skip
        quantity = "the loss" if self.stage == "loss" else f"the {self.stage} of {self.leaf}"
        value = "not a number" if self.origin.undefined else "infinite"
        if self.stage == "loss":
            value = self.value
        cause = because_of(self.origin) + (
            f", for example {self.example} of the data" if self.example is not None else ""
        )
        cause += f"; {self.note}" if self.note else ""
        return Finding(BROKEN, where, quantity, value, "a finite number", cause, remedy_of(self.origin, self.stage))


@checked(task=TASK, optimizer=OPTIMIZERS, run=RUN, seed=SEEDS, steps=WHOLE, spike=POSITIVE)
def autopsy(
    task: Task,
    optimizer: Transform | Sequence[Transform],
    run: Run | str | os.PathLike[str] | None = None,
    *,
    seed: int | Sequence[int] | None = None,
    steps: int | None = None,
    spike: float = 6.0,
) -> Autopsy:
    """Find the first step at which a run was not finite, and the leaf, the operation, the value and the example.

    run    A `Run` of `fit` with this task and optimizer, or its folder; both know its seed. Where the run stopped in
           front of the bad step, its parameters are those before it, and nothing is run again.
    seed   Without `run`: the seed, 0 unless given; or several, each a lane, with one optimizer for all or a list of as
           many.
    steps  How many steps to run again where `run` does not say so.
    spike  The z-score from which on a rise of log loss counts as a spike, against a moving mean and variance of decay
           0.97 (ZClip, Kumar et al. 2025, arXiv:2504.02507): the first one is looked at where all is finite, else told
           of.

    Otherwise the run is repeated from its beginning in segments, every draw being a function of the seed and the step,
    until a loss, gradient, update or parameter of some lane is not finite; that step is then run once more with a flag
    for each of its operations. Where the optimizer skips what is not finite it is the first step that it has not
    skipped, else the first whose loss was not finite. Costs at most the run again, and compiling three programs. A run
    in which nothing is wrong is an error, and so is one to repeat that began from other parameters.
    """
    check_task(task)
    optimizers = [as_transform(x) for x in _listed(optimizer)]
    lanes = _lanes(optimizers, 0 if seed is None else seed)
    if run is not None and len(lanes) > 1:
        raise InputError("autopsy(run=): a run has one lane; pass one optimizer and one seed, or leave run out.")
    ended = _ended(task, run, lanes[0][0]) if run is not None else None
    last = None
    if ended is not None:
        lanes = [(lanes[0][0], ended.seed)]
        if seed not in (None, ended.seed):
            raise InputError(f"autopsy(seed={seed}): the run has the seed {ended.seed}; leave seed out.")
        last = _last_step(task, optimizers, ended, spike)
        if last is not None and not last.inherited:
            return last
    taken = steps if steps is not None else ended.step + 1 if ended is not None else None
    if taken is None:
        raise InputError("autopsy(steps=None): say how many steps to run again, or pass the run or its folder.")
    carries = [jax.jit(begin)(task, one, root_key(number)) for one, number in lanes]
    found = replay_steps(task, [one for one, _ in lanes], carries, 0, taken, spike=spike)
    began_as = ended is None or _began_as(ended, found.losses)
    broken = ended is not None and ended.broken
    lost = found.first is None or (broken and found.first[2] == "spike")  # what broke the run has not come again
    if last is not None and (not began_as or lost):
        return last
    if ended is not None and not began_as:
        raise InputError(
            f"autopsy(run=): this task's first loss under seed {ended.seed} is {found.losses[0, 0]:.6g} and the run's "
            f"is {ended.losses[0]:.6g}; pass the task and the optimizer that it ran with, and none that began from "
            "other parameters."
        )
    if lost and ended is not None and broken:
        raise InputError(
            f"autopsy(run=): all is finite in {count(taken, 'step')} taken again, and the run broke at step "
            f"{ended.step}; pass the task and the optimizer that it ran with."
        )
    if lost:
        raise InputError(
            f"autopsy: nothing is wrong in {count(taken, 'step')}: all is finite, and no loss rose by {spike:g} "
            "deviations; pass the seed of the run that failed, more steps, or a smaller spike."
        )
    return _examine(task, [one for one, _ in lanes], found, len(lanes) > 1)


class _Ended(NamedTuple):
    step: int  # the last that was evaluated
    seed: int
    carry: Carry | None  # in front of that step, where it stopped the run
    losses: np.ndarray  # f[steps] before it, as many as are known
    broken: bool  # whether something that was not finite ended it


def _last_step(task: Task, optimizers: Sequence[Any], ended: _Ended, spike: float) -> Autopsy | None:
    """Take the last step of a run again, where that stopped it; `None` where it did not, or all of it is finite."""
    if ended.carry is None:
        return None
    found = replay_steps(task, [optimizers[0]], [ended.carry], ended.step, 1)
    if found.first is None:
        return None
    found = dataclasses.replace(found, note=jump_before(ended.losses, spike, ended.step - len(ended.losses)))
    return _examine(task, optimizers, found, False)


def _began_as(ended: _Ended, losses: Any) -> bool:
    """Tell whether a run that is repeated begins with the loss of the one that ended, where that is known."""
    return len(ended.losses) < max(1, ended.step) or bool(
        np.isclose(losses[0, 0], ended.losses[0], rtol=0.02, equal_nan=True)  # of half precision, or in parts
    )


def _listed(optimizer: Any) -> Sequence[Any]:
    return [optimizer] if TRANSFORM.admits(optimizer) else optimizer


def _lanes(optimizers: Sequence[Any], seed: Any) -> list[tuple[Any, int]]:
    seeds = [int(x) for x in seed] if isinstance(seed, (list, tuple)) else [int(seed)]
    lanes = max(len(optimizers), len(seeds))
    if {len(optimizers), len(seeds)} - {1, lanes}:
        raise InputError(
            f"autopsy(seed=): {len(seeds)} seeds for {len(optimizers)} optimizers; give one, or as many as the other."
        )
    if len({str(jax.tree.structure(one)) for one in optimizers}) > 1:
        raise InputError("autopsy(optimizer=): lanes must have optimizers of one structure; look at them one by one.")
    optimizers = optimizers if len(optimizers) == lanes else [*optimizers] * lanes
    seeds = seeds if len(seeds) == lanes else seeds * lanes
    return list(zip(optimizers, seeds, strict=True))


def _ended(task: Task, run: Any, optimizer: Any) -> _Ended:
    """Return the last step of a run, and the carry in front of it."""
    if isinstance(run, Run):
        carry = Carry(run.params, run.opt_state, run.model_state, root_key(run.seed))
        _check_alike(carry, jax.eval_shape(begin, task, optimizer, carry.key))
        return _ended_with(run.status, run.steps, run.seed, carry, run.metrics["loss"])
    place, folder = f"autopsy(run={os.fspath(run)!r})", storage.folder_path("autopsy", run, "run")
    path = checkpoint_file(place, folder)
    arrays, meta = storage.load_arrays(path)
    with storage.intact(path, storage.REPLACE):
        seed = int(meta["spec"]["seed"])
        status, steps = int(arrays["state.status"]), int(arrays["state.steps"])
    like = jax.eval_shape(begin, task, optimizer, root_key(seed))
    like = jax.tree.map(lambda x: x if storage.is_key(x) else jax.ShapeDtypeStruct(x.shape, x.dtype), like)
    carry = storage.fill(like._replace(key=root_key(seed)), arrays, "state.carry", place=place)
    losses = arrays.get("metrics/loss", np.zeros(0))  # of a long run the last ones
    return _ended_with(status, steps, seed, carry, losses)


def _check_alike(carry: Carry, like: Carry) -> None:
    """Refuse a run of another model or optimizer, which has other parameters or another state."""
    for name in ("params", "opt_state", "model_state"):
        theirs, ours = getattr(carry, name), getattr(like, name)
        # By paths: a field that is no leaf, as of a model that holds functions, may differ each time it is made.
        one, other = (
            [(path_names(path), jnp.shape(x)) for path, x in jax.tree_util.tree_leaves_with_path(tree)]
            for tree in (theirs, ours)
        )
        if one != other:
            raise InputError(
                f"autopsy(run=): the run has {name} {outline(theirs)}, expected {outline(ours)}; pass the task and the "
                "optimizer that it ran with."
            )


def _ended_with(status: int, steps: int, seed: int, carry: Carry, losses: np.ndarray) -> _Ended:
    """Take the carry for that in front of the last step where it stopped the run, and did not first break the carry."""
    shown = len(losses) > 0 and not np.isfinite(losses[-1])
    broken = status == Status.NON_FINITE
    stopped = broken and (shown or bool(all_finite(carry.params)))
    return _Ended(max(steps - 1, 0), seed, carry if stopped else None, losses[:-1], broken)


def _examine(task: Task, optimizers: Sequence[Any], found: Replayed, many: bool) -> Autopsy:
    """Run the bad step once more, alone, and trace what is not finite in it."""
    assert found.first is not None
    lane, step, stage = found.first
    optimizer, carry = optimizers[lane], found.carry
    batch, rows = batch_of(task, carry.key, step)
    leaf, origin = "", None
    given = {"task": task, "optimizer": optimizer, **carry._asdict(), "step": jnp.int32(step), "batch": batch}
    if stage in STAGES:
        names, bad = _leaves(given, stage)
        leaf = names[bad]
        origin = find_origin(lambda given: _results(given, stage)[bad], given)
    elif found.grown:
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(carry.params)]
        leaf = "/".join(path_names(paths[int(np.argmax(found.grown))])) or "params"
    note = found.note + (f", most of all that of {leaf}" if found.grown else "")
    parts = 1 if task.microbatch is None else jax.tree.leaves(batch)[0].shape[0] // task.microbatch.size
    return Autopsy(step, lane if many else None, stage, leaf, origin, found.value, rows, batch, carry, note, parts)


def _results(given: dict[str, Any], stage: str) -> list[Any]:
    carry = Carry(**{name: given[name] for name in Carry._fields})
    new, told = advance(given["task"], given["optimizer"], carry, given["step"], given["batch"])
    trees = {"loss": told.metrics["loss"], "gradient": told.grads, "update": told.updates, "parameters": new.params}
    return jax.tree.leaves(trees[stage])


def _leaves(given: dict[str, Any], stage: str) -> tuple[list[str], int]:
    """Return the names of a stage's leaves, and the first that is not finite; of the parameters, that was so before."""
    arrays = jax.jit(partial(_results, stage=stage))(given)
    paths, before = zip(*jax.tree_util.tree_leaves_with_path(given["params"]), strict=True)
    names = ["the loss"] if stage == "loss" else ["/".join(path_names(path)) or "params" for path in paths]
    were = [stage != "parameters" or bool(all_finite(x)) for x in before]
    return names, next((i for i, x in enumerate(arrays) if were[i] and not bool(all_finite(x))), 0)
