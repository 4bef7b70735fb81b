"""A step against its floor: the least bytes that it must move, at the bandwidth of a copy measured in turn with it."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.arguments import TEXT, Kind, checked
from jgd.core.cost import Cost, cost, total
from jgd.core.errors import InputError
from jgd.core.median import level_text, median_interval
from jgd.core.tree import tree_bytes
from jgd.core.types import Params
from jgd.measure.device import Copy, default_device, flops, last_cache_bytes
from jgd.measure.program import Memory
from jgd.measure.steps import num_parameters, state_bytes, step_program
from jgd.measure.timing import BLOCK_SECONDS, BLOCKS, TIMING, Timing, interleave
from jgd.measure.units import bytes_text, plain_row, time_text

COPY = Kind("be a jgd.measure.Copy()", lambda x: hasattr(x, "moved"))
NOISE = 0.05  # how far above the floor the low end of an interval may lie before it is called impossible


class Share(NamedTuple):
    """The floor's time in percent of the step's, with an interval over blocks and the probability that it holds."""

    percent: float
    low: float  # NaN for fewer than two blocks
    high: float
    level: float  # at least 0.95 from six blocks on, 0.9375 for five, and 0 for one

    def as_json(self) -> dict[str, Any]:
        """Return the fields; the ends of no interval are null."""
        return plain_row(self)

    def __str__(self) -> str:
        interval = f" ({self.low:.0f} to {self.high:.0f}, {level_text(self.level)})" if self.level else ""
        return f"{self.percent:.0f}%{interval}"


class Roofline(NamedTuple):
    """A step, its floor, and what a copy took in turn with it."""

    parameters: int
    least: Cost  # of the whole step
    state_bytes: int
    timing: Timing
    copy: float  # measured bandwidth, bytes a second
    share: Share | None  # None where everything fits into the last cache, so that memory sets no floor
    memory: Memory

    @property
    def bandwidth(self) -> float:
        """The least bytes over the step's time, bytes a second."""
        return self.least.bytes / self.timing.median

    def as_json(self) -> dict[str, Any]:
        """Return the fields, with what follows from them."""
        return {
            "parameters": self.parameters,
            "least_bytes": self.least.bytes,
            "least_flops": dict(self.least.flops),
            "state_bytes": self.state_bytes,
            "bandwidth": self.bandwidth,
            "copy_bandwidth": self.copy,
            "floor": None if self.share is None else self.share.as_json(),
            "timing": self.timing.as_json(),
            "memory": self.memory.as_json(),
        }

    def __str__(self) -> str:
        share = "no floor: it fits into the cache" if self.share is None else f"{self.share} of the floor"
        n = max(self.parameters, 1)
        lines = {
            "parameters": f"{self.parameters:,}",
            "step": time_text(self.timing.median),
            "floor": f"{self.least.bytes / n:.1f} B a parameter; {share}",
            "bandwidth": f"{bytes_text(self.bandwidth)}/s; a copy: {bytes_text(self.copy)}/s",
            "state": f"{self.state_bytes / n:.1f} B a parameter",
            "compilation": str(self.timing.compilation),
            "memory": str(self.memory),
        }
        return "\n".join(f"{name:<12} {text}" for name, text in lines.items())


@checked()
def floor(optimizer: Any, params: Params) -> Cost:
    """Return the least that a step costs: gradients read, parameters read and written, and what the optimizer declares.

    By default that is its state read and written once, so SGD moves 12 bytes for a float32 parameter, momentum 20,
    Adam 28. A transform with a method `cost(params)` declares otherwise, as clipping by the global norm does (one more
    pass over the gradients) and Muon (its matrix products). `params` may be shapes.
    """
    return total([Cost(3 * tree_bytes(params)), cost(optimizer, params)])


@checked()
def roofline(optimizer: Any, params: Params, *, blocks: int = BLOCKS, block_seconds: float = BLOCK_SECONDS) -> Roofline:
    """Measure a step of `optimizer` on parameters like `params` against its floor on this device.

    The copy that sets the floor runs in turn with the step. More than all of it is an error: then the bytes are
    declared wrongly, or the timing is wrong. Any optax transform may stand for `optimizer`; its floor is that of its
    state.
    """
    program, copy = step_program(optimizer, params), Copy()
    timings = interleave({"step": program, "copy": copy}, blocks=blocks, block_seconds=block_seconds)
    share = judge(f"roofline({optimizer!r})", optimizer, params, timings["step"], timings["copy"], copy)
    rate = copy.moved / timings["copy"].median
    size = state_bytes(optimizer, params)
    least = floor(optimizer, params)
    return Roofline(num_parameters(params), least, size, timings["step"], rate, share, program.memory)


@checked(place=TEXT, step=TIMING, copied=TIMING, copy=COPY)
def judge(place: str, optimizer: Any, params: Params, step: Timing, copied: Timing, copy: Copy) -> Share | None:
    """Return the floor's share of the time of a step, by whomever, from blocks that ran in turn with a copy's.

    The floor is the larger of the time to move the least bytes and of that for the matrix products. Where what the
    step touches fits into twice the last cache, memory sets no floor: None, unless the products are the larger. A share
    above 100%, by more than the interval and 5%, is an error.
    """
    least, on_one = floor(optimizer, params), _part_on_one_device(params)
    touched = 2 * tree_bytes(params) + state_bytes(optimizer, params)
    moving = on_one * least.bytes / copy.moved * np.asarray(copied.seconds)
    products = sum(on_one * count / flops(dtype) for dtype, count in least.flops.items())
    if on_one * touched < 2 * last_cache_bytes(default_device()) and products < np.median(moving):
        return None
    floors = np.maximum(moving, products)
    percents = 100 * floors / np.asarray(step.seconds)
    share = Share(float(np.median(percents)), *median_interval(percents))
    if (share.low if share.level else share.percent) > 100 * (1 + NOISE):
        raise InputError(
            f"{place}: {share} of the floor is impossible, so either its declared {bytes_text(least.bytes)} are more "
            "than the least, or the machine was disturbed; measure again on an idle machine, then check its cost()."
        )
    return share


def _part_on_one_device(params: Params) -> float:
    """Return the part of the parameters' bytes that each of their devices holds: 1, or less where they are sharded."""
    leaves = [x for x in jax.tree.leaves(params) if isinstance(x, jax.Array)]
    held = sum(x.dtype.itemsize * int(np.prod(x.sharding.shard_shape(x.shape))) for x in leaves)
    return held / tree_bytes(leaves) if tree_bytes(leaves) else 1.0
