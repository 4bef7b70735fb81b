"""The most that this device can do, by measurement: a copy through its memory, and a product of matrices."""

import functools
import os
import platform
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import checked
from jgd.core.memory import DEVICE, free_bytes
from jgd.measure.program import Program
from jgd.measure.timing import interleave

COPY_BYTES = 1 << 30
UNKNOWN_CACHE = 64 << 20  # of a CPU whose system does not tell
LARGEST_CACHE = 256 << 20  # of the accelerators on sale in 2026
BLOCKS = 5
PRODUCT_SECONDS = 0.02  # a product of matrices that takes so long is large enough


class Copy(Program):
    """`x * a` in place over an array far above the last cache: what a step's bandwidth is measured against."""

    @checked(device=DEVICE)
    def __init__(self, device: Any = None) -> None:
        device = device or default_device()
        room = free_bytes(device)
        size = max(COPY_BYTES, 4 * last_cache_bytes(device))
        size = size if room is None else min(size, room // 8)
        with jax.default_device(device):
            # A factor of one, as an argument: nothing overflows, and the compiler does not know.
            super().__init__(lambda x, a: x * a, jnp.ones(size // 4, jnp.float32), jnp.float32(1), carry=1, own=True)
        self.moved = 2 * 4 * (size // 4)  # bytes, read and written


@checked(device=DEVICE)
def bandwidth(device: Any = None) -> float:
    """Measure the bytes a second that a copy reads and writes on this device; once in a process, in about a second.

    It is no constant of the machine: a virtual one's varies with its neighbours. `roofline` measures it anew, in turn
    with the step.
    """
    return _bandwidth(device or default_device())


@checked(device=DEVICE)
def flops(dtype: Any = "float32", device: Any = None) -> float:
    """Measure the operations a second of a product of square matrices, once in a process for each dtype.

    They run at JAX's default precision, which on some accelerators is less than the dtype's.
    """
    return _flops(jnp.dtype(dtype).name, device or default_device())


def machine() -> dict[str, Any]:
    """Describe the machine of a figure: the platform, the kind of device, how many, and the cores of the host."""
    device = default_device()
    kind = _processor() if device.platform == "cpu" else device.device_kind
    return {"platform": device.platform, "device": kind, "devices": len(jax.local_devices()), "cores": cores()}


def cores() -> int:
    """Count the cores of the host that this process may use, without starting JAX."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_device() -> Any:
    """Tell where JAX puts new arrays."""
    return next(iter(jnp.zeros(()).devices()))


def last_cache_bytes(device: Any) -> int:
    """Return the size of the cache before the memory, or a bound for accelerators, which do not tell."""
    if device.platform != "cpu":
        return LARGEST_CACHE
    found = [_size(path) for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    return max(found, default=UNKNOWN_CACHE)


@functools.cache
def _bandwidth(device: Any) -> float:
    copy = Copy(device)
    return copy.moved / interleave({"": copy}, blocks=BLOCKS)[""].median


@functools.cache
def _flops(dtype: str, device: Any) -> float:
    size, best = 512, 0.0
    while True:
        with jax.default_device(device):
            # Scaled so that products of products neither overflow nor vanish.
            a = jax.random.normal(jax.random.key(0), (size, size)).astype(dtype) * size**-0.5
        program = Program(lambda x, a: x @ a, a, a, carry=1)
        timing = interleave({"": program}, blocks=BLOCKS)[""]
        best = max(best, 2 * size**3 / timing.median)
        if timing.median > PRODUCT_SECONDS or size >= 16384:
            return best
        size *= 2


def _processor() -> str:
    """Return a CPU's name, which only Linux tells whole."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _size(path: Path) -> int:
    text = path.read_text().strip()
    return int(text.rstrip("KMG")) << {"K": 10, "M": 20, "G": 30}.get(text[-1], 0)
