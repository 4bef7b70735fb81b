"""Steps with moments in 8 and 4 bits, beside the same optimizer with moments in float32: time, state and temporaries.

On GPT-2 small's parameters, stacked, with the gradients given. What 8 bits save is memory; a step that reads and writes
a third less may even be faster, where the codes are computed in the pass that moves the numbers.
"""

from collections.abc import Callable
from typing import Any

import jax

import jgd
from bench.gpt2 import SMALL, TINY, stacked
from bench.rows import Claim, Yields, alone, early, timed
from bench.steps import step
from jgd.measure import Timing, interleave, state_bytes

RATE = 1e-3
WHOLE = 2**62  # entries of a chunk: every leaf at once
SLOWER, BYTES = 1.05, 2.2  # goals on an accelerator: times AdamW's step, and bytes a parameter


def few_bits(quick: bool = False, blocks: int = 5, block_seconds: float = 0.05) -> Yields:
    """AdamW and Lion, and with their moments in few bits: in chunks, leaf by leaf, rounded to nearest, in 4 bits."""
    adamw, lion = jgd.adamw(RATE), jgd.lion(RATE)
    sides: dict[str, Callable[[], Any]] = {
        "AdamW": lambda: adamw,
        "AdamW, 8 bits": lambda: jgd.low_bit(adamw),
        "AdamW, 8 bits, leaf by leaf": lambda: jgd.low_bit(adamw, chunk=WHOLE),
        "AdamW, 8 bits, to nearest": lambda: jgd.low_bit(adamw, rounding="nearest"),
        "AdamW, 8 bits, leaf by leaf, to nearest": lambda: jgd.low_bit(adamw, rounding="nearest", chunk=WHOLE),
        "AdamW, 4 bits": lambda: jgd.low_bit(adamw, bits=4),
        "Lion": lambda: lion,
        "Lion, 8 bits": lambda: jgd.low_bit(lion),
    }
    params = stacked(TINY if quick else SMALL)
    entries = sum(x.size for x in jax.tree.leaves(params))
    if quick:
        sides = {name: make for name, make in sides.items() if name in ("AdamW", "AdamW, 8 bits")}
    programs, first = {}, {}
    for name, make in sides.items():
        programs[name] = step(make(), params)
        first |= interleave({name: programs[name]}, blocks=1, block_seconds=block_seconds)
        base = first[_in_float32(name)]
        yield early(_row(name, make(), programs[name], first[name], base, params, entries))
    times = interleave(programs, blocks=3 if quick else blocks, block_seconds=block_seconds)
    rows = {
        name: _row(name, make(), programs[name], times[name], times[_in_float32(name)], params, entries)
        for name, make in sides.items()
    }
    yield from rows.values()
    yield Claim("AdamW, 8 bits: times the step in float32", rows["AdamW, 8 bits"]["ratio"], SLOWER, at_least=False)
    each = rows["AdamW, 8 bits"]["state_bytes_each"]
    yield Claim("AdamW, 8 bits: bytes of state a parameter", each, BYTES, at_least=False, unit=" B")


def _in_float32(name: str) -> str:
    """Return the side that a side is compared with."""
    return name.partition(",")[0]


def _row(name: str, optimizer: Any, program: Any, time: Timing, base: Timing, params: Any, entries: int) -> Any:
    """Return the seconds and their ratio, bytes of state a parameter, temporaries a parameter."""
    memory = program.memory
    return {
        "name": name,
        **timed(time.seconds, base.seconds),
        "state_bytes_each": state_bytes(optimizer, params) / entries,
        "temporary_bytes_each": memory.temporaries / entries,
        "compile_seconds": program.compilation.seconds,
    }


if __name__ == "__main__":
    alone(few_bits)
