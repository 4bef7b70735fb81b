"""Successive halving of 64 lanes to 32, 16 and 8 against all 64 to the end, on digits with Adam's rate and decay.

CPU seconds count whatever else the machine does; both sides run in turn. Compiling is a part of neither: a first run of
each fills a cache on disk.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone, in_turn, timed
from jgd.sweep import Result, loguniform, run, uniform
from jgd.sweep import halving as halve


class Study(NamedTuple):
    """Hold the time and the results of a side."""

    cpu_seconds: float
    seconds: float  # of running
    result: Result


def halving(quick: bool = False, steps: int = 1200, repeats: int = 3) -> Yields:
    """64 settings of Adam on digits: CPU seconds, time, lane steps, and the accuracy of what is chosen."""
    if quick:
        steps, repeats = 160, 2
    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp())
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    task, space = jgd.tasks.digits(), jgd.adam(loguniform(1e-5, 1.0), b1=uniform(0.0, 0.99))
    options = {"sampler": "sobol", "metric": "accuracy", "mode": "max", "progress": False}
    options |= {"steps": steps, "eval_every": steps // 16}
    study = partial(run, task, space, num_trials=64, **options)
    sides = {"all to the end": study, "halving": partial(study, stop=halve(steps // 8))}
    for side in sides.values():
        side()
    found = in_turn({name: partial(measured, side) for name, side in sides.items()}, repeats)
    whole, halved = found.values()
    values = whole[0].result.values[:, 0]
    for name, turns in found.items():
        chosen = turns[0].result.best()
        yield {
            "name": name,
            **timed([x.seconds for x in turns], [x.seconds for x in whole]),
            "cpu_seconds": float(np.median([x.cpu_seconds for x in turns])),
            "lane_steps": turns[0].result.lane_steps,
            "accuracy": float(values[chosen.number]),  # of its choice, trained to the end
            "note": str(chosen),
        }
    cheaper = float(np.median([a.cpu_seconds for a in whole]) / np.median([b.cpu_seconds for b in halved]))
    steps_spared = whole[0].result.lane_steps / halved[0].result.lane_steps
    yield Claim("cheaper in CPU seconds", cheaper, 2.5, why=f"{steps_spared:.2f}x fewer steps")
    best, chosen = whole[0].result.best(), halved[0].result.best()
    spread = run(task, best.optimizer, num_trials=1, seeds=8, **options).values[0]
    text = "accuracy lost by its choice, against the range of the best setting over 8 seeds"
    yield Claim(text, float(values.max() - values[chosen.number]), float(np.ptp(spread)), at_least=False, unit="")


def measured(study: Callable[[], Result]) -> Study:
    """Return one run of a side."""
    clock = time.process_time()
    result = study()
    return Study(time.process_time() - clock, result.run_seconds, result)


if __name__ == "__main__":
    alone(halving)
