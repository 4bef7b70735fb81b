"""The devices that a command runs on, and what it keeps of compiling for them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jgd.measure import cores
from jgd.pages.words import count


def set_up() -> None:
    """What a command that trains asks of JAX: a device for each core, and to keep what it compiles."""
    use_every_core()
    keep_programs()


def describe_devices(devices: Sequence[Any]) -> str:
    """As in `2 cpu devices`."""
    return count(len(devices), f"{devices[0].device_kind} device")


def use_every_core() -> None:
    """One XLA device for each core of a CPU, unless the user has set a number or JAX is already running."""
    given: int = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    if given >= 0 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:  # somebody has used JAX in this process; its devices will do
        return


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder, unless the user has set or switched off JAX's own.

    The next command with the same programs reads them. JAX finds them by what they compute, its version and the device.
    """
    config: Any = jax.config
    if config.jax_enable_compilation_cache and config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(_cache() / "jgd" / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _cache() -> Path:
    """Where this system keeps what can be made again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    own = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return Path(own) if own else Path.home() / ".cache"
