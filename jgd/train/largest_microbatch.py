"""The largest part of a batch with which a segment of `fit` fits into memory, as the compiler plans it."""

import dataclasses
import functools
from typing import Any

import jax

from jgd.core.errors import InputError
from jgd.core.memory import bytes_on_a_device, free_bytes
from jgd.train.loop import root_key
from jgd.train.mesh_layout import in_effect
from jgd.train.microbatch import divisors
from jgd.train.segments import run_segment
from jgd.train.start import run_shapes
from jgd.train.task import batch_shapes
from jgd.train.training import FitPlan


def with_largest_microbatch(plan: FitPlan) -> FitPlan:
    """Return the plan with the largest micro-batch that divides its batch and fits into the memory that is free now.

    On a mesh it is that of each device. A segment needs what it takes and returns, its data apart, which lie there
    already, and the compiler's temporaries. Those of a smaller part are fewer, so the sizes are searched by halves.
    """
    device = jax.local_devices()[0]
    free = free_bytes(device)
    size = jax.tree.leaves(batch_shapes(plan.task))[0].shape[0]
    sizes = divisors(size // (plan.layout.devices if plan.layout else 1))
    needed = functools.cache(functools.partial(segment_bytes, plan))  # which compiles
    if free is None or needed(None) <= free:
        return plan._replace(
            notes=(
                *plan.notes,
                f"microbatch='auto': the whole batch of {size} fits into memory",
            )
        )
    low, high = 0, len(sizes) - 1  # sizes[high] is too large
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if needed(sizes[middle]) <= free else (low, middle)
    if low == 0:
        raise InputError(
            f"fit(microbatch='auto'): a step on one example needs {needed(1):,} bytes, and {free:,} are free; take a "
            "smaller model, or an optimizer with less state, such as jgd.low_bit or jgd.adafactor."
        )
    part, count = sizes[low - 1], needed(sizes[low - 1])
    note = f"microbatch='auto': {part} of {size} examples at a time, {count:,} bytes where {free:,} are free"
    return plan._replace(task=dataclasses.replace(plan.task, microbatch=part), notes=(*plan.notes, note))


def segment_bytes(plan: FitPlan, size: int | None) -> int:
    """Return the bytes that a segment takes beside the data with parts of this size, `None` for the whole batch."""
    task = dataclasses.replace(plan.task, microbatch=size)
    state = run_shapes(task, plan.optimizer, plan.in_segment, root_key(0))
    if plan.layout is not None:
        state = jax.tree.map(_lying, state, plan.layout.where(state))
    batches = None
    if callable(task.data):
        batches = jax.tree.map(lambda x: jax.ShapeDtypeStruct((plan.length, *x.shape), x.dtype), batch_shapes(task))
        if plan.layout is not None:
            batches = jax.tree.map(functools.partial(_lying, where=plan.layout.over_axis(1)), batches)
    with in_effect(plan.layout):
        program = run_segment.lower(
            task, plan.optimizer, plan.in_segment, state, batches, None, 0,
            length=plan.length, watched=plan.watched, layout=plan.layout, pulse=plan.pulse,
        )  # fmt: skip
        memory: Any = program.compile().memory_analysis()
    planned = memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return planned + bytes_on_a_device((state, batches))


def _lying(x: Any, where: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where)
