"""Sweeps killed with SIGKILL at random moments, continued by the same call, and compared with the uninterrupted one.

Each round starts the same call in a new process and kills it at a random moment, sometimes while it imports or
compiles, mostly while it runs and writes. Whenever a sweep gets to its end in spite of that, it must equal the
uninterrupted one bit for bit, and a new one begins. In between, `load` must always succeed. Lanes of the uninterrupted
sweep are replayed alone, too. The long form is `python -m bench.crash_recovery --count 200`.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.crash_worker import STEPS, spaces, task
from bench.rows import Claim, Yields, alone
from jgd.sweep import Result, load, replay

TOLERANCE = 1e-4  # of a replayed curve, relative: the rounding of another program over all steps
FEW = 480  # steps of a quick run
KINDS = {
    "all to the end": ([], 1),
    "halving": (["--halving"], 1),
    "TPE and ASHA": (["--asha"], 1),
    "two workers": (["--halving"], 2),
}


def kills(quick: bool = False, count: int = 2, seed: int = 0, only: str = "", steps: int = STEPS) -> Yields:
    """Kills with and without rules and rounds, and of workers; what is counted must all be bit for bit the same."""
    for name in [only] if only else KINDS:
        flags, workers = KINDS[name]
        flags = [*flags, "--steps", str(FEW if quick else steps)]
        row = survive(flags, workers, min(2, count) if quick else count, random.Random(seed))
        yield {"name": name, **row}
        text = f"{name}: sweeps that ended bit for bit as the uninterrupted one"
        yield Claim(text, row["alike"], row["ended"], unit="")
        yield Claim(f"{name}: largest difference of replayed curves", row["replay"], TOLERANCE, at_least=False, unit="")


def survive(flags: list[str], workers: int, count: int, rng: random.Random) -> dict[str, float]:
    """What became of the sweeps of `count` kills."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        rounds = Rounds(place, flags, workers, rng)
        kills = writing = alike = ended = 0
        while kills < count or not ended:
            target = place / f"sweep {ended}"
            last = kills >= count  # let the last sweep get to its end
            codes, in_write = rounds.run(target, killed=not last)
            if max(codes) > 0:
                raise RuntimeError(f"the sweep failed with exit status {max(codes)}")
            deaths = sum(code < 0 for code in codes)
            kills, writing = kills + deaths, writing + min(deaths, in_write)
            if max(codes) == 0:  # where one of several is killed, the others take its lanes over
                alike, ended = alike + same(load(target), rounds.whole), ended + 1
            elif (target / "sweep.json").exists():
                load(target)
        found = {"kills": kills, "while_writing": writing, "ended": ended, "alike": alike}
        return {**found, "replay": replayed(rounds.whole), "uninterrupted_seconds": rounds.seconds}


class Rounds:
    """Starts and kills the sweep, or its workers; processes share what they compile."""

    def __init__(self, place: Path, flags: list[str], workers: int, rng: random.Random) -> None:
        self.rng, self.workers = rng, workers
        self.environment = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(place / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        self.command = [sys.executable, "-m", "bench.crash_worker", *flags]
        clock = time.perf_counter()
        subprocess.run([*self.command, str(place / "whole")], env=self.environment, check=True)
        self.seconds = time.perf_counter() - clock
        self.whole = load(place / "whole", task(), spaces())

    def run(self, folder: Path, killed: bool) -> tuple[list[int], bool]:
        """The exit statuses of the processes, negative if one was killed, and whether that was after new writes."""
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
            time.sleep(self.rng.uniform(0, self.whole.run_seconds / 8))
        if killed:
            process.kill()
            for other in others:  # half of the time they go on, and end the sweep
                if self.rng.random() < 0.5:
                    time.sleep(self.rng.uniform(0, self.whole.run_seconds / 8))
                    other.kill()
        return [process.wait() for process in processes], writing


def newest(folder: Path) -> int:
    """The time of the last write of a chunk."""
    return max((path.stat().st_mtime_ns for path in folder.glob("chunks/*.safetensors")), default=0)


def same(a: Result, b: Result) -> bool:
    """Whether two results hold the same bits."""
    curves = all(np.array_equal(a.curves[name], b.curves[name], equal_nan=True) for name in b.curves)
    return curves and np.array_equal(a.status, b.status) and np.array_equal(a.diverged_at, b.diverged_at)


def replayed(whole: Result) -> float:
    """The largest relative difference of a lane's curve and its replay's, over the best trial of each space."""
    found = []
    for space in whole.spaces:
        best = whole.best(space)
        for number, seed in enumerate(whole.settings.seeds):
            curve, known = replay(whole, best, seed).curves["loss"], whole.curves["loss"][best.number, number]
            there = np.isfinite(known)
            found.append(np.max(np.abs(curve - known)[there] / np.abs(known)[there]))
    return float(max(found))


if __name__ == "__main__":
    alone(kills)
