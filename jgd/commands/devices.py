"""The devices that a command runs on, and what it keeps of compiling for them."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import jax

from jgd.core.compilation import keep_programs
from jgd.measure import cores
from jgd.pages.text import count


def set_up(number: int | None = None) -> None:
    """Set JAX up for a command that trains: a device for each of these cores, and a cache of compiled programs."""
    use_every_core(number)
    keep_programs()


def describe_devices(devices: Sequence[Any]) -> str:
    """Describe devices, as in `2 cpu devices`."""
    return count(len(devices), f"{devices[0].device_kind} device")


def shares(processes: int) -> list[list[int]]:
    """Return the numbers of the cores for each of so many processes: parts as even as they go, of one core at least."""
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(cores()))
    ends = [i * len(every) // processes for i in range(processes + 1)]
    return [every[low:high] or [every[low]] for low, high in pairwise(ends)]


@contextlib.contextmanager
def on_cores(mine: Sequence[int]) -> Iterator[None]:
    """Let a command and its threads run on these cores alone; where a system cannot bind, on as many devices."""
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
    """Ask for one XLA device for each core of a CPU, unless the user has set a number or JAX is already running."""
    given: int = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    if given >= 0 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", cores() if number is None else number)
    except RuntimeError:  # somebody has used JAX in this process; its devices will do
        return
