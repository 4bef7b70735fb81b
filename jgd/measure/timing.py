"""Time per call, in blocks long enough for a clock, of one function or of several in turn."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from jgd.core.arguments import Kind, checked, instance_of
from jgd.measure.program import Clock, Compilation, Program
from jgd.measure.units import time_text
from jgd.pages.text import count

BLOCKS, BLOCK_SECONDS = 10, 0.1
CANDIDATES = Kind(
    "be a dict with at least one thing to time by name, each with a method run(calls), such as a Program",
    lambda x: isinstance(x, Mapping) and bool(x) and all(hasattr(one, "run") for one in x.values()),
)


@runtime_checkable
class Runner(Protocol):
    """Something that can be timed: a `Program`, or a peer's step in another library."""

    def run(self, calls: int) -> Any:
        """Call it so often and wait for the last; each call depends on the one before."""
        ...


class Timing(NamedTuple):
    """Seconds of a call in each block, and how long the way to the device took."""

    seconds: tuple[float, ...]  # a block's time over its calls
    calls: int  # in a block
    compilation: Compilation | None = None  # None for what JAX does not compile

    @property
    def median(self) -> float:
        """Seconds of a call: the median over blocks."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The ends of the interquartile range over blocks, in seconds."""
        low, high = np.quantile(self.seconds, [0.25, 0.75]).tolist()
        return low, high

    def as_json(self) -> dict[str, Any]:
        """Return the fields, and the median and quartiles of the blocks."""
        compilation = None if self.compilation is None else self.compilation.as_json()
        low, high = self.quartiles
        spread = {"median": self.median, "lower_quartile": low, "upper_quartile": high}
        return {**spread, "seconds": list(self.seconds), "calls": self.calls, "compilation": compilation}

    def __str__(self) -> str:
        low, high = map(time_text, self.quartiles)
        blocks, calls = count(len(self.seconds), "block"), count(self.calls, "call")
        line = f"{time_text(self.median)} (IQR {low} to {high}; {blocks} of {calls})"
        return line if self.compilation is None else f"{line}; {self.compilation}"


TIMING = instance_of("be what jgd.measure.timing or interleave returned", Timing)


@checked()
def timing(
    fn: Callable[..., Any],
    *args: Any,
    carry: int = 0,
    blocks: int = BLOCKS,
    block_seconds: float = BLOCK_SECONDS,
    clock: Clock = time.perf_counter,
) -> Timing:
    """Time `fn(*args)`: traced, lowered, compiled and run, each apart; the run as a median over blocks.

    `carry` is how many of the first arguments a call returns for the next: pass the state of a step that way, so that
    calls follow one another in donated memory, as in training. A block has so many calls that it takes
    `block_seconds`, and the device is waited for once in it. Your arrays are copied, not donated. Pass parameters as
    arguments: what `fn` closes over is compiled into it.
    """
    program = Program(fn, *args, carry=carry, clock=clock)
    return interleave({"": program}, blocks=blocks, block_seconds=block_seconds, clock=clock)[""]


@checked(candidates=CANDIDATES)
def interleave(
    candidates: Mapping[str, Runner],
    *,
    blocks: int = BLOCKS,
    block_seconds: float = BLOCK_SECONDS,
    clock: Clock = time.perf_counter,
) -> dict[str, Timing]:
    """Time several by blocks in turn, so that what disturbs the machine disturbs all; see `compare`.

    Turns are A B C, B C A, C A B: what runs after a certain other finds its data in the cache, or not. Each has its own
    number of calls in a block, found after a first call that is not counted.
    """
    calls = {name: _calls(candidate, block_seconds, clock) for name, candidate in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for block in range(blocks):
        first = block % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(_block(candidates[name], calls[name], clock) / calls[name])
    return {
        name: Timing(tuple(seconds[name]), calls[name], getattr(candidate, "compilation", None))
        for name, candidate in candidates.items()
    }


def _calls(candidate: Runner, block_seconds: float, clock: Clock) -> int:
    """Return the calls that fill a block; the number grows at most sixteenfold at a time, as short blocks mislead."""
    candidate.run(1)
    calls = 1
    while (seconds := _block(candidate, calls, clock)) < block_seconds:
        wanted = math.ceil(1.1 * calls * block_seconds / seconds) if seconds > 0 else math.inf
        calls = int(min(16 * calls, max(2 * calls, wanted)))
    return calls


def _block(candidate: Runner, calls: int, clock: Clock) -> float:
    start = clock()
    candidate.run(calls)
    return clock() - start
