"""Many arrays of a batch packed into few, so that one collective moves what else would take one for each."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

STATIC = {"static": True}
IS_SPLIT = ContextVar("is_split", default=False)  # whether arrays lie in parts as `Packed` takes them


@contextmanager
def split_arrays() -> Iterator[None]:
    """Hold that arrays lie in parts as `split_spec` says while a step is traced, so that packing them is worth it."""
    token = IS_SPLIT.set(True)
    try:
        yield
    finally:
        IS_SPLIT.reset(token)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Packed:
    """Hold the arrays of a tree, f[n, ...] each, as few: those of one dtype side by side in an f[n, devices, ...].

    For that each is cut into as many parts as there are devices, along the first axis of its members that they divide,
    as `split_spec` cuts the leaves of a state: what lies on the devices so is packed where it is. Arrays with no such
    axis are whole in an f[n, 1, ...]. One that is alone of its kind stays as it is.
    """

    arrays: tuple[jax.Array, ...]
    structure: Any = field(metadata=STATIC)
    shapes: tuple[tuple[int, ...], ...] = field(metadata=STATIC)  # of a member of each of the tree's arrays
    groups: tuple[tuple[int, ...], ...] = field(metadata=STATIC)  # which of them are in each of `arrays`
    devices: int = field(metadata=STATIC)

    @staticmethod
    def of(tree: Any, devices: int) -> "Packed":
        """Pack the arrays of a tree."""
        leaves, structure = jax.tree.flatten(tree)
        alike: dict[Any, list[int]] = {}
        for i, x in enumerate(leaves):
            alike.setdefault((x.dtype, _axis(x.shape[1:], devices) is None), []).append(i)
        arrays = [
            jnp.concatenate([_parts(leaves[i], devices) for i in group], 2) if len(group) > 1 else leaves[group[0]]
            for group in alike.values()
        ]
        shapes, groups = tuple(x.shape[1:] for x in leaves), tuple(map(tuple, alike.values()))
        return Packed(tuple(arrays), structure, shapes, groups, devices)

    def tree(self) -> Any:
        """Return the arrays as they were."""
        found: list[Any] = [None] * len(self.shapes)
        for group, x in zip(self.groups, self.arrays, strict=True):
            if len(group) == 1:
                found[group[0]] = x
                continue
            ends = itertools.accumulate(math.prod(self.shapes[i]) // x.shape[1] for i in group)
            for i, parts in zip(group, jnp.split(x, list(ends)[:-1], axis=2), strict=True):
                found[i] = _joined(parts, self.shapes[i])
        return self.structure.unflatten(found)


def _axis(shape: tuple[int, ...], devices: int) -> int | None:
    """Return the first axis that the devices divide."""
    return next((i for i, n in enumerate(shape) if n and n % devices == 0), None)


def _parts(x: jax.Array, devices: int) -> jax.Array:
    """Return an array f[n, ...] as f[n, parts, size of a part]."""
    n, *shape = x.shape
    axis = _axis(tuple(shape), devices)
    if axis is None:
        return x.reshape(n, 1, -1)
    cut = x.reshape(n, *shape[:axis], devices, shape[axis] // devices, *shape[axis + 1 :])
    return jnp.moveaxis(cut, 1 + axis, 1).reshape(n, devices, -1)


def _joined(parts: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Undo `_parts`, for members of a shape."""
    n, devices, _ = parts.shape
    axis = _axis(shape, devices)
    if devices == 1 or axis is None:
        return parts.reshape(n, *shape)
    cut = parts.reshape(n, devices, *shape[:axis], shape[axis] // devices, *shape[axis + 1 :])
    return jnp.moveaxis(cut, 1, 1 + axis).reshape(n, *shape)
