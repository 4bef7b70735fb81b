"""A study of digits, Adam's learning rate for 200 steps: jgd's samplers, and Optuna's with torch as peer.

Optuna proposes and is told in memory, in the main process; torch trains in one process for each core with one thread
each, and a process that has ended a trial gets the next at once. Both sides start at the same parameters and see the
same batches. Times are whole: jgd's compiling is in them, and shown beside; starting torch's processes is not.
"""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import optuna

import jgd
from bench.baseline_torch import Torch
from bench.rows import Yields, alone, in_turn, timed
from bench.workload import Work, batches_of, fixed_start
from jgd.measure import cores
from jgd.sweep import loguniform

LOW, HIGH = 1e-5, 1.0


class Study(NamedTuple):
    """Hold the time of a side, and the best value that it found."""

    seconds: float
    compile_seconds: float
    best: float


def studies(quick: bool = False, trials: int = 96, steps: int = 200, repeats: int = 2) -> Yields:
    """128 trials by random search and by TPE: seconds in all, trials a second, and the best validation loss."""
    if quick:
        trials, steps, repeats = 16, 20, 2
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = fixed_start(jgd.tasks.digits())
    work = Work(task, np.geomspace(LOW, HIGH, 4), 1, steps, steps, "validation_loss")
    with Torch(work, [batches_of(task, steps, 0)]) as torch:
        sides: dict[str, Callable[[], Study]] = {
            "jgd, random": partial(with_jgd, work, trials, "random"),
            "jgd, TPE": partial(with_jgd, work, trials, "tpe"),
            "Optuna and torch, random": partial(with_optuna, torch, trials, optuna.samplers.RandomSampler),
            "Optuna and torch, TPE": partial(with_optuna, torch, trials, optuna.samplers.TPESampler),
        }
        found = in_turn(sides, repeats)
    for name, turns in found.items():
        spread = timed([x.seconds for x in turns], [x.seconds for x in found["jgd, random"]])
        yield {
            "name": name,
            **spread,
            "compile_seconds": float(np.median([x.compile_seconds for x in turns])),
            "trials_per_second": trials / spread["seconds"],
            "best_validation_loss": float(np.median([x.best for x in turns])),
        }


def with_jgd(work: Work, trials: int, sampler: str) -> Study:
    """Return one call, which compiles."""
    jax.clear_caches()  # jgd forgets its programs with JAX
    clock = time.perf_counter()
    result = jgd.sweep.run(
        work.task, jgd.adam(loguniform(LOW, HIGH)), num_trials=trials, steps=work.steps, eval_every=work.every,
        sampler=sampler, metric=work.metric, progress=False,
    )  # fmt: skip
    return Study(time.perf_counter() - clock, result.compile_seconds, result.best_value)


def with_optuna(torch: Torch, trials: int, sampler: Callable[..., optuna.samplers.BaseSampler]) -> Study:
    """Return a study whose trials are trained by torch's processes."""
    clock = time.perf_counter()
    study = optuna.create_study(sampler=sampler(seed=0))
    running: dict[Future[float], optuna.Trial] = {}
    for number in range(trials + cores()):
        if number >= cores():
            done = wait(running, return_when=FIRST_COMPLETED).done.pop()
            value = done.result()
            study.tell(running.pop(done), value if np.isfinite(value) else 1e9)
        if number < trials:
            trial = study.ask()
            running[torch.submit(trial.suggest_float("learning_rate", LOW, HIGH, log=True))] = trial
    return Study(time.perf_counter() - clock, 0.0, study.best_value)


if __name__ == "__main__":
    alone(studies)
