"""The axes of a space: its distributions by name, and the trial at a point of their unit cube."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from jgd.core.errors import InputError
from jgd.core.types import Transform
from jgd.core.values import find, names, with_hyperparams
from jgd.sweep.space import Distribution
from jgd.train.task import Task


class Axis(NamedTuple):
    """One distribution of a space, and the places where it stands."""

    name: str
    distribution: Distribution
    paths: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One setting: a task and an optimizer whose leaves are numbers, and the point of the unit cube that gave them."""

    number: int
    space: str
    axes: tuple[Axis, ...]
    units: tuple[float, ...]
    task: Task
    optimizer: Transform

    @property
    def params(self) -> dict[str, Any]:
        """The sampled values by name."""
        return {axis.name: axis.distribution.at(unit) for axis, unit in zip(self.axes, self.units, strict=True)}

    @property
    def at_edge(self) -> dict[str, str]:
        """The names of values at an end of their range, with that end, "low" or "high"."""
        ends = {axis.name: axis.distribution.edge(unit) for axis, unit in zip(self.axes, self.units, strict=True)}
        return {name: end for name, end in ends.items() if end}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={short(value)}" for name, value in self.params.items())
        return f"trial {self.number}: {self.space}({shown})"


def axes(task: Task, optimizer: Any) -> list[Axis]:
    """The distributions of a space, one axis for each object, named as `jgd.hyperparams` names leaves."""
    space = {"task": task, "optimizer": optimizer}
    _refuse_structure(space)
    found: dict[int, Axis] = {}
    for name, leaf in zip(names(space), jax.tree.leaves(space), strict=True):
        if isinstance(leaf, Distribution):
            path = find(space, name)
            known = found.get(id(leaf), Axis(name, leaf, ()))
            # One object in two places has a name that means both.
            name = path[-1] if known.paths else name
            found[id(leaf)] = Axis(name, leaf, (*known.paths, ".".join(path)))
    return list(found.values())


def trial_at(
    number: int, space: str, task: Task, optimizer: Any, space_axes: Sequence[Axis], units: Sequence[float]
) -> Trial:
    """The trial at `units`, one for each axis. Every number is checked as if it had been written by hand."""
    point = tuple(float(unit) for unit in units)
    changes = {}
    for axis, unit in zip(space_axes, point, strict=True):
        changes.update(dict.fromkeys(axis.paths, axis.distribution.at(unit)))
    both = with_hyperparams({"task": task, "optimizer": optimizer}, changes)
    return Trial(number, space, tuple(space_axes), point, both["task"], both["optimizer"])


def short(value: Any) -> str:
    """A value as a table shows it: four digits of a float."""
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def _refuse_structure(node: Any) -> None:
    """Refuse a distribution where structure stands: flags, sizes and functions, which cannot be traced."""
    if isinstance(node, Distribution):
        return
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if field.metadata.get("kind") == "static" and isinstance(value, Distribution):
                raise InputError(
                    f"{type(node).__name__}({field.name}={value!r}): {field.name} is structure, which no distribution "
                    "can stand for; pass run a list of spaces instead, one for each value."
                )
            _refuse_structure(value)
    elif isinstance(node, (tuple, list, dict)):
        for child in node.values() if isinstance(node, dict) else node:
            _refuse_structure(child)
