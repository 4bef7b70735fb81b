"""Known settings as points of a space: the first trials of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

from jgd.core.errors import InputError, unknown
from jgd.sweep.spaces.distributions import Distribution, Listed, Parts
from jgd.sweep.spaces.explore import unit_of
from jgd.sweep.spaces.lattice import Integer, Quantized
from jgd.sweep.spaces.space import Axis, is_active

CLOSE = 1e-9  # relative, within which a value is one of the space


def by_space(enqueue: Any, spaces: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the settings for each space: a list where there is one space, else a dict of lists by their names."""
    if enqueue is None:
        return {}
    named = enqueue if isinstance(enqueue, Mapping) else {spaces[0]: enqueue}
    if not isinstance(enqueue, Mapping) and len(spaces) > 1:
        raise InputError(
            f"run(enqueue=): there are {len(spaces)} spaces; pass a dict with a list of settings for each, such as "
            f"{{{spaces[0]!r}: [...]}}."
        )
    for name, settings in named.items():
        if name not in spaces:
            raise unknown("run(enqueue=)", name, spaces)
        listed = isinstance(settings, Sequence) and not isinstance(settings, str)
        if not listed or not all(isinstance(one, Mapping) for one in settings):
            raise InputError(
                f"run(enqueue={enqueue!r}): expected a list of settings, each a dict by names as in trial.params."
            )
    return {name: list(settings) for name, settings in named.items()}


def point_of(space: str, axes: Sequence[Axis], setting: Mapping[str, Any]) -> list[float]:
    """Return the point at which a space has these values by name: all that matter there, and no others."""
    point = [0.5] * len(axes)
    if strangers := [name for name in setting if name not in {axis.name for axis in axes}]:
        raise unknown(f"run(enqueue=) for {space!r}", strangers[0], [axis.name for axis in axes])
    for i, axis in enumerate(axes):  # a choice comes before what its options hold
        matters = is_active(axes, point)[i]
        if matters != (axis.name in setting):
            reason = "has no" if matters else "does not choose what has"
            raise InputError(
                f"run(enqueue=): {dict(setting)!r} of {space!r} {reason} {axis.name!r}; pass just what trial.params "
                "would hold."
            )
        if matters:
            point[i] = _unit(axis, setting[axis.name])
    return point


def _unit(axis: Axis, value: Any) -> float:
    """Return the unit at which an axis has a value, or the error that it never has."""
    one = axis.distribution
    options = one.values if isinstance(one, Parts) else one.options if isinstance(one, Listed) else None
    if options is not None:
        found = [i for i, x in enumerate(options) if x is value or (type(x) is type(value) and x == value)]
        found = found or [i for i, x in enumerate(options) if _is_close(x, value)]
        unit = (found[0] + 0.5) / len(options) if found else None
    else:
        unit = _unit_of_number(one, value)
    if unit is None:
        raise InputError(f"run(enqueue=): {axis.name}={value!r} is no value of {one!r}; pass one that is.")
    return unit


def _unit_of_number(one: Distribution, value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    unit = unit_of(one, value)
    exact = isinstance(one, (Integer, Quantized))
    return unit if one.at(unit) == value or (not exact and _is_close(one.at(unit), value)) else None


def _is_close(a: Any, b: Any) -> bool:
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
    return numbers and abs(a - b) <= CLOSE * max(abs(a), abs(b))
