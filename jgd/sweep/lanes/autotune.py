"""Measurement before a sweep: what its programs cost in time and memory, and how many lanes run best side by side."""

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.measure.operations import operations
from jgd.sweep.lanes.chunk import members_of
from jgd.sweep.lanes.compiler import Preparation, Prepared
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import Layout, in_calls, lane_bytes, lane_state_bytes, room_bytes
from jgd.sweep.lanes.program import Shared
from jgd.train.loop import begin, root_key, segment

LONG = 60.0  # seconds of running that pay for compiling other widths, which takes seconds for each
RATES = {"cpu": 5e10}  # operations a second of a CPU's core at its best; what is no CPU is taken to be an accelerator
FASTEST = 5e13
REUSE = 64  # how often a parameter is used in an example, at most, before a trace is made to know
SHARE = 0.02  # of the steps that are to be run, as many are measured at most
BETTER = 0.9  # of the time: what is less is noise
FACTORS = (0.0625, 0.25, 4.0, 16.0)  # other widths, in widths of the rule's layout
ENOUGH = 16  # lanes on a device in a call that is timed


class ProgramCost(NamedTuple):
    """Hold the bytes and the seconds of a group's program on each device."""

    lane: int  # bytes that a lane hands from one segment to the next
    fixed: float  # further bytes, the data among them, and
    side: float  # further bytes of each lane that runs side by side with others
    seconds: float | None  # of a step of the lanes that run side by side on all devices; None if it was not run

    def resident(self, layout: Layout, devices: int) -> int:
        """Return the bytes on each device while a chunk runs."""
        return round(self.fixed + self.side * layout.width + self.lane * layout.chunk / devices)

    def of(self, layout: Layout, steps: int, devices: int) -> float | None:
        """Return the seconds of all chunks."""
        units = layout.chunk // (layout.width * devices) * layout.chunks
        return None if self.seconds is None else self.seconds * steps * units


def measure(
    preparation: Preparation, groups: Sequence[Group], layouts: Sequence[Layout]
) -> tuple[list[ProgramCost], float]:
    """Measure the cost of each group in its layout, and the seconds that compiling them all took together.

    What is timed is the sweep's own programs where its lanes run one by one. A further segment, of twice the width, is
    compiled for the memory alone.
    """
    devices = len(preparation.devices.list)
    clock = time.perf_counter()
    ready = preparation.compile(groups, [some_units(layout, devices) for layout in layouts])
    compiling = time.perf_counter() - clock
    length, costs = max(preparation.lengths), []
    double = preparation.segments(ready, [one_call(2 * layout.width, devices) for layout in layouts], length)
    for row, twice in zip(ready, double, strict=True):
        width, chunk = row.layout.width, row.layout.chunk // devices
        programs = [(width, chunk, row.segments[length]), (2 * width, 2 * width, twice)]
        seconds = segment_seconds(preparation, row, ENOUGH) / length * width / min(chunk, max(width, ENOUGH))
        costs.append(line(programs, lane_state_bytes(row.group), seconds))
    return costs, compiling


def some_units(layout: Layout, devices: int) -> Layout:
    """Return a call that is timed.

    It is the sweep's own where lanes run one by one, as those that are not alive cost nothing there. Elsewhere it has
    as many lanes as the layout's, up to `ENOUGH` on each device, so that what a call costs weighs less.
    """
    if layout.width == 1:
        return layout._replace(chunks=1)
    units = max(1, min(ENOUGH, layout.chunk // devices) // layout.width)
    return Layout(layout.width, units * layout.width * devices, 1)


def one_call(width: int, devices: int) -> Layout:
    """Return a call of `width` lanes on each device."""
    return Layout(width, width * devices, 1)


def line(programs: Sequence[tuple[int, int, Any]], lane: int, seconds: float | None) -> ProgramCost:
    """Return the cost that compiled programs of several widths, with their lanes on each device, point to.

    Temporaries grow linearly in the lanes, within 3% as measured. `temp_size_in_bytes` foretells them; the compiler's
    `peak_memory_in_bytes` misses what a loop's body needs.
    """
    points = [(width, _further(program, chunk * lane)) for width, chunk, program in programs]
    (low, least), (high, most) = points[0], points[-1]
    side = max(0.0, (most - least) / (high - low))
    return ProgramCost(lane, max(0.0, least - side * low), side, seconds)


def segment_seconds(preparation: Preparation, ready: Prepared, most: int | None = None) -> float:
    """Return the seconds that a call takes for the longest segment; the faster of two.

    Of lanes that run one by one only the first `most` on each device are alive.
    """
    numbers = np.array([trial.number for trial in ready.group.trials])
    seeds, length = len(preparation.settings.seeds), max(preparation.lengths)
    members = members_of(np.arange(ready.layout.chunk) % (len(numbers) * seeds), numbers, seeds)
    on_each = ready.layout.chunk // len(preparation.devices.list)
    alive = members.real & (np.arange(ready.layout.chunk) % on_each < (most or on_each))
    lanes, states = preparation.begin(ready, members, alive)
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


def measured(preparation: Preparation, group: Group, rule: Layout, total: int) -> Layout:
    """Find the layout that ran fastest, or `rule` where the sweep of `total` lanes is short or others gain below 10%.

    Every width runs one segment of the same lanes, so that what a call costs weighs alike. Memory bounds the widths:
    bytes are a line through those of two. What is measured is thrown away, so results depend on it by rounding alone.
    """
    devices, steps = preparation.devices.list, preparation.settings.steps
    if not _is_long(group, total * steps, preparation):
        return rule
    most, room = math.ceil(total / len(devices)), room_bytes(devices)
    widths = sorted({rule.width, *(round(rule.width * f) for f in FACTORS if 1 <= rule.width * f <= most)})
    budget = int(SHARE * total * steps / (2 * max(preparation.lengths) * len(devices)))  # lanes on each device
    lanes = max(16, widths[-1])
    widths = [width for width in widths if width == rule.width or lanes * len(widths) <= budget]
    if len(widths) == 1:
        return rule
    calls = [Layout(width, math.ceil(lanes / width) * width * len(devices), 1) for width in widths]
    ready = preparation.compile([group] * len(calls), calls)
    longest = max(preparation.lengths)
    programs = [(x.layout.width, x.layout.chunk // len(devices), x.segments[longest]) for x in ready]
    cost = line(programs, lane_state_bytes(group), None)
    fitting = [x for x in ready if cost.resident(x.layout, len(devices)) <= room or x.layout.width == rule.width]
    seconds = {x.layout.width: segment_seconds(preparation, x) / x.layout.chunk for x in fitting}
    best = min(seconds, key=seconds.__getitem__)
    if seconds[best] > BETTER * seconds[rule.width]:
        return rule
    return in_calls(total, best, len(devices), room // lane_bytes(group))


def _is_long(group: Group, lane_steps: int, preparation: Preparation) -> bool:
    """Tell whether the steps take `LONG` even at the devices' best; they are traced only if they might."""
    devices = preparation.devices.list
    room = LONG * len(devices) * RATES.get(devices[0].platform, FASTEST)
    task, optimizer = group.trials[0].problem
    examples = task.batch_size or jax.tree.leaves(task.data)[0].shape[0]
    if REUSE * 6 * lane_state_bytes(group) / 4 * examples * lane_steps < room:
        return False
    carry = jax.eval_shape(begin, task, optimizer, root_key(0))
    return lane_steps * operations(partial(segment, length=1), task, optimizer, carry, jnp.int32(0)) >= room
