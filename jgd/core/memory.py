"""Memory of a device: how much is free now, how much a tree takes, and whether an error says that it ran out."""

import math
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import Kind, checked
from jgd.core.errors import InputError

DEVICE = Kind("be a device, such as jax.devices()[0]", lambda x: hasattr(x, "platform"))
MEMORY = Path("/proc/meminfo")
CONTAINER = Path("/sys/fs/cgroup")
ALLOWED = "JGD_FREE_BYTES"


@checked(device=DEVICE)
def free_bytes(device: Any) -> int | None:
    """Return the bytes that programs on a device could still take, None where nobody tells.

    All of a CPU's devices share them.

    On a CPU what the system could free counts, such as files that it keeps in memory, within the limit of a container.
    Where the environment has a number of bytes under JGD_FREE_BYTES, no more than that is free.
    """
    found = [_allowed()]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        found.append(stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None)
    else:
        found += [_available(), _left_to_container()]
    return min((x for x in found if x is not None), default=None)


def bytes_on_a_device(tree: Any) -> int:
    """Return the bytes of the arrays of a tree, or of their shapes, on one of the devices over which each is split."""
    return sum(map(_part_bytes, jax.tree.leaves(tree)))


def ran_out(error: Exception) -> bool:
    """Tell whether the error says that a device's memory ran out."""
    # XLA's CPU backend says INTERNAL where memory runs out in a computation that was dispatched before.
    return any(said in str(error) for said in ("RESOURCE_EXHAUSTED", "Out of memory allocating"))


def _part_bytes(x: Any) -> int:
    shape, sharding = tuple(jnp.shape(x)), getattr(x, "sharding", None)
    part = shape if sharding is None else sharding.shard_shape(shape)
    return math.prod(part) * jnp.result_type(x).itemsize


def _allowed() -> int | None:
    text = os.environ.get(ALLOWED, "")
    if text and not text.isdecimal():
        raise InputError(f"{ALLOWED}={text!r}: it must be a whole number of bytes; unset it for all that is free.")
    return int(text) if text else None


def _available() -> int | None:
    try:
        lines = MEMORY.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # no Linux
        return _unused()


def _unused() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):  # not on this system
        return None


def _left_to_container() -> int | None:
    try:
        limit, used = (int((CONTAINER / name).read_text()) for name in ("memory.max", "memory.current"))
        return max(0, limit - used)
    except (OSError, ValueError):  # no container, or "max", which is no limit
        return None
