"""Kill a sweep with SIGKILL at random moments, go on with it, and compare: `python bench/kills.py --kills 200`.

Each round starts the same call in a new process and kills it at a random moment, sometimes while it imports or
compiles, mostly while it runs and writes. Whenever a sweep gets to its end in spite of that, it must equal the
uninterrupted one bit for bit, and a new one begins. In between, `load` must always succeed.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

import jgd
from jgd.sweep import Result, halving, load, loguniform, run

STEPS, EVERY = 600, 4


def init(key: jax.Array) -> dict[str, jax.Array]:
    """Parameters of a regression."""
    return {"w": jax.random.normal(key, (8,))}


def loss(params: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
    """Its mean squared error."""
    return ((batch["x"] @ params["w"] - batch["y"]) ** 2).mean()


def study(folder: str, halve: bool) -> Result:
    """Two programs, several chunks, one diverging lane in each."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    task = jgd.Task(init, loss, {"x": x, "y": x.sum(axis=1)}, batch_size=8)
    spaces = {"adam": jgd.adam(loguniform(1e-4, 1.0)), "sgd": jgd.sgd(loguniform(1e-3, 1e3))}
    options = {"num_trials": 12, "seeds": 2, "sampler": "sobol", "progress": False}
    options["stop"] = halving(STEPS // 8) if halve else None
    return run(task, spaces, steps=STEPS, eval_every=EVERY, dir=folder, **options)


def newest(folder: Path) -> int:
    """The time of the last write of a chunk."""
    return max((path.stat().st_mtime_ns for path in folder.glob("chunks/*.safetensors")), default=0)


def same(a: Result, b: Result) -> bool:
    """Whether two results hold the same bits."""
    curves = all(np.array_equal(a.curves[name], b.curves[name], equal_nan=True) for name in b.curves)
    return curves and np.array_equal(a.status, b.status) and np.array_equal(a.diverged_at, b.diverged_at)


def main() -> None:
    """Count kills, and sweeps that ended right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--halving", action="store_true", help="end lanes on the way")
    parser.add_argument("--run", metavar="DIR", help="only run the sweep in this folder (what is killed)")
    args = parser.parse_args()
    if args.run:
        study(args.run, args.halving)
        return
    rng, place = random.Random(args.seed), Path(tempfile.mkdtemp())
    # A child compiles what another has compiled before from this folder: the rounds are many.
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(place / "cache")}
    environment |= {
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, __file__, *(["--halving"] if args.halving else []), "--run"]
    clock = time.perf_counter()
    subprocess.run([*command, str(place / "whole")], env=environment, check=True)
    seconds = time.perf_counter() - clock
    whole = load(place / "whole")
    print(f"uninterrupted: {seconds:.1f} s, of which {whole.run_seconds:.2f} s of running and writing", flush=True)
    kills = writing = ended = 0
    while kills < args.kills:
        folder = place / f"sweep {ended}"
        process = subprocess.Popen([*command, str(folder)], env=environment)
        if rng.random() < 0.1:  # at any moment, that of its start and of compiling included
            time.sleep(rng.uniform(0, seconds))
        else:  # in the middle of the writing
            before = newest(folder)
            while process.poll() is None and newest(folder) == before:
                time.sleep(0.002)
            writing += process.poll() is None
            time.sleep(rng.uniform(0, whole.run_seconds / 8))
        process.kill()
        if process.wait() < 0:
            kills += 1
            if (folder / "sweep.json").exists():
                load(folder)
        elif process.returncode == 0:
            ended += 1
            assert same(load(folder), whole), f"{folder} differs from the uninterrupted sweep"
        else:
            raise SystemExit(f"the sweep failed with {process.returncode}")
        if kills % 20 == 0:
            print(f"{kills} kills, {ended} sweeps at their end, all alike", flush=True)
    subprocess.run([*command, str(place / f"sweep {ended}")], env=environment, check=True)
    assert same(load(place / f"sweep {ended}"), whole)
    print(f"{kills} kills, {writing} of them after new writes; {ended + 1} sweeps ended, all bit for bit the same")


if __name__ == "__main__":
    main()
