"""How many lanes run side by side, by measurement, where a sweep is long enough to pay for it."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from jgd.measure.operations import operations
from jgd.sweep.lanes.autotune import line, segment_seconds
from jgd.sweep.lanes.compiler import Preparation
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import Layout, in_calls, lane_bytes, room_bytes, state_bytes
from jgd.train.loop import begin, root_key, segment

LONG = 60.0  # seconds of running that pay for compiling other widths, which takes seconds for each
RATES = {"cpu": 5e10}  # operations a second of a CPU's core at its best; what is no CPU is taken to be an accelerator
FASTEST = 5e13
REUSE = 64  # how often a parameter is used in an example, at most, before a trace is made to know
SHARE = 0.02  # of the steps that are to be run, as many are measured at most
BETTER = 0.9  # of the time: what is less is noise
FACTORS = (0.0625, 0.25, 4.0, 16.0)  # other widths, in widths of the rule's layout


def measured(preparation: Preparation, group: Group, rule: Layout, total: int) -> Layout:
    """The layout that ran fastest, `rule` where the sweep of `total` lanes is too short, or others gain less than 10%.

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
    cost = line(programs, state_bytes(group), None)
    fitting = [x for x in ready if cost.resident(x.layout, len(devices)) <= room or x.layout.width == rule.width]
    seconds = {x.layout.width: segment_seconds(preparation, x) / x.layout.chunk for x in fitting}
    best = min(seconds, key=seconds.__getitem__)
    if seconds[best] > BETTER * seconds[rule.width]:
        return rule
    return in_calls(total, best, len(devices), room // lane_bytes(group))


def _is_long(group: Group, lane_steps: int, preparation: Preparation) -> bool:
    """Whether the steps take `LONG` even at the devices' best; they are traced only if they might."""
    devices = preparation.devices.list
    room = LONG * len(devices) * RATES.get(devices[0].platform, FASTEST)
    task, optimizer = group.trials[0].problem
    examples = task.batch_size or jax.tree.leaves(task.data)[0].shape[0]
    if REUSE * 6 * state_bytes(group) / 4 * examples * lane_steps < room:
        return False
    carry = jax.eval_shape(begin, task, optimizer, root_key(0))
    return lane_steps * operations(partial(segment, length=1), task, optimizer, carry, jnp.int32(0)) >= room
