"""Studies and runs killed with SIGKILL at random moments, continued by the same call, and compared with whole ones.

Each round starts the same call in a new process and kills it at a random moment, sometimes while it imports or
compiles, mostly while it runs and writes. Whenever one gets to its end in spite of that, it must equal the
uninterrupted one bit for bit, and a new one begins. In between, what is on disk must always be whole. Lanes of the
uninterrupted sweep are replayed alone, too. The long form is `python -m bench.crash_recovery every_kind --count 200`,
and of one kind `--only halving`.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bench.crash_worker import KINDS, STEPS, call, problem
from bench.rows import Claim, Yields, alone
from jgd.core.storage import load_arrays
from jgd.sweep import load, replay

TOLERANCE = 1e-4  # of a replayed curve, relative: the rounding of another program over all steps
FEW = 480  # steps of a quick run
SUITE = ("TPE and ASHA", "population", "two workers", "fit")

Arrays = dict[str, np.ndarray]


def kills(quick: bool = False, count: int = 2, seed: int = 0) -> Yields:
    """Kills of a few kinds of study, of workers and of a run; what is counted must all be bit for bit the same."""
    yield from _kills(SUITE, FEW if quick else STEPS, min(2, count) if quick else count, seed)


def every_kind(quick: bool = False, count: int = 3, seed: int = 0, only: str = "", steps: int = STEPS) -> Yields:
    """Yield the same of every kind, or of one; `quick` has fewer steps and as many kills."""
    yield from _kills([only] if only else KINDS, FEW if quick else steps, count, seed)


def _kills(names: Iterable[str], steps: int, count: int, seed: int) -> Yields:
    for name in names:
        row = survive(name, steps, count, random.Random(seed))
        yield {"name": name, **row}
        text = f"{name}: those that ended bit for bit as the uninterrupted one"
        yield Claim(text, row["alike"], row["ended"], unit="")
        if "replay" in row:
            text = f"{name}: largest difference of replayed curves"
            yield Claim(text, row["replay"], TOLERANCE, at_least=False, unit="")


def survive(name: str, steps: int, count: int, rng: random.Random) -> dict[str, float]:
    """Kill a study `count` times, and tell what became of each."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        rounds = Rounds(name, place, steps, rng)
        whole = arrays_of(name, place / "whole", steps)
        kills = writing = alike = ended = 0
        while kills < count or not ended:
            target = place / f"try {ended}"
            last = kills >= count  # let the last one get to its end
            codes, in_write = rounds.run(target, killed=not last)
            if max(codes) > 0:
                raise RuntimeError(f"the call failed with exit status {max(codes)}")
            deaths = sum(code < 0 for code in codes)
            kills, writing = kills + deaths, writing + min(deaths, in_write)
            if max(codes) == 0:  # where one of several is killed, the others take its lanes over
                alike, ended = alike + same(arrays_of(name, target, steps), whole), ended + 1
            else:
                check(target)
        found = {"kills": kills, "while_writing": writing, "ended": ended, "alike": alike}
        found |= {} if name == "fit" else {"replay": replayed(name, place / "whole", steps)}
        return {**found, "uninterrupted_seconds": rounds.seconds}


class Rounds:
    """Starts and kills the call, or its workers; processes share what they compile."""

    def __init__(self, name: str, place: Path, steps: int, rng: random.Random) -> None:
        self.rng, self.workers = rng, KINDS[name].workers
        self.environment = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(place / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        self.command = [sys.executable, "-m", "bench.crash_worker", name, "--steps", str(steps)]
        clock, began = time.perf_counter(), 0.0
        process = subprocess.Popen([*self.command, str(place / "whole")], env=self.environment)
        while process.poll() is None:
            if not began and newest(place / "whole"):
                began = time.perf_counter()
            time.sleep(0.002)
        if process.returncode:
            raise RuntimeError(f"the call failed with exit status {process.returncode}")
        end = time.perf_counter()
        self.seconds, self.writing = end - clock, end - began  # of these, it has written for so many

    def run(self, folder: Path, killed: bool) -> tuple[list[int], bool]:
        """Return the exit statuses of processes, negative if one was killed, and whether that was after new writes."""
        command = [*self.command, "--workers", str(self.workers), str(folder)]
        processes = [subprocess.Popen(command, env=self.environment) for _ in range(self.workers)]
        process, *others = self.rng.sample(processes, self.workers)
        writing = False
        if killed and self.rng.random() < 0.1:  # at any moment, that of its start and of compiling included
            time.sleep(self.rng.uniform(0, self.seconds))
        elif killed:  # in the middle of the writing
            before = newest(folder)
            while process.poll() is None and newest(folder) == before:
                time.sleep(0.002)
            writing = process.poll() is None
            time.sleep(self.rng.uniform(0, self.writing / 8))
        if killed:
            process.kill()
            for other in others:  # half of the time they go on, and end the sweep
                if self.rng.random() < 0.5:
                    time.sleep(self.rng.uniform(0, self.writing / 8))
                    other.kill()
        return [process.wait() for process in processes], writing


def files_of(folder: Path) -> list[Path]:
    """Return the files with arrays, of a study or of a run."""
    return sorted(folder.rglob("*.safetensors"))


def newest(folder: Path) -> int:
    """Return the time of the last write."""
    times = []
    for path in files_of(folder):
        try:
            times.append(path.stat().st_mtime_ns)
        except FileNotFoundError:  # the best of a run, which another has replaced
            continue
    return max(times, default=0)


def check(folder: Path) -> None:
    """Read everything that a kill has left."""
    for path in files_of(folder):
        load_arrays(path)
    if (folder / "sweep.json").exists():
        load(folder)


def arrays_of(name: str, folder: Path, steps: int) -> Arrays:
    """Return all that has come of what has ended in a folder."""
    if name != "fit":
        result = load(folder)
        curves = {f"curves of {metric}": curve for metric, curve in result.curves.items()}
        return {**curves, "status": result.status, "diverged_at": result.diverged_at}
    run = call(name, folder, steps)  # which takes no step any more
    if run.steps_here or run.best is None:
        raise RuntimeError(f"the run in {folder} has not ended")
    found: Any = run.params, run.opt_state, run.model_state, run.metrics, run.evaluations, run.best[:2]
    leaves = jax.tree_util.tree_leaves_with_path(found)
    return {jax.tree_util.keystr(path): bits(x) for path, x in leaves} | {"best": np.array(run.best[2:])}


def bits(x: Any) -> np.ndarray:
    """Return an array, or the numbers in a key."""
    return np.asarray(jax.random.key_data(x) if jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key) else x)


def same(a: Arrays, b: Arrays) -> bool:
    """Tell whether two hold the same bits."""
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=b[k].dtype.kind == "f") for k in b)


def replayed(name: str, folder: Path, steps: int) -> float:
    """Return the largest relative difference of a lane's curve and its replay's, over the best trial of each space.

    Of a population, from its last decision on: what a trial did before that is not its lineage's.
    """
    whole, found = load(folder, *problem(name, steps)), []
    for space in whole.spaces:
        best = whole.best(space)
        for number, seed in enumerate(whole.settings.seeds):
            curve, known = replay(whole, best, seed).curves["loss"], whole.curves["loss"][best.number, number]
            there = np.isfinite(known) & (whole.steps > (whole.lineage.steps[-1] if whole.lineage else 0))
            found.append(np.max(np.abs(curve - known)[there] / np.abs(known)[there]))
    return float(max(found))


if __name__ == "__main__":
    alone(kills, every_kind)
