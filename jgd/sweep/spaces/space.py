"""The axes of a space: its distributions by name, and the trial at a point of their unit cube."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.errors import RefusalError
from jgd.core.given import kept, part_name
from jgd.core.types import Transform
from jgd.sweep.spaces.distributions import Distribution, Parts, Structural
from jgd.sweep.spaces.functions import grid
from jgd.sweep.spaces.places import Place, names_of, places
from jgd.train.task import Task

Route = tuple[tuple[int, int], ...]  # choices, by the positions of their axes, with the options that they must take


class Axis(NamedTuple):
    """One distribution of a space, and the places where it stands."""

    name: str
    distribution: Distribution
    paths: tuple[str, ...]
    when: tuple[Route, ...] = ((),)  # for each place, the choices that lead there

    @property
    def of_parts(self) -> bool:
        """Whether it chooses parts."""
        return isinstance(self.distribution, Parts)


class Origin(NamedTuple):
    """Hold the task and the optimizer, with distributions in them, that a space's trials are made from."""

    task: Any
    optimizer: Any
    finish: Callable[[Any], Any] | None = None  # what becomes of either, once it is filled

    def at(self, units: dict[int, float]) -> tuple[Any, Any]:
        """Return task and optimizer with the values at these units, of distributions by their ids; others stay."""
        made = _fill(self.task, units), _fill(self.optimizer, units)
        return made if self.finish is None else (self.finish(made[0]), self.finish(made[1]))


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One setting: the point of the unit cube that gives the numbers of a task and an optimizer.

    Those are made when they are first asked for: a large sweep asks for a few.
    """

    number: int
    space: str
    axes: tuple[Axis, ...]
    units: tuple[float, ...]
    origin: Origin | None  # None in a sweep's folder, which has only the values

    @property
    def task(self) -> Task:
        """The task, with numbers for leaves."""
        return self.problem[0]

    @property
    def optimizer(self) -> Transform:
        """The optimizer, with numbers for leaves."""
        return self.problem[1]

    @functools.cached_property
    def problem(self) -> tuple[Any, Any]:
        """The task and the optimizer. Every number is checked as if it had been written by hand."""
        if self.origin is None:
            return None, None
        pairs = list(zip(self.axes, self.units, strict=True))
        try:
            return self.origin.at({id(axis.distribution): unit for axis, unit in pairs})
        except RefusalError as refusal:
            drawn = {axis.name: refusal.value for axis, unit in pairs if axis.distribution.at(unit) == refusal.value}
            raise refusal.renamed(self.space, drawn) or refusal from None

    @functools.cached_property
    def outline(self) -> tuple[Any, Any]:
        """The task and the optimizer with their parts chosen, but with distributions where numbers would stand."""
        assert self.origin is not None
        return self.origin.at({id(axis.distribution): unit for axis, unit in self.choices})

    @property
    def choices(self) -> list[tuple[Axis, float]]:
        """The axes that choose parts, with their units; trials of one origin that choose alike have one structure."""
        pairs = zip(self.axes, self.units, strict=True)
        return [(axis, unit) for axis, unit in pairs if isinstance(axis.distribution, Parts)]

    @property
    def params(self) -> dict[str, Any]:
        """The sampled values by name, those of a part only where it was chosen; of a choice of parts, its label."""
        return params_at(self.axes, self.units)

    @property
    def at_edge(self) -> dict[str, str]:
        """The names of values at an end of their range, with that end, "low" or "high"."""
        ends = {axis.name: axis.distribution.edge(unit) for axis, unit in active(self.axes, self.units)}
        return {name: end for name, end in ends.items() if end}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={short(value)}" for name, value in self.params.items())
        return f"trial {self.number}: {self.space}({shown})"


def axes(task: Any, optimizer: Any) -> list[Axis]:
    """Return the distributions of a space, one axis for each object, with the shortest names that tell them apart.

    A choice comes before the distributions of its options, which are axes too: every point has a coordinate for each,
    and those of options that it does not choose mean nothing.
    """
    space = {"task": task, "optimizer": optimizer}
    found: dict[int, list[Place]] = {}
    for place in places(space):
        found.setdefault(id(place.distribution), []).append(place)
    position = {key: i for i, key in enumerate(found)}
    return [
        Axis(
            name,
            group[0].distribution,
            tuple(".".join(place.path) for place in group),
            tuple(tuple((position[key], option) for key, option in place.when) for place in group),
        )
        for name, group in zip(names_of(list(found.values())), found.values(), strict=True)
    ]


def check_extremes(trials: Sequence[Trial]) -> None:
    """Make the trials of one space whose values are the most extreme, so that what is out of range is an error."""
    for i, axis in enumerate(trials[0].axes if trials else ()):
        matters = trials if () in axis.when else [trial for trial in trials if is_active(trial.axes, trial.units)[i]]
        if matters and not isinstance(axis.distribution, Parts):
            for extreme in (min, max):
                _ = extreme(matters, key=lambda trial: trial.units[i]).problem


def active(space_axes: Sequence[Axis], units: Sequence[float]) -> list[tuple[Axis, float]]:
    """Return the axes that matter at a point, with their units."""
    rows = zip(space_axes, units, is_active(space_axes, units), strict=True)
    return [(axis, unit) for axis, unit, matters in rows if matters]


def is_active(space_axes: Sequence[Axis], units: Sequence[float]) -> list[bool]:
    """Tell which axes matter at a point: not those of options that it does not choose."""

    def taken(route: Route) -> bool:
        return all(index_at(space_axes[i], units[i]) == option for i, option in route)

    return [any(map(taken, axis.when)) for axis in space_axes]


def chosen_parts(trial: Trial) -> Route:
    """Return the options that a trial's choices of parts take.

    Trials of a space that take the same have one structure.
    """
    rows = enumerate(zip(trial.axes, trial.units, is_active(trial.axes, trial.units), strict=True))
    return tuple((i, index_at(x, unit)) for i, (x, unit, on) in rows if on and isinstance(x.distribution, Parts))


def params_at(space_axes: Sequence[Axis], units: Sequence[float]) -> dict[str, Any]:
    """Return the values at a point by name, as results show them."""
    return {axis.name: axis.distribution.shown(unit) for axis, unit in active(space_axes, units)}


def with_grids(value: Any) -> Any:
    """Return a space whose arrays of numbers, where one number should stand, are grid axes."""

    def child(old: Any, kind: str | None) -> Any:
        if kind == "hyper" and isinstance(old, (np.ndarray, jax.Array)) and old.ndim == 1:
            return grid(np.asarray(old).tolist())
        return _over_children(old, child)

    return _over_children(value, child)


def short(value: Any) -> str:
    """Return a value as a table shows it: four digits of a float, and a name as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def index_at(axis: Axis, unit: float) -> int:
    """Return the option of parts at a unit."""
    assert isinstance(axis.distribution, Parts)
    return axis.distribution.index(unit)


def _fill(node: Any, units: dict[int, float]) -> Any:
    """Return a space with the values at these units, of distributions by their ids.

    What holds none is the same object.
    """
    if isinstance(node, Distribution):
        if id(node) not in units:
            return node
        value = node.at(units[id(node)])
        return _fill(value, units) if isinstance(node, Parts) and not isinstance(node, Structural) else value
    return _over_children(node, lambda child, kind: _fill(child, units))


def _over_children(node: Any, fn: Callable[[Any, str | None], Any]) -> Any:
    """Return a node with `fn(child, kind)` of its children, which are all but fixed structure.

    Where none changes, it is the node itself.
    """
    if dataclasses.is_dataclass(node) and not isinstance(node, (type, Distribution)):
        changes = {}
        for field in dataclasses.fields(node):
            kind, old = field.metadata.get("kind"), getattr(node, field.name)
            if kind == "hypers":
                new = _over_children(old, lambda child, _: fn(child, "hyper"))
            else:
                new = fn(old, kind) if kind != "static" or isinstance(old, Structural) else old
            if new is not old:
                changes[field.name] = new
        return kept(node, dataclasses.replace(node, **changes)) if changes else node
    keys, structure = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)
    if not keys or keys[0][0] == ():
        return node
    old = [child for _, child in keys]
    new = [fn(child, None) for child in old]
    changed = any(a is not b for a, b in zip(old, new, strict=True))
    replace: Any = getattr(node, "_replace", None)
    if changed and replace:  # a named tuple, or what checks its arguments again, as FromOptax does
        return replace(**{part_name(path[0]): child for (path, _), child in zip(keys, new, strict=True)})
    return structure.unflatten(new) if changed else node
