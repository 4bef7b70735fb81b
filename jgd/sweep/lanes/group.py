"""Trials grouped by structure, one program for each group."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import ExpectationError, InputError
from jgd.core.outline import shown
from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.space import Trial
from jgd.train.task import Task
from jgd.transforms.as_transform import as_transform


class Group(NamedTuple):
    """Trials of one structure, which one program runs: they differ only in the numbers of `varying` leaves."""

    trials: tuple[Trial, ...]
    structure: Any
    varying: tuple[bool, ...]

    @property
    def fixed(self) -> list[Any]:
        """The leaves of task and optimizer that all trials share, the data among them."""
        leaves = jax.tree.leaves(self.trials[0].problem)
        return [leaf for leaf, varies in zip(leaves, self.varying, strict=True) if not varies]

    def rows(self) -> list[np.ndarray]:
        """Return the leaves that differ, each stacked along a first axis of trials."""
        first, kinds = jax.tree.leaves(self.trials[0].problem), kinds_of(self.trials)
        return [stack_column(kinds, i, leaf, len(self.trials)) for i, leaf in enumerate(first) if self.varying[i]]

    def rebuild(self, fixed: Sequence[Any], varying: Sequence[Any]) -> tuple[Task, Any]:
        """Return the task and the optimizer with these leaves."""
        sources = {True: iter(varying), False: iter(fixed)}
        return jax.tree.unflatten(self.structure, [next(sources[varies]) for varies in self.varying])

    @property
    def shares_task(self) -> bool:
        """Whether no leaf of the task varies, so that a seed's first parameters serve all trials."""
        return not any(self.varying[: len(jax.tree.leaves(self.trials[0].task))])


def name_spaces(spaces: Any) -> dict[str, Any]:
    """Return the spaces by name: a mapping gives names, a list numbers them, and one alone is called "optimizer"."""
    if isinstance(spaces, Mapping):
        named = {str(name): space for name, space in spaces.items()}
    elif isinstance(spaces, (list, tuple)) and not hasattr(spaces, "init"):
        named = {f"space {i}": space for i, space in enumerate(spaces)}
    else:
        named = {"optimizer": spaces}
    if not named:
        raise InputError("run(spaces): there is no space; pass an optimizer, or a list or dict of them.")
    return {name: _as_space(name, space, alone=space is spaces) for name, space in named.items()}


def _as_space(name: str, space: Any, *, alone: bool) -> Any:
    try:
        return as_transform(space)
    except ExpectationError as error:
        shown_name = "spaces" if alone else f"spaces[{name!r}]"
        raise InputError(f"run({shown_name}={shown(space)}): {shown_name} must {error.expected}.") from None


def group(trials: Sequence[Trial], steady: bool = False) -> list[Group]:
    """Group trials by structure, in the order of their first ones.

    With `steady`, a group of other trials of the same spaces and structure has the same program.
    """
    alike: dict[Any, list[TrialKind]] = {}
    for kind in kinds_of(trials):
        leaves, structure = jax.tree.flatten(trials[kind.positions[0]].problem)
        if texts := [leaf for leaf in leaves if isinstance(leaf, str)]:
            raise InputError(
                f"run: the text {texts[0]!r} stands in a task, where only numbers can; choose between functions, as in "
                "choice({'tanh': functools.partial(loss, act='tanh'), ...})."
            )
        signature = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        alike.setdefault((structure, signature), []).append(kind)
    groups = []
    for (structure, _), kinds in alike.items():
        members = tuple(trials[i] for i in np.sort(np.concatenate([kind.positions for kind in kinds])))
        varying = tuple(differ(kinds, i) for i in range(structure.num_leaves))
        groups.append(Group(members, structure, _may_vary(members, varying) if steady else varying))
    return groups


def _may_vary(trials: Sequence[Trial], varying: Sequence[bool]) -> tuple[bool, ...]:
    """Tell which leaves differ, or may do so in trials to come: all plain numbers of what has distributions."""
    origins = {id(trial.axes): trial.axes for trial in trials}.values()
    swept = {path.split(".")[0] for found in origins for axis in found for path in axis.paths}
    task, optimizer = (jax.tree.leaves(part) for part in trials[0].problem)
    parts = ["task"] * len(task) + ["optimizer"] * len(optimizer)
    rows = zip(varying, parts, map(is_python_number, (*task, *optimizer)), strict=True)
    return tuple(varies or (number and part in swept) for varies, part, number in rows)


class TrialKind(NamedTuple):
    """Trials of one origin that choose the same parts: their leaves differ only where distributions stand."""

    positions: np.ndarray  # i[trials], among all
    leaves: list[Any]  # those that all have, and distributions
    values: dict[int, list[float]]  # of the leaves that are distributions, for each trial


def kinds_of(trials: Sequence[Trial]) -> list[TrialKind]:
    """Return the kinds of trials, in the order of their first ones."""
    found: dict[Any, list[int]] = {}
    for i, trial in enumerate(trials):
        chosen = tuple(axis.distribution.index(unit) for axis, unit in trial.choices)  # type: ignore[attr-defined]
        found.setdefault((id(trial.origin), chosen), []).append(i)
    return [_kind(trials, np.array(positions)) for positions in found.values()]


def differ(kinds: Sequence[TrialKind], i: int) -> bool:
    """Tell whether a leaf is not the same in all trials."""
    values = [x for kind in kinds for x in kind.values.get(i, kind.leaves[i : i + 1])]
    return not all(_same(x, values[0]) for x in values)


def stack_column(kinds: Sequence[TrialKind], i: int, like: Any, count: int) -> np.ndarray:
    """Return a leaf of so many trials along a first axis, as JAX would take each."""
    column = np.empty((count, *np.shape(like)), jnp.result_type(like))
    for kind in kinds:
        column[kind.positions] = kind.values[i] if i in kind.values else np.asarray(kind.leaves[i])
    return column


def is_python_number(value: Any) -> bool:
    """Tell whether it is one of Python's numbers."""
    return isinstance(value, (bool, int, float, complex))


def _kind(trials: Sequence[Trial], positions: np.ndarray) -> TrialKind:
    first = trials[positions[0]]
    leaves = jax.tree.leaves(first.outline)  # a distribution of numbers is a leaf
    axis_of = {id(axis.distribution): i for i, axis in enumerate(first.axes)}
    units = np.array([trials[p].units for p in positions])
    values = {
        i: [leaf.at(unit) for unit in units[:, axis_of[id(leaf)]].tolist()]
        for i, leaf in enumerate(leaves)
        if isinstance(leaf, Distribution)
    }
    return TrialKind(positions, leaves, values)


def _same(a: Any, b: Any) -> bool:
    return a is b or (is_python_number(a) and is_python_number(b) and a == b)
