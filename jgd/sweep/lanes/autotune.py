"""What programs cost, measured before a sweep: compiling them, a segment of the lanes side by side, and memory."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.sweep.lanes.chunk import members_of
from jgd.sweep.lanes.compiler import Preparation, Prepared
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import Layout, state_bytes
from jgd.sweep.lanes.program import Shared

ENOUGH = 16  # lanes on a device in a call that is timed


class Cost(NamedTuple):
    """What a group's program takes on each device."""

    lane: int  # bytes that a lane hands from one segment to the next
    fixed: float  # further bytes, the data among them, and
    side: float  # further bytes of each lane that runs side by side with others
    seconds: float | None  # of a step of the lanes that run side by side on all devices; None if it was not run

    def resident(self, layout: Layout, devices: int) -> int:
        """Bytes on each device while a chunk runs."""
        return round(self.fixed + self.side * layout.width + self.lane * layout.chunk / devices)

    def of(self, layout: Layout, steps: int, devices: int) -> float | None:
        """Seconds of all chunks."""
        units = layout.chunk // (layout.width * devices) * layout.chunks
        return None if self.seconds is None else self.seconds * steps * units


def measure(preparation: Preparation, groups: Sequence[Group], layouts: Sequence[Layout]) -> tuple[list[Cost], float]:
    """What each group costs in its layout, and the seconds that compiling them all took together.

    Further programs, of this width and of another, are compiled for the memory alone.
    """
    devices = len(preparation.devices.list)
    clock = time.perf_counter()
    ready = preparation.compile(groups, [some_units(layout, devices) for layout in layouts])
    compiling = time.perf_counter() - clock
    single = preparation.compile(groups, [one_call(layout.width, devices) for layout in layouts])
    double = preparation.compile(groups, [one_call(2 * layout.width, devices) for layout in layouts])
    length, costs = max(preparation.lengths), []
    for row, *pair in zip(ready, single, double, strict=True):
        share = row.layout.width * devices / row.layout.chunk
        programs = [(x.layout.width, x.layout.width, x.segments[length]) for x in pair]
        costs.append(line(programs, state_bytes(row.group), segment_seconds(preparation, row) / length * share))
    return costs, compiling


def some_units(layout: Layout, devices: int) -> Layout:
    """A call of as many lanes as the layout's, up to `ENOUGH` on each device, so that what a call costs weighs less."""
    units = max(1, min(ENOUGH, layout.chunk // devices) // layout.width)
    return Layout(layout.width, units * layout.width * devices, 1)


def one_call(width: int, devices: int) -> Layout:
    """A call of `width` lanes on each device."""
    return Layout(width, width * devices, 1)


def line(programs: Sequence[tuple[int, int, Any]], lane: int, seconds: float | None) -> Cost:
    """The cost that compiled programs of several widths, with their lanes on each device, point to.

    Temporaries grow linearly in the lanes, within 3% as measured. `temp_size_in_bytes` foretells them; the compiler's
    `peak_memory_in_bytes` misses what a loop's body needs.
    """
    points = [(width, _further(program, chunk * lane)) for width, chunk, program in programs]
    (low, least), (high, most) = points[0], points[-1]
    side = max(0.0, (most - least) / (high - low))
    return Cost(lane, max(0.0, least - side * low), side, seconds)


def segment_seconds(preparation: Preparation, ready: Prepared) -> float:
    """Seconds that a call takes for the longest segment; the faster of two."""
    numbers = np.array([trial.number for trial in ready.group.trials])
    seeds, length = len(preparation.settings.seeds), max(preparation.lengths)
    members = members_of(np.arange(ready.layout.chunk) % (len(numbers) * seeds), numbers, seeds)
    lanes, states = preparation.begin(ready, members, members.real)
    step, taken = preparation.devices.scalar(0), []
    shared = Shared(ready.numbers, None, ready.picks[length](preparation.seeds, step), step)
    jax.block_until_ready((states, lanes, shared))
    for _ in range(2):
        clock = time.perf_counter()
        states, _ = jax.block_until_ready(ready.segments[length](states, lanes, shared))
        taken.append(time.perf_counter() - clock)
    return min(taken)


def _further(program: Any, states: int) -> int:
    found = program.memory_analysis()
    return found.argument_size_in_bytes - states + found.temp_size_in_bytes
