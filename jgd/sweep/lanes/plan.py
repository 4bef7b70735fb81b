"""What a sweep will run: trials grouped by structure, one program for each, and how their lanes are laid out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.tree import tree_bytes
from jgd.sweep.spaces.axes import Trial
from jgd.train.loop import begin, root_key
from jgd.train.task import Task, num_examples
from jgd.transforms.foreign import as_transform

CACHE_BYTES = 1 << 16  # lanes of a CPU core that together fit into this run faster side by side than one by one
CHUNK_BYTES = 1 << 28  # the state that is resident at a time, where the device does not say how much it has


class Group(NamedTuple):
    """Trials of one structure, which one program runs: they differ only in the numbers of `varying` leaves."""

    trials: tuple[Trial, ...]
    structure: Any
    varying: tuple[bool, ...]

    @property
    def fixed(self) -> list[Any]:
        """The leaves of task and optimizer that all trials share, the data among them."""
        leaves = jax.tree.leaves(_problem(self.trials[0]))
        return [leaf for leaf, varies in zip(leaves, self.varying, strict=True) if not varies]

    def rows(self) -> list[np.ndarray]:
        """The leaves that differ, each stacked along a first axis of trials."""
        columns = zip(*(jax.tree.leaves(_problem(trial)) for trial in self.trials), strict=True)
        varied = [column for column, varies in zip(columns, self.varying, strict=True) if varies]
        return [np.stack([np.asarray(x, jnp.result_type(column[0])) for x in column]) for column in varied]

    def rebuild(self, fixed: Sequence[Any], varying: Sequence[Any]) -> tuple[Task, Any]:
        """The task and the optimizer with these leaves."""
        sources = {True: iter(varying), False: iter(fixed)}
        return jax.tree.unflatten(self.structure, [next(sources[varies]) for varies in self.varying])

    @property
    def shares_task(self) -> bool:
        """Whether no leaf of the task varies, so that a seed's first parameters serve all trials."""
        return not any(self.varying[: len(jax.tree.leaves(self.trials[0].task))])


class Layout(NamedTuple):
    """How the lanes of a group, its pairs of trial and seed, run."""

    width: int  # lanes side by side on a device, by vmap; further ones follow one another
    chunk: int  # lanes in a call, on all devices together
    chunks: int


class GroupReport(NamedTuple):
    """What a group cost."""

    spaces: tuple[str, ...]
    trials: int
    layout: Layout
    seconds: float  # of running
    lane_steps: int  # steps taken, of all its lanes together


def name_spaces(spaces: Any) -> dict[str, Any]:
    """The spaces by name: a mapping gives names, a list numbers them, and one alone is called "optimizer"."""
    if isinstance(spaces, Mapping):
        named = {str(name): space for name, space in spaces.items()}
    elif isinstance(spaces, (list, tuple)) and not hasattr(spaces, "init"):
        named = {f"space {i}": space for i, space in enumerate(spaces)}
    else:
        named = {"optimizer": spaces}
    if not named:
        raise InputError("run(spaces): there is no space; pass an optimizer, or a list or dict of them.")
    return {name: as_transform(space) for name, space in named.items()}


def group(trials: Sequence[Trial], steady: bool = False) -> list[Group]:
    """Trials by structure, in the order of their first ones.

    With `steady`, a group of other trials of the same spaces and structure has the same program.
    """
    members: dict[Any, list[Trial]] = {}
    for trial in trials:
        leaves, structure = jax.tree.flatten(_problem(trial))
        signature = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        members.setdefault((structure, signature), []).append(trial)
    vary = _may_vary if steady else _varying
    return [Group(tuple(m), structure, vary(m)) for (structure, _), m in members.items()]


def layout(group: Group, seeds: int, devices: Sequence[Any], lanes: int | None, trials: int | None = None) -> Layout:
    """Lanes side by side and lanes in a call, as if the group had `trials` trials if that is given.

    On a CPU lanes run one by one: side by side their states outgrow the cache, and a small network then takes up to
    1.4 times as long, measured with 2 to 32 lanes; only steps so small that dispatch dominates gain. Elsewhere as many
    lanes run side by side as memory holds four times.
    """
    bytes_per_lane, total = lane_bytes(group), (trials or len(group.trials)) * seeds
    on_cpu = devices[0].platform == "cpu"
    room = (CHUNK_BYTES if on_cpu else _memory(devices[0]) // 4) // bytes_per_lane  # on each device
    fitting = 2 ** (max(1, CACHE_BYTES // bytes_per_lane).bit_length() - 1) if on_cpu else max(1, room)
    width = min(lanes or fitting, math.ceil(total / len(devices)))
    unit = width * len(devices)
    units = math.ceil(total / unit)
    chunks = math.ceil(units / max(1, room // width))
    return Layout(width, math.ceil(units / chunks) * unit, chunks)


def narrow(layout: Layout, lanes: int, devices: int) -> Layout:
    """The layout for the lanes that are left: side by side, a power of two of them on each device.

    Lanes that run one by one stay in the program that is there: what has ended costs it nothing.
    """
    if layout.width == 1 or lanes >= layout.chunk:
        return layout._replace(chunks=math.ceil(lanes / layout.chunk))
    on_each = 2 ** (math.ceil(lanes / devices) - 1).bit_length()
    width = min(layout.width, on_each)
    chunk = min(layout.chunk, math.ceil(on_each / width) * width * devices)
    return Layout(width, chunk, math.ceil(lanes / chunk))


def lane_bytes(group: Group) -> int:
    """Bytes that a lane works on: parameters, optimizer state and a batch."""
    trial = group.trials[0]
    carry = jax.eval_shape(begin, trial.task, trial.optimizer, root_key(0))
    share = (trial.task.batch_size or num_examples(trial.task)) / num_examples(trial.task)
    data = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(trial.task.data))
    return max(1, tree_bytes((carry.params, carry.opt_state)) + int(share * data))


def _problem(trial: Trial) -> tuple[Task, Any]:
    return trial.task, trial.optimizer


def _varying(trials: Sequence[Trial]) -> tuple[bool, ...]:
    columns = zip(*(jax.tree.leaves(_problem(trial)) for trial in trials), strict=True)
    return tuple(not all(_same(leaf, column[0]) for leaf in column) for column in columns)


def _may_vary(trials: Sequence[Trial]) -> tuple[bool, ...]:
    """Which leaves differ, or may do so in trials to come: all plain numbers of what has distributions."""
    swept = {path.split(".")[0] for trial in trials for axis in trial.axes for path in axis.paths}
    parts = ["task"] * len(jax.tree.leaves(trials[0].task)) + ["optimizer"] * len(jax.tree.leaves(trials[0].optimizer))
    plain = [_is_plain(leaf) for leaf in jax.tree.leaves(_problem(trials[0]))]
    rows = zip(_varying(trials), parts, plain, strict=True)
    return tuple(varies or (number and part in swept) for varies, part, number in rows)


def _same(a: Any, b: Any) -> bool:
    return a is b or (_is_plain(a) and _is_plain(b) and a == b)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex))


def _memory(device: Any) -> int:
    return (device.memory_stats() or {}).get("bytes_limit", 4 * CHUNK_BYTES)
