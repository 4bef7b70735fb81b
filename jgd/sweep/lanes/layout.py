"""How the lanes of a group run: how many side by side, how many in a call, and what a group has cost."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from jgd.core.errors import InputError
from jgd.core.memory import free_bytes, ran_out
from jgd.core.tree import tree_bytes
from jgd.sweep.lanes.group import Group
from jgd.train.loop import begin, root_key
from jgd.train.task import num_examples

CACHE_BYTES = 1 << 16  # lanes of a CPU core that together fit into this run faster side by side than one by one
CHUNK_BYTES = 1 << 28  # the state that is resident at a time on a CPU, at most: more of it only delays the next segment
CHUNKS_PER_PROCESS = 4  # where lanes run one by one, so that a quick process can take more than a slow one
FROM_XLA = (jax.errors.JaxRuntimeError, ValueError)  # a call that is dispatched at once raises the second
SHARE = 4  # a sweep takes one part in so many of the memory that is free


class Layout(NamedTuple):
    """How the lanes of a group, its pairs of trial and seed, run."""

    width: int  # lanes side by side on a device, by vmap; further ones follow one another
    chunk: int  # lanes in a call, on all devices together
    chunks: int


class GroupReport(NamedTuple):
    """Hold the cost of a group."""

    spaces: tuple[str, ...]
    trials: int
    layout: Layout
    seconds: float  # of running
    lane_steps: int  # steps taken, of all its lanes together


def layout(group: Group, seeds: int, devices: Sequence[Any], lanes: int | None, trials: int | None = None) -> Layout:
    """Choose how many lanes run side by side and in a call, as if the group had `trials` trials if that is given.

    On a CPU lanes run one by one: side by side their states outgrow the cache, and a small network then takes up to
    1.4 times as long, measured with 2 to 32 lanes; only steps so small that dispatch dominates gain. Elsewhere as many
    lanes run side by side as memory holds four times.
    """
    bytes_per_lane, total = lane_bytes(group), (trials or len(group.trials)) * seeds
    on_cpu = devices[0].platform == "cpu"
    room = room_bytes(devices) // bytes_per_lane  # on each device
    fitting = 2 ** (max(1, CACHE_BYTES // bytes_per_lane).bit_length() - 1) if on_cpu else max(1, room)
    return in_calls(total, lanes or fitting, len(devices), room)


def in_calls(total: int, width: int, devices: int, room: int) -> Layout:
    """Lay out so many lanes, `width` side by side, in as few calls as memory allows with `room` on each device."""
    width = min(width, math.ceil(total / devices))
    unit = width * devices
    units = math.ceil(total / unit)
    chunks = math.ceil(units / max(1, room // width))
    return Layout(width, math.ceil(units / chunks) * unit, chunks)


def narrow(layout: Layout, lanes: int, devices: int) -> Layout:
    """Return the layout for the lanes that are left: side by side, a power of two of them on each device.

    Lanes that run one by one stay in the program that is there: what has ended costs it nothing.
    """
    if layout.width == 1 or lanes >= layout.chunk:
        return layout._replace(chunks=math.ceil(lanes / layout.chunk))
    on_each = 2 ** (math.ceil(lanes / devices) - 1).bit_length()
    width = min(layout.width, on_each)
    chunk = min(layout.chunk, math.ceil(on_each / width) * width * devices)
    return Layout(width, chunk, math.ceil(lanes / chunk))


def halve(layout: Layout, devices: int) -> Layout | None:
    """Halve the lanes side by side, or in a call where they run one by one; None where there is one on each device.

    The call shrinks as far as it must to hold the same lanes on every device.
    """
    on_each = layout.chunk // devices
    if on_each == 1:
        return None
    width = max(1, layout.width // 2)
    chunk = max(1, on_each // 2 // width) * width * devices
    return Layout(width, chunk, math.ceil(layout.chunk * layout.chunks / chunk))


def fewer_lanes(error: Exception, layout: Layout, devices: int, spaces: str) -> Layout:
    """Return a layout with half the lanes after an error that says that memory ran out.

    Any other error is raised again.
    """
    if not ran_out(error):
        raise error
    halved = halve(layout, devices)
    if halved is None:
        raise InputError(
            f"run: one lane of {spaces} on each device does not fit into its memory; pass a smaller batch_size, or "
            "fewer run(devices=) where they share their memory."
        ) from error
    advice = f"; run(lanes={halved.width}) begins with that" if layout.width > 1 else ""
    warnings.warn(
        f"run: memory ran out with {layout.chunk} lanes of {spaces} in a call, {layout.width} side by side on each "
        f"device; it goes on with {halved.chunk} and {halved.width}{advice}.",
        stacklevel=2,
    )
    return halved


def spread(layout: Layout, lanes: int, devices: int, workers: int) -> Layout:
    """Return the layout for these lanes on `workers` processes with so many devices each: alone, it is as it was."""
    if workers == 1:
        return layout
    width = min(layout.width, math.ceil(lanes / (devices * workers)))
    units = math.ceil(lanes / (width * devices))
    chunks = min(units, max(math.ceil(lanes / layout.chunk), CHUNKS_PER_PROCESS * workers))
    chunk = math.ceil(units / chunks) * width * devices
    return Layout(width, chunk, math.ceil(lanes / chunk))


def room_bytes(devices: Sequence[Any]) -> int:
    """Return the bytes of lanes that may be resident on each device."""
    share = free_on_each(devices) // SHARE
    return min(CHUNK_BYTES, share) if devices[0].platform == "cpu" else share


def free_on_each(devices: Sequence[Any]) -> int:
    """Return the bytes that are free on each device: those of a CPU share the machine's."""
    found = free_bytes(devices[0])
    found = SHARE * CHUNK_BYTES if found is None else found
    return found // len(devices) if devices[0].platform == "cpu" else found


def lane_bytes(group: Group) -> int:
    """Return the bytes that a lane works on: parameters, optimizer state and a batch."""
    trial = group.trials[0]
    share = (trial.task.batch_size or num_examples(trial.task)) / num_examples(trial.task)
    data = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(trial.task.data))
    return max(1, lane_state_bytes(group) + int(share * data))


def lane_state_bytes(group: Group) -> int:
    """Return the bytes that a lane hands from one segment to the next: parameters, optimizer state and the model's."""
    trial = group.trials[0]
    carry = jax.eval_shape(begin, trial.task, trial.optimizer, root_key(0))
    return tree_bytes((carry.params, carry.opt_state, carry.model_state))
