"""Memory and time of `fit` on GPT-2 small by the size of its micro-batches, and of the size that "auto" takes.

A device counts its peak since the process began, so "auto" comes first, and sizes from the smallest on. A CPU
tells no peak.
"""

import contextlib
import math
import os
from collections.abc import Iterator
from functools import partial

import jax
import numpy as np

import jgd
from bench.gpt2 import SMALL, TINY, Size, first_parameters, loss, parameters
from bench.rows import Claim, Row, Yields, alone

STEPS = 3  # a segment
FREE = 8 * 2**30  # bytes told to "auto" as all that is free
OVERHEAD = 1.1  # times the whole batch's time: the goal for half a batch at a time


def microbatches(quick: bool = False, batch: int = 32) -> Yields:
    """GPT-2 small on a batch of 32 x 1,024 tokens: "auto" with little memory, then parts of 1 to 16, and the whole."""
    size = (TINY if quick else SMALL)._replace(batch=4 if quick else batch)
    task = task_of(size)
    with told_free(FREE):
        auto = measured(task, "auto", "auto")
    yield {**auto, "free_bytes": FREE}
    if "peak_bytes" in auto:
        text = f"the device's peak with microbatch='auto', of the {FREE / 2**30:g} GiB that were free"
        yield Claim(text, 100 * auto["peak_bytes"] / FREE, 100, at_least=False, unit="%")
    sizes = [size.batch // 2**k for k in reversed(range(int(math.log2(size.batch)) + 1))]
    rows = {}
    for part in sizes:
        rows[part] = measured(task, None if part == size.batch else part, str(part))
        yield rows[part]
    text = "half a batch at a time: times the whole batch's step"
    ratio = rows[size.batch // 2]["seconds"] / rows[size.batch]["seconds"]
    yield Claim(text, ratio, OVERHEAD, at_least=False)


@contextlib.contextmanager
def told_free(count: int) -> Iterator[None]:
    """Tell jgd that no more than so many bytes are free."""
    os.environ["JGD_FREE_BYTES"] = str(count)
    try:
        yield
    finally:
        del os.environ["JGD_FREE_BYTES"]


def task_of(size: Size) -> jgd.Task:
    """Return one batch of random tokens, again and again: its time and memory are those of any other."""
    vocabulary = parameters(size)["wte"].shape[0]
    shape = (size.batch, size.context + 1)
    tokens = np.random.default_rng(0).integers(vocabulary, size=shape, dtype=np.int32)
    return jgd.Task(lambda key: first_parameters(size), partial(loss, heads=size.heads), tokens)


def measured(task: jgd.Task, part: int | str | None, name: str) -> Row:
    """Return the seconds of a step in a second call, with everything compiled, and the peak of the device."""

    def call() -> jgd.Run:
        run = jgd.fit(task, jgd.adamw(1e-4), steps=STEPS, eval_every=STEPS, microbatch=part, progress=False)
        jax.block_until_ready(run.params)
        return run

    first, second = call(), call()
    row: Row = {"microbatch": name, "seconds": second.seconds / STEPS, "compile_seconds": first.compile_seconds}
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        row["peak_bytes"] = stats["peak_bytes_in_use"]
    return {**row, "note": "; ".join(second.notes)}


if __name__ == "__main__":
    alone(microbatches)
