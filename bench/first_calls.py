"""Processor seconds of first calls, imports and compiling included, each in a fresh process that finds no programs.

Those of the process and its threads and not of the clock, which other work beside would lengthen. Sides run in turn.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.rows import Claim, Yields, alone, in_turn, timed

ROOT = Path(__file__).parent.parent
CALLS = {  # what is run, and how many times as long as by hand it may take
    "sweep of two spaces": ("from bench.first.{side} import sweep; sweep({trials}, {steps}, 8)", 1.5),
    "fit": ("from bench.first.{side} import fit; fit({steps}, 8)", 1.5),
    "import": ("import jax, optax{jgd}", 1.2),
}


def first_calls(quick: bool = False, repeats: int = 3, trials: int = 64, steps: int = 200) -> Yields:
    """A first sweep of Adam and SGD, a first run and an import, against jitted scans by hand and JAX with optax."""
    repeats, trials, steps = (1, 2, 8) if quick else (repeats, trials, steps)
    for name, (code, most) in CALLS.items():
        sides: dict[str, Callable[[], float]] = {
            side: partial(
                processor_seconds,
                code.format(side=side, trials=trials, steps=steps, jgd=", jgd" * (side == "with_jgd")),
            )
            for side in ("with_jgd", "by_hand")
        }
        ours, theirs = (found := in_turn(sides, repeats)).values()
        for side, seconds in found.items():
            yield {"call": name, "side": side, **timed(seconds, ours)}
        yield Claim(f"first {name} over that by hand", timed(ours, theirs)["ratio"], most, at_least=False)


def processor_seconds(code: str) -> float:
    """Return what a process that runs this code takes of the processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "0"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    alone(first_calls)
