"""What a sweep will run: trials grouped by structure, one program for each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.sweep.spaces.axes import Trial
from jgd.train.task import Task
from jgd.transforms.foreign import as_transform


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
