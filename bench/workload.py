"""The runs that the sides of a sweep's case train alike, and the rows that compare them."""

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import nullcontext, suppress
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Row, difference, early, timed

# Of the median difference of final losses: rounding, which many steps at high rates blow up; a GPU's products of
# float32 round to tf32, each program's in its own order.
TOLERANCE, TOLERANCE_ON_GPU = 1e-3, 3e-2
Tree = Any


class Work(NamedTuple):
    """The runs that every side trains: Adam with each rate under each seed, from the same parameters, batch by batch.

    The task's `init` ignores its key, so that all sides begin alike.
    """

    task: jgd.Task
    rates: np.ndarray
    seeds: int
    steps: int
    every: int  # steps between evaluations
    metric: str  # of the task's evaluate, compared at the end

    @property
    def runs(self) -> list[tuple[float, int]]:
        """Learning rates and seeds."""
        return [(float(rate), seed) for rate in self.rates for seed in range(self.seeds)]


class Ran(NamedTuple):
    """Hold the time of a side for all runs, and what they ended in."""

    seconds: float  # of running
    compile_seconds: float  # once, whatever the number of runs; NaN where every run compiles
    ends: np.ndarray  # the metric at the end, f[runs]
    note: str = ""


def fixed_start(task: jgd.Task) -> jgd.Task:
    """Return the task with the first parameters of one key, whatever the key."""
    first = task.init(jax.random.key(0))
    init = jax.tree_util.Partial(lambda params, key: params, first)
    return jgd.Task(init, task.loss, task.data, task.batch_size, task.evaluate, task.name)


def batches_of(task: jgd.Task, steps: int, seed: int) -> np.ndarray:
    """Return the rows of each batch that jgd draws under a seed, i32[steps, batch], so that peers get the same.

    Told by a task whose examples are their own numbers and whose metrics are its batches.
    """
    size = task.batch_size or 0
    count = len(jax.tree.leaves(task.data)[0])

    def tell(params: jax.Array, batch: jax.Array) -> Any:
        return params, {f"{i:06}": batch[i] for i in range(size)}

    teller = jgd.Task(lambda key: jnp.zeros(()), tell, jnp.arange(count, dtype=jnp.float32), size)
    with _on_host():  # where a hundred metrics compile in a moment
        told = jgd.fit(teller, jgd.sgd(0.0), steps=steps, seed=seed, progress=False).metrics
    return np.stack([told[f"{i:06}"] for i in range(size)], axis=1).astype(np.int32)


def _on_host() -> Any:
    """Run on a CPU where JAX has one; random numbers are the same there."""
    with suppress(RuntimeError):
        return jax.default_device(jax.local_devices(backend="cpu")[0])
    return nullcontext()


def later(make: Callable[[], Callable[[], Ran]]) -> Callable[[], Ran]:
    """Make a side when it first runs, so that those before it have had their turn."""
    made = cache(make)
    return lambda: made()()


def with_jgd(work: Work, **options: Any) -> Ran:
    """Give one call of a sweep. Everything that is not compiling counts as running: sampling, grouping, the result."""
    clock = time.perf_counter()
    result = jgd.sweep.run(
        work.task, jgd.adam(jnp.asarray(work.rates)), num_trials=len(work.rates), seeds=work.seeds, steps=work.steps,
        eval_every=work.every, sampler="grid", metric=work.metric, progress=False, **options,
    )  # fmt: skip
    seconds = time.perf_counter() - clock - result.compile_seconds
    lanes = f"{result.groups[0].layout.width} side by side on each of {jax.local_device_count()} devices"
    return Ran(seconds, result.compile_seconds, result.values.ravel(), lanes)


def compared(
    work: Work, sides: Mapping[str, Callable[[], Ran]], repeats: int, seldom: Iterable[str] = ()
) -> Generator[Row | Claim, None, dict[str, Row]]:
    """Yield a row for each side, in turn with `jgd`; returns them by name. A side that ends otherwise is an error.

    An early row of each follows its first run.
    """
    found: dict[str, list[Ran]] = {name: [] for name in sides}
    once = set(seldom)
    for turn in range(repeats):
        for name, side in sides.items():
            if turn == 0 or name not in once:
                found[name].append(side())
            if turn == 0 and repeats > 1:
                yield early(_row(work, name, found[name], found["jgd"]))
    rows = {name: _row(work, name, turns, found["jgd"]) for name, turns in found.items()}
    yield from rows.values()
    return rows


def _row(work: Work, name: str, turns: list[Ran], ours: list[Ran]) -> Row:
    """Return a side's row; refuse what ends otherwise than jgd's."""
    row: Row = {"name": name, **timed([ran.seconds for ran in turns], [ran.seconds for ran in ours])}
    row["trials_per_second"] = len(work.runs) / row["seconds"]
    row["compile_seconds"] = float(max(ran.compile_seconds for ran in turns))
    if turns[0].ends.size:
        row["difference"] = difference(ours[0].ends, turns[0].ends)
        if not row["difference"] < (TOLERANCE_ON_GPU if jax.default_backend() == "gpu" else TOLERANCE):
            raise AssertionError(f"{name} ends otherwise than jgd: {row['difference']:.2g} of the {work.metric}")
    return {**row, "note": turns[0].note}
