"""What to do when memory runs out: half as many lanes, and a word about it."""

import warnings

import jax

from jgd.core.errors import InputError
from jgd.sweep.lanes.layout import Layout, halve

FROM_XLA = (jax.errors.JaxRuntimeError, ValueError)  # a call that is dispatched at once raises the second


def fewer_lanes(error: Exception, layout: Layout, devices: int, spaces: str) -> Layout:
    """A layout with half the lanes after an error that says that memory ran out; any other error is raised again."""
    # XLA's CPU backend says INTERNAL where memory runs out in a computation that was dispatched before.
    if not any(said in str(error) for said in ("RESOURCE_EXHAUSTED", "Out of memory allocating")):
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
