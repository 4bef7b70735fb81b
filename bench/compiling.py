"""Seconds of a sweep against its steps, compiling and all: from how many steps on compiling no longer matters.

Sides run in turn, and each time from nothing.

  jgd            one call of jgd.sweep.run, which compiles
  jgd, again     the same call where a folder has its programs, as jgd's commands keep them
  jitted scan    by hand: one jitted scan for all trials, one after another, on one device
"""

import tempfile
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import numpy as np
from jax.experimental.compilation_cache.compilation_cache import reset_cache

import jgd
from bench.baseline_jax import scan
from bench.networks import NETWORKS
from bench.rows import Claim, Row, Yields, alone, in_turn, timed
from bench.workload import Ran, Work, batches_of, fixed_start, with_jgd
from jgd.sweep import loguniform

T = TypeVar("T")
RATES = np.geomspace(1e-4, 1e-1, 32)


def compiling(quick: bool = False, repeats: int = 2) -> Yields:
    """32 trials of Adam on digits for 1 to 1,000 steps: seconds in all, and the part of them that compiling takes."""
    task = fixed_start(jgd.tasks.digits())
    rows: dict[tuple[str, int], Row] = {}
    with tempfile.TemporaryDirectory() as again:
        for steps in (1, 10) if quick else (1, 100, 1000):
            work = Work(task, RATES, 1, steps, steps, "validation_loss")
            batches = [batches_of(task, steps, 0)]
            kept(again, partial(with_jgd, work))
            sides: dict[str, Callable[[], Ran]] = {
                "jgd": partial(kept, None, partial(with_jgd, work)),
                "jgd, again": partial(kept, again, partial(with_jgd, work)),
                "jitted scan": partial(kept, None, lambda work=work, batches=batches: scan(work, batches)()),
            }
            found = in_turn(sides, 2 if quick else repeats)
            for side, turns in found.items():
                whole = [ran.seconds + ran.compile_seconds for ran in turns]
                spread = timed(whole, [ran.seconds + ran.compile_seconds for ran in found["jgd"]])
                part = 100 * float(np.median([ran.compile_seconds for ran in turns])) / spread["seconds"]
                rows[side, steps] = {"side": side, "steps": steps, **spread, "compiling_percent": part}
                yield {**rows[side, steps], "trials_per_second": len(RATES) / spread["seconds"]}
    most = max(steps for _, steps in rows)
    text = f"part of {most:,} steps that compiling takes where a folder has the programs"
    yield Claim(text, rows["jgd, again", most]["compiling_percent"], 25, at_least=False, unit="%")


def cold_and_warm(quick: bool = False, trials: int = 32, steps: int = 20) -> Yields:
    """Give the seconds that a sweep waits for its programs: compiled, and read from the folder where they then are."""
    for name in ("tiny",) if quick else ("digits", "convolution", "transformer"):
        task, space = NETWORKS[name](), jgd.adam(loguniform(1e-4, 1e-1))

        def run(task: jgd.Task = task, space: jgd.Transform = space) -> jgd.sweep.Result:
            return jgd.sweep.run(task, space, num_trials=trials, steps=steps, eval_every=steps, progress=False)

        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            cold, warm = (kept(folder, run) for _ in range(2))
        row: Row = {"network": name, "programs": cold.compilations, "cold_seconds": cold.compile_seconds}
        yield {**row, "warm_seconds": warm.compile_seconds, "run_seconds": warm.run_seconds}


def kept(folder: str | None, run: Callable[[], T]) -> T:
    """Run with programs read from a folder, or compiled if there is none, and with none that this process has."""
    keep_in(folder)
    jax.clear_caches()  # jgd forgets its programs with JAX
    found = run()
    keep_in(None)
    return found


def keep_in(folder: str | None) -> None:
    """Keep all programs in a folder from now on, or in none: JAX settles on a folder at the first program."""
    reset_cache()
    jax.config.update("jax_enable_compilation_cache", folder is not None)  # else jgd's own folder would have them
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


if __name__ == "__main__":
    alone(compiling, cold_and_warm)
