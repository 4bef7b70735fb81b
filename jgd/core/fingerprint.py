"""What something was asked to do, as texts to compare: its structure, its numbers, and checksums of its arrays."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jgd.core.storage import is_key
from jgd.core.values import names

SHOWN = 3  # differences in a message


def steady_repr(value: Any) -> str:
    """The repr without the addresses that Python puts into the names of functions."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def structure_text(value: Any) -> str:
    """A value without its numbers."""
    return steady_repr(jax.tree.map(lambda _: _Star(), value))


def leaf_texts(title: str, value: Any) -> dict[str, str]:
    """The leaves of a value by name: a number as itself, an array by its checksum."""
    leaves = jax.tree.leaves(value)
    return {f"{title}.{name}": _text(leaf) for name, leaf in zip(names(value), leaves, strict=True)}


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """The first few entries that differ, as a clause; empty where none does."""
    differing = [name for name in {**theirs, **ours} if ours.get(name) != theirs.get(name)]
    return "; ".join(
        f"{name} is {theirs.get(name, 'absent')} there and {ours.get(name, 'absent')} here"
        for name in differing[:SHOWN]
    )


class _Star:
    def __repr__(self) -> str:
        return "*"


def _text(leaf: Any) -> str:
    array = np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)
    if array.ndim == 0:
        return steady_repr(array.item())
    checksum = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return f"{array.dtype}{list(array.shape)} with checksum {checksum:08x}"
