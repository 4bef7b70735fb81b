"""Successive halving of 64 lanes to 32, 16 and 8 against all 64 to the end: `python bench/halving.py`.

A multilayer perceptron on digits, Adam with 64 learning rates and decays. CPU seconds count whatever else the machine
does; both sides run alternately, and the medians are told. Compiling is a part of neither: a first run of each warms a
cache on disk.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial

import jax
import numpy as np

import jgd
from jgd.sweep import Result, halving, loguniform, run, uniform


def measure(study: Callable[[], Result]) -> tuple[float, float, Result]:
    """CPU seconds, wall seconds of running, and the result."""
    clock = time.process_time()
    result = study()
    return time.process_time() - clock, result.run_seconds, result


def main() -> None:
    """Print the ratios, and what halving chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp())
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    task = jgd.tasks.load("digits")
    space = jgd.adam(loguniform(1e-5, 1.0), b1=uniform(0.0, 0.99))
    options = {"num_trials": 64, "sampler": "sobol", "metric": "accuracy", "mode": "max", "progress": False}
    study = partial(run, task, space, steps=args.steps, eval_every=args.steps // 16, **options)
    sides = {"all": study, "halving": partial(study, stop=halving(args.steps // 8))}
    for side in sides.values():
        side()
    rows = {name: [] for name in sides}
    for _ in range(args.repeats):
        for name, side in sides.items():
            rows[name].append(measure(side))
    medians = {name: np.median([row[:2] for row in found], axis=0) for name, found in rows.items()}
    (whole, halved) = (rows[name][0][2] for name in ("all", "halving"))
    for name, (cpu, wall) in medians.items():
        print(f"{name:8} {cpu:6.2f} CPU s, {wall:6.2f} s of running, {rows[name][0][2].lane_steps:,} lane steps")
    ratios = medians["all"] / medians["halving"]
    steps = whole.lane_steps / halved.lane_steps
    print(f"halving is {ratios[0]:.2f}x cheaper in CPU seconds, {ratios[1]:.2f}x in time, {steps:.2f}x in steps")
    best, chosen = whole.best(), halved.best()
    spread = run(task, best.optimizer, steps=args.steps, seeds=8, **{**options, "num_trials": 1}).values[0]
    print(
        f"all end in {whole.values[best.number, 0]:.4f} accuracy with {best}\n"
        f"halving in {whole.values[chosen.number, 0]:.4f} with {chosen}\n"
        f"over 8 seeds the best setting ranges from {spread.min():.4f} to {spread.max():.4f}"
    )


if __name__ == "__main__":
    main()
