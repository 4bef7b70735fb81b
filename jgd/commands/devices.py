"""The devices that a command runs on."""

import os
from collections.abc import Sequence
from typing import Any

import jax

from jgd.pages.words import count


def use_every_core() -> None:
    """One XLA device for each core of a CPU, unless the user has set a number or JAX is already running."""
    given: int = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    if given >= 0 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", _cores())
    except RuntimeError:  # somebody has used JAX in this process; its devices will do
        return


def describe_devices(devices: Sequence[Any]) -> str:
    """As in `2 cpu devices`."""
    return count(len(devices), f"{devices[0].device_kind} device")


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
