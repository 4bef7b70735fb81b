"""Several processes under `jax.distributed`: arrays that span them, and what they must decide alike."""

import zlib
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


def on_host(tree: Any) -> Any:
    """Return the arrays of a tree, whole in each process.

    Those that span processes are put together, so all must call it.
    """

    def whole(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.is_fully_addressable:
            return x
        if x.is_fully_replicated:
            return np.asarray(x.addressable_data(0))
        return np.asarray(multihost_utils.process_allgather(x, tiled=True))

    return jax.tree.map(whole, tree)


def in_any(flag: bool) -> bool:
    """Tell whether a flag is set in any process: one answer for all, which must call it together."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def same_in_all(arrays: Any) -> bool:
    """Tell whether every process holds the same bytes in the arrays of a tree; all must call it together."""
    if jax.process_count() == 1:
        return True
    digest = 0
    for x in jax.tree.leaves(arrays):
        digest = zlib.crc32(np.ascontiguousarray(x).reshape(-1).view(np.uint8).data, digest)
    return bool(np.all(multihost_utils.process_allgather(np.array(digest, np.uint32)) == digest))


def is_first() -> bool:
    """Tell whether this process is the one that writes for all."""
    return jax.process_index() == 0
