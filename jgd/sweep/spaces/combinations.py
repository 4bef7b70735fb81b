"""The settings of a space: combinations of parts, how many settings there are, and which points are the same one."""

import itertools
import math
from collections.abc import Hashable, Sequence

from jgd.sweep.spaces.space import Axis, index_at, is_active

Combination = tuple[tuple[float, ...], list[bool]]


def combinations(space_axes: Sequence[Axis]) -> list[Combination]:
    """Return each combination of parts as a point, with middles elsewhere, and which axes matter there."""
    units = [axis.distribution.grid(1).tolist() if axis.of_parts else [0.5] for axis in space_axes]
    found: dict[tuple[float, ...], list[bool]] = {}
    for point in itertools.product(*units):
        matters = is_active(space_axes, point)
        found.setdefault(tuple(x if on else 0.5 for x, on in zip(point, matters, strict=True)), matters)
    return list(found.items())


def num_settings(space_axes: Sequence[Axis]) -> int | None:
    """Tell how many different settings a space has; `None` where a range is continuous."""
    total = 0
    for _, matters in combinations(space_axes):
        sizes = [
            axis.distribution.size for axis, on in zip(space_axes, matters, strict=True) if on and not axis.of_parts
        ]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return None
        total += math.prod(known)
    return total


def setting_at(space_axes: Sequence[Axis], units: Sequence[float]) -> Hashable:
    """Return a key that is equal for two points exactly where they are the same setting."""
    rows = zip(space_axes, units, is_active(space_axes, units), strict=True)
    return tuple(
        (index_at(axis, x) if axis.of_parts else axis.distribution.at(x)) if on else None for axis, x, on in rows
    )
