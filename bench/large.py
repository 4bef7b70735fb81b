"""Large sweeps in bounded memory: the peak of a fresh process for more and more trials in one call."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import jax
import numpy as np

import jgd
from bench.rows import Claim, Row, Yields, alone
from jgd.sweep import loguniform

MEBI = 1 << 20


def memory(quick: bool = False) -> Yields:
    """Adam on digits, 9,610 parameters: 256, 4,096 and 16,384 trials of 20 steps, 115 kB of state for each."""
    yield from _growing((64, 256) if quick else (256, 4096, 16384), 1024, toy=False)


def stream(quick: bool = False) -> Yields:
    """SGD on a line with two parameters: 1,000, 10,000 and 100,000 trials of 20 steps."""
    rows = yield from _growing((100, 1000) if quick else (1000, 10_000, 100_000), 512, toy=True)
    pace = rows[-1]["trials_per_second"] / rows[-2]["trials_per_second"]
    yield Claim("trials a second, of those of the sweep before", 100 * pace, 80, unit="%")


def _growing(sizes: Sequence[int], most: int, *, toy: bool) -> Generator[Row | Claim, None, list[Row]]:
    """Yield rows of more and more trials, and the claim that the peak grows by `most` MiB at most; returns the rows."""
    rows = []
    for trials in sizes:
        rows.append(fresh("train", trials=trials, toy=toy))
        yield rows[-1]
    grown = rows[-1]["peak_bytes"] - rows[0]["peak_bytes"]
    states = f"all states together are {rows[-1]['state_bytes'] / MEBI:,.0f} MiB"
    text = f"growth from {rows[0]['trials']:,} to {rows[-1]['trials']:,} trials"
    why = "the trials and their curves stay" if toy else states
    yield Claim(text, grown / MEBI, most, at_least=False, unit=" MiB", why=why)
    return rows


def train(trials: int = 256, steps: int = 20, toy: bool = False) -> Yields:
    """Measure one call of a sweep in this process, and the peak of its memory."""
    task = line() if toy else jgd.tasks.digits()
    space = (jgd.sgd if toy else jgd.adam)(loguniform(1e-4, 1e-1))
    clock = time.perf_counter()
    result = jgd.sweep.run(task, space, num_trials=trials, steps=steps, eval_every=steps, progress=False)
    seconds = time.perf_counter() - clock - result.compile_seconds
    assert result.values.shape == (trials, 1)
    assert np.isfinite(result.values).all()
    params = jax.tree.leaves(jax.eval_shape(task.init, jax.random.key(0)))
    copies = 1 if toy else 3  # Adam has two moments of the parameters
    layout, unit = result.groups[0].layout, 1 if sys.platform == "darwin" else 1024
    yield {
        "trials": trials,
        "seconds": seconds,
        "compile_seconds": result.compile_seconds,
        "trials_per_second": trials / seconds,
        "state_bytes": trials * copies * sum(x.size * x.dtype.itemsize for x in params),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "note": f"{layout.chunks} chunks of {layout.chunk} lanes",
    }


def line() -> jgd.Task:
    """Make a task of two numbers to fit to 16 points."""
    x = np.linspace(-1, 1, 16, dtype=np.float32)
    return jgd.Task(
        init=lambda key: jax.random.normal(key, (2,)),
        loss=lambda p, batch: jax.numpy.mean((p[0] * batch["x"] + p[1] - batch["y"]) ** 2),
        data={"x": x, "y": 3 * x + 2},
    )


def fresh(case: str, **options: int | bool) -> Row:
    """Return the only row of a case of this module, run in a process of its own."""
    given = [(name, value) for name, value in options.items() if value is not False]
    flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in given]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "row.json"
        command = [sys.executable, "-m", "bench.large", case, *flags, "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())["rows"][0]


if __name__ == "__main__":
    alone(memory, stream, train)
