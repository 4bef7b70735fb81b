"""The leaves of many trials at once: column by column, without making a task and an optimizer of each trial."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.space import Trial


class Kind(NamedTuple):
    """Trials of one origin that choose the same parts: their leaves differ only where distributions stand."""

    positions: np.ndarray  # i[trials], among all
    leaves: list[Any]  # those that all have, and distributions
    values: dict[int, list[float]]  # of the leaves that are distributions, for each trial


def kinds_of(trials: Sequence[Trial]) -> list[Kind]:
    """The kinds of trials, in the order of their first ones."""
    found: dict[Any, list[int]] = {}
    for i, trial in enumerate(trials):
        chosen = tuple(axis.distribution.shown(unit) for axis, unit in trial.choices)
        found.setdefault((id(trial.origin), chosen), []).append(i)
    return [_kind(trials, np.array(positions)) for positions in found.values()]


def differ(kinds: Sequence[Kind], i: int) -> bool:
    """Whether a leaf is not the same in all trials."""
    values = [x for kind in kinds for x in kind.values.get(i, kind.leaves[i : i + 1])]
    return not all(_same(x, values[0]) for x in values)


def stack(kinds: Sequence[Kind], i: int, like: Any, count: int) -> np.ndarray:
    """A leaf of so many trials along a first axis, as JAX would take each."""
    column = np.empty((count, *np.shape(like)), jnp.result_type(like))
    for kind in kinds:
        column[kind.positions] = kind.values[i] if i in kind.values else np.asarray(kind.leaves[i])
    return column


def is_plain(value: Any) -> bool:
    """Whether it is one of Python's numbers."""
    return isinstance(value, (bool, int, float, complex))


def _kind(trials: Sequence[Trial], positions: np.ndarray) -> Kind:
    first = trials[positions[0]]
    leaves = jax.tree.leaves(first.outline)  # a distribution of numbers is a leaf
    axis_of = {id(axis.distribution): i for i, axis in enumerate(first.axes)}
    units = np.array([trials[p].units for p in positions])
    values = {
        i: [leaf.at(unit) for unit in units[:, axis_of[id(leaf)]].tolist()]
        for i, leaf in enumerate(leaves)
        if isinstance(leaf, Distribution)
    }
    return Kind(positions, leaves, values)


def _same(a: Any, b: Any) -> bool:
    return a is b or (is_plain(a) and is_plain(b) and a == b)
