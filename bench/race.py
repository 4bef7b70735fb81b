"""The race's throughput against the ways it is usually done: `python bench/race.py`.

One optimizer of the race, Adam, on the digits task: the same 48 runs (16 learning rates x 3 seeds), steps, batches of
128 and evaluations for everyone. Cases are repeated in turn, and medians are shown. The last line is JSON.

  jgd           jgd.sweep.run, on one device for each core
  scan          one jitted lax.scan for each run, the learning rate an argument; one device
  loop          a Python loop over a jitted step, the learning rate an argument; one device
  re-jit        optax.adam(rate) closed over, so that each run compiles its step; a few are run, the rest extrapolated
  torch         torch.optim.Adam(fused=True), one process for each core with one thread each (needs torch)

"steps/s" counts steps of runs while running. Compiling is apart where it happens once; re-jit compiles while it runs.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd

RATES = np.geomspace(3e-5, 3e-1, 16)
SEEDS = 3
BATCH = 128


class Timing(NamedTuple):
    """What a case took, and the best accuracy, to see that all do the same work."""

    seconds: float  # of running all runs
    compiling: float
    accuracy: float


class Setup(NamedTuple):
    """The work that everyone gets."""

    task: jgd.Task
    steps: int
    every: int  # steps between evaluations
    few: int  # the runs of the case that is extrapolated
    cores: int

    @property
    def runs(self) -> list[tuple[float, int]]:
        """Learning rates and seeds."""
        return [(float(rate), seed) for rate in RATES for seed in range(SEEDS)]

    def rows(self, seed: int) -> np.ndarray:
        """The rows of each batch, i32[steps, BATCH], shuffled each epoch."""
        rng, n = np.random.default_rng(seed), len(self.task.data["y"])
        per_epoch = n // BATCH
        epochs = [rng.permutation(n)[: per_epoch * BATCH] for _ in range(-(-self.steps // per_epoch))]
        return np.concatenate(epochs).reshape(-1, BATCH)[: self.steps].astype(np.int32)


def with_jgd(setup: Setup) -> Timing:
    """The sweep."""
    space = jgd.adam(jgd.sweep.loguniform(RATES[0], RATES[-1]))
    result = jgd.sweep.run(
        setup.task, space, num_trials=len(RATES), seeds=SEEDS, steps=setup.steps, eval_every=setup.every,
        sampler="grid", metric="accuracy", mode="max", progress=False,
    )  # fmt: skip
    return Timing(result.run_seconds, result.compile_seconds, float(np.nanmax(result.values)))


def with_scan(setup: Setup) -> Timing:
    """A jitted scan between evaluations, which a careful person writes by hand."""
    step, begin, evaluate = pieces(setup.task)

    @jax.jit
    def segment(optimizer: Any, carry: Any, data: Any, rows: jax.Array) -> Any:
        return jax.lax.scan(lambda carry, rows: (step(optimizer, carry, data, rows), None), carry, rows)[0]

    def train(rate: float, seed: int) -> float:
        optimizer, carry, rows = jgd.adam(rate), begin(seed), jnp.asarray(setup.rows(seed))
        for first in range(0, setup.steps, setup.every):
            carry = segment(optimizer, carry, setup.task.data, rows[first : first + setup.every])
            accuracy = evaluate(carry[0])
        return float(accuracy)

    return timed(train, setup.runs)


def with_loop(setup: Setup) -> Timing:
    """A Python loop over a jitted step: the usual script, written so that it compiles once."""
    step, begin, evaluate = pieces(setup.task)
    step = jax.jit(step, donate_argnums=1)

    def train(rate: float, seed: int) -> float:
        optimizer, carry, rows = jgd.adam(rate), begin(seed), list(jnp.asarray(setup.rows(seed)))
        for number in range(setup.steps):
            carry = step(optimizer, carry, setup.task.data, rows[number])
            if (number + 1) % setup.every == 0:
                accuracy = evaluate(carry[0])
        return float(accuracy)

    return timed(train, setup.runs)


def with_rejit(setup: Setup) -> Timing:
    """The usual script as it is usually written: the optimizer is closed over, so each run compiles."""
    _, begin, evaluate = pieces(setup.task)

    def train(rate: float, seed: int) -> float:
        optimizer = optax.adam(rate)

        @jax.jit
        def step(params: Any, state: Any, rows: jax.Array) -> Any:
            batch = jax.tree.map(lambda x: x[rows], setup.task.data)
            grads = jax.grad(setup.task.loss)(params, batch)
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        params, rows = begin(seed)[0], list(jnp.asarray(setup.rows(seed)))
        state = optimizer.init(params)
        for number in range(setup.steps):
            params, state = step(params, state, rows[number])
            if (number + 1) % setup.every == 0:
                accuracy = evaluate(params)
        return float(accuracy)

    picked = setup.runs[:: len(setup.runs) // setup.few][: setup.few]
    timing = timed(train, picked)
    return Timing(timing.seconds * len(setup.runs) / len(picked), 0.0, timing.accuracy)


def pieces(task: jgd.Task) -> tuple[Callable[..., Any], Callable[[int], Any], Callable[..., Any]]:
    """A step `(optimizer, carry, data, rows) -> carry`, the first carry of a seed, and the accuracy."""
    judge: Any = task.evaluate

    def step(optimizer: Any, carry: Any, data: Any, rows: jax.Array) -> Any:
        params, state = carry
        grads = jax.grad(task.loss)(params, jax.tree.map(lambda x: x[rows], data))
        updates, state = optimizer.update(grads, state, params)
        return jgd.apply_updates(params, updates), state

    @jax.jit
    def begin(seed: int) -> Any:
        params = task.init(jax.random.key(seed))
        return params, jgd.adam(0.1).init(params)

    return step, begin, jax.jit(lambda params: judge(params)["accuracy"])


def timed(train: Callable[[float, int], float], runs: list[tuple[float, int]]) -> Timing:
    """All runs after one that compiles."""
    start = time.perf_counter()
    train(*runs[0])
    middle = time.perf_counter()
    best = max(train(*run) for run in runs)
    running = time.perf_counter() - middle
    return Timing(running, max(0.0, middle - start - running / len(runs)), best)


class Torch:
    """Worker processes, started once and warmed up."""

    def __init__(self, setup: Setup) -> None:
        data = {name: np.asarray(x) for name, x in setup.task.data.items()}
        x_valid, y_valid = map(np.asarray, jax.tree.leaves(setup.task.evaluate))
        layers = [jax.tree.map(np.asarray, setup.task.init(jax.random.key(seed))) for seed in range(SEEDS)]
        rows = [setup.rows(seed) for seed in range(SEEDS)]
        given = data, x_valid, y_valid, layers, rows, setup.every
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(setup.cores, mp_context=spawn, initializer=start_torch, initargs=given)
        list(self.pool.map(train_in_torch, setup.runs[: 4 * setup.cores]))

    def __call__(self, setup: Setup) -> Timing:
        """All runs, shared out one by one."""
        start = time.perf_counter()
        best = max(self.pool.map(train_in_torch, setup.runs))
        return Timing(time.perf_counter() - start, 0.0, best)


def start_torch(*given: Any) -> None:
    """What a worker keeps."""
    import torch

    torch.set_num_threads(1)
    data, x_valid, y_valid, layers, rows, every = given
    tensors = [
        torch.tensor(data["x"]),
        torch.tensor(data["y"]).long(),
        torch.tensor(x_valid),
        torch.tensor(y_valid).long(),
    ]
    globals()["WORK"] = tensors, layers, [torch.tensor(r).long() for r in rows], every


def train_in_torch(run: tuple[float, int]) -> float:
    """One run."""
    import torch

    (x, y, x_valid, y_valid), layers, rows, every = globals()["WORK"]
    rate, seed = run
    w1, b1, w2, b2 = (
        torch.tensor(layers[seed][layer][name], requires_grad=True)
        for layer in ("hidden0", "head")
        for name in ("kernel", "bias")
    )
    optimizer = torch.optim.Adam([w1, b1, w2, b2], lr=rate, fused=True)

    def logits(x: Any) -> Any:
        return torch.addmm(b2, torch.relu(torch.addmm(b1, x, w1)), w2)

    accuracy = 0.0
    for number, picked in enumerate(rows[seed]):
        loss = torch.nn.functional.cross_entropy(logits(x[picked]), y[picked])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (number + 1) % every == 0:
            with torch.no_grad():
                accuracy = float((logits(x_valid).argmax(1) == y_valid).float().mean())
    return accuracy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--few", type=int, default=3, help="runs of the extrapolated case")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jax.config.update("jax_num_cpu_devices", cores)
    setup = Setup(jgd.tasks.digits(batch_size=BATCH), options.steps, max(1, options.steps // 10), options.few, cores)
    cases: dict[str, Any] = {"jgd": with_jgd, "scan": with_scan, "loop": with_loop, "re-jit": with_rejit}
    if find_spec("torch"):
        cases["torch"] = Torch(setup)
    found: dict[str, list[Timing]] = {name: [] for name in cases}
    for _ in range(options.repeats):
        for name, case in cases.items():
            found[name].append(case(setup))
    report(setup, found, options.repeats)


def report(setup: Setup, found: dict[str, list[Timing]], repeats: int) -> None:
    """A table, and JSON behind it; ratios of the fastest repeats beside those of medians tell how noisy it was."""
    total, rows = len(setup.runs) * setup.steps, []
    for name, timings in found.items():
        running = sorted(timing.seconds for timing in timings)
        rows.append(
            {
                "case": name,
                "steps_per_second": total / statistics.median(running),
                "seconds": statistics.median(running),
                "fastest": running[0],
                "slowest": running[-1],
                "compiling": statistics.median(timing.compiling for timing in timings),
                "accuracy": timings[0].accuracy,
            }
        )
    ours = rows[0]
    for row in rows:
        row["ratio"] = row["seconds"] / ours["seconds"]
        row["ratio_of_fastest"] = row["fastest"] / ours["fastest"]
        row["ratio_in_all"] = (row["seconds"] + row["compiling"]) / (ours["seconds"] + ours["compiling"])
    print(
        f"{len(setup.runs)} runs x {setup.steps} steps of Adam on digits, {setup.cores} cores, medians of {repeats}\n"
    )
    heads = [
        "case",
        "steps/s",
        "seconds",
        "fastest",
        "slowest",
        "compiling",
        "slower by",
        "fastest",
        "in all",
        "accuracy",
    ]
    print("".join(f"{head:<7}" if i == 0 else f"{head:>10}" for i, head in enumerate(heads)))
    for row in rows:
        numbers = [f"{row['steps_per_second']:,.0f}"]
        numbers += [f"{row[name]:.2f}" for name in ("seconds", "fastest", "slowest", "compiling")]
        numbers += [f"{row[name]:.1f}x" for name in ("ratio", "ratio_of_fastest", "ratio_in_all")]
        print(f"{row['case']:<7}" + "".join(f"{cell:>10}" for cell in [*numbers, f"{row['accuracy']:.3f}"]))
    print(f"\nre-jit: {setup.few} of the {len(setup.runs)} runs were run, and their mean stands for the rest.")
    machine = {"cores": setup.cores, "machine": platform.machine(), "jax": jax.__version__, "jgd": jgd.__version__}
    print(json.dumps({"runs": len(setup.runs), "steps": setup.steps, "repeats": repeats, "cases": rows, **machine}))


if __name__ == "__main__":
    main()
