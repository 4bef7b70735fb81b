"""The devices that a command runs on, and what it keeps of compiling for them."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from jgd.measure import cores
from jgd.pages.text import count


def set_up(number: int | None = None) -> None:
    """What a command that trains asks of JAX: a device for each of these cores, and to keep what it compiles."""
    use_every_core(number)
    keep_programs()


def describe_devices(devices: Sequence[Any]) -> str:
    """As in `2 cpu devices`."""
    return count(len(devices), f"{devices[0].device_kind} device")


def shares(processes: int) -> list[list[int]]:
    """The numbers of the cores for each of so many processes: parts as even as they go, of one core at least."""
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(cores()))
    ends = [i * len(every) // processes for i in range(processes + 1)]
    return [every[low:high] or [every[low]] for low, high in pairwise(ends)]


@contextlib.contextmanager
def on_cores(mine: Sequence[int]) -> Iterator[None]:
    """A command that trains on these cores alone, and its threads; where a system cannot bind, on as many devices."""
    binds = hasattr(os, "sched_setaffinity")
    before = os.sched_getaffinity(0) if binds else set()
    if binds:
        os.sched_setaffinity(0, mine)
    try:
        set_up(len(mine))
        yield
    finally:
        if binds:
            os.sched_setaffinity(0, before)


def use_every_core(number: int | None = None) -> None:
    """One XLA device for each core of a CPU, unless the user has set a number or JAX is already running."""
    given: int = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    if given >= 0 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", cores() if number is None else number)
    except RuntimeError:  # somebody has used JAX in this process; its devices will do
        return


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder, unless the user has set or switched off JAX's own.

    The next command with the same programs reads them. JAX finds them by what they compute, its version and the device.
    """
    config: Any = jax.config
    if config.jax_enable_compilation_cache and config.jax_compilation_cache_dir is None:
        _keep_in(str(_cache() / "jgd" / "programs"), 0.1)


@contextlib.contextmanager
def fresh_programs() -> Iterator[None]:
    """Keep compiled programs as long as this lasts, and know none from before: so compiling can be timed."""
    config: Any = jax.config
    before = config.jax_compilation_cache_dir, config.jax_persistent_cache_min_compile_time_secs
    if not config.jax_enable_compilation_cache:
        yield
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _keep_in(folder, 0.0)
        try:
            yield
        finally:
            _keep_in(*before)


def _keep_in(folder: str | None, seconds: float) -> None:
    """Keep programs that took so long to compile in a folder, from now on: JAX settles on one at the first program."""
    reset_cache()
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)


def _cache() -> Path:
    """Where this system keeps what can be made again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    own = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return Path(own) if own else Path.home() / ".cache"
