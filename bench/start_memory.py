"""The memory of more and more starts in one call: what the compiler counts, and what a fresh process measures.

BFGS keeps a matrix for each search, so that starts of a problem of 100 variables side by side soon take more than there
is. Each process is told that so much memory is free, of which searches may take half.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jgd
from bench.many_problems import rosenbrock
from bench.rows import Claim, Row, Yields, alone

VARIABLES = 100
UNIT = 1 if sys.platform == "darwin" else 1024
PAGES = Path("/proc/self/statm")


def start_memory(quick: bool = False, free_mebi: int = 512) -> Yields:
    """BFGS from 16 to 16,384 starts of a problem of 100 variables, all side by side if they fit, for 20 steps."""
    most = {"bound": 0.0, "the compiler counts": 0.0, "the process grows by": 0.0}
    for power in (4, 6) if quick else range(4, 15, 2):
        row = fresh(2**power, free_mebi)
        found = dict(
            zip(most, (row.pop(name) for name in ("bound_bytes", "compiler_bytes", "grown_bytes")), strict=True)
        )
        for side, count in found.items():
            yield {"side": side, **row, "bytes": count}
            most[side] = max(most[side], count / found["bound"])
    for side in list(most)[1:]:
        why = "the process also compiles, and holds the starts and solutions" if "grows" in side else ""
        yield Claim(f"most that {side}, of the bound", 100 * most[side], 100, at_least=False, unit="%", why=why)


def search(starts: int = 16, free_mebi: int = 512) -> Yields:
    """Measure one call in this process, after a small one, so that what every call needs is there."""
    points = np.random.default_rng(0).normal(0, 1, (starts, VARIABLES)).astype(np.float32)
    stop = jgd.Stop(gradient_norm=1e-6, max_steps=20)
    counted = watch_compiler()

    def call(count: int) -> Any:
        found = jgd.minimize_many(rosenbrock, "bfgs", points[:count], stop, lanes=count, progress=False)
        return jax.block_until_ready(found.value)

    os.environ["JGD_FREE_BYTES"] = str(free_mebi * 2**20)
    call(8)
    before = int(PAGES.read_text().split()[1]) * resource.getpagesize()
    counted.clear()
    values = call(starts)
    assert np.isfinite(values).all()
    width, need = counted[-1][0], max(need for _, need in counted[-3:])  # the programs of the last width that was tried
    yield {
        "starts": starts,
        "lanes": width,
        "compiler_bytes": need * jax.local_device_count(),
        "grown_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT - before,
        "bound_bytes": free_mebi * 2**20 // 2,
    }


def watch_compiler() -> list[tuple[int, int]]:
    """Return a list that gets, of each program that is compiled, its lanes and the bytes that it needs on a device."""
    counted, compile_it = [], jax.stages.Lowered.compile

    def recorded(self: Any, *args: Any, **keywords: Any) -> Any:
        program = compile_it(self, *args, **keywords)
        told: Any = program.memory_analysis()
        sizes = told.temp_size_in_bytes + told.argument_size_in_bytes + told.output_size_in_bytes
        lanes = max(x.shape[0] for x in jax.tree.leaves(self.out_info) if x.shape)
        counted.append((lanes, sizes - told.alias_size_in_bytes))
        return program

    jax.stages.Lowered.compile = recorded
    return counted


def fresh(starts: int, free_mebi: int) -> Row:
    """Return the row of so many starts, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "row.json"
        command = [sys.executable, "-m", "bench.start_memory", "search", f"--starts={starts}"]
        command += [f"--free-mebi={free_mebi}", "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())["rows"][0]


if __name__ == "__main__":
    alone(start_memory, search)
