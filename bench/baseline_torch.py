"""The same runs in torch: `torch.optim.Adam(fused=True)`, one process for each core with one thread each.

Where JAX has a GPU, so does torch: a few processes share it, as one alone leaves it idle between its kernels.
"""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from types import TracebackType
from typing import Any

import jax
import numpy as np

from bench.workload import Ran, Work
from jgd.measure import cores

WARM_UP = 4  # runs of each process before the first that counts
ON_GPU = 4  # processes that share one


class Torch:
    """Worker processes, started once and warmed up, for networks of one hidden layer; a context manager."""

    def __init__(self, work: Work, batches: Sequence[np.ndarray]) -> None:
        self.work = work
        data = {name: np.asarray(x) for name, x in work.task.data.items()}
        held_out = [np.asarray(x) for x in jax.tree.leaves(work.task.evaluate)]
        layers = jax.tree.map(np.asarray, work.task.init(jax.random.key(0)))
        self.on_gpu = jax.default_backend() == "gpu"
        given = data, held_out, layers, list(batches), work.every, "cuda" if self.on_gpu else "cpu"
        processes = min(ON_GPU, cores()) if self.on_gpu else cores()
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=start, initargs=given)
        list(self.pool.map(train, (work.runs * WARM_UP)[: WARM_UP * processes]))
        self.note = f"fused, {processes} processes {'on the GPU' if self.on_gpu else 'of one thread'}"

    def __call__(self) -> Ran:
        """Share out all runs, one by one."""
        clock = time.perf_counter()
        ends = list(self.pool.map(train, self.work.runs))
        return Ran(time.perf_counter() - clock, 0.0, np.array(ends), self.note)

    def submit(self, rate: float, seed: int = 0) -> Future[float]:
        """Return one run, when a process is free."""
        return self.pool.submit(train, (rate, seed))

    def __enter__(self) -> "Torch":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pool.shutdown()


def start(*given: Any) -> None:
    """Begin a worker, and return the state that it keeps."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    data, (x_valid, y_valid), layers, batches, every, device = given
    torch.set_default_device(device)
    torch.set_float32_matmul_precision("high")  # tf32 on a GPU, as JAX has it there
    tensors = torch.tensor(data["x"]), torch.tensor(data["y"]).long()
    judged = torch.tensor(x_valid), torch.tensor(y_valid).long()
    globals()["GIVEN"] = tensors, judged, layers, [torch.tensor(b).long() for b in batches], every


def train(run: tuple[float, int]) -> float:
    """Return one run; returns its last validation loss."""
    torch: Any = import_module("torch")
    (x, y), (x_valid, y_valid), layers, batches, every = globals()["GIVEN"]
    rate, seed = run
    w1, b1, w2, b2 = (
        torch.tensor(layers[layer][name], requires_grad=True)
        for layer in ("hidden0", "head")
        for name in ("kernel", "bias")
    )
    optimizer = torch.optim.Adam([w1, b1, w2, b2], lr=rate, fused=True)

    def loss_of(x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(torch.addmm(b2, torch.relu(torch.addmm(b1, x, w1)), w2), y)

    end = float("nan")
    for number, rows in enumerate(batches[seed]):
        loss = loss_of(x[rows], y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (number + 1) % every == 0:
            with torch.no_grad():
                end = float(loss_of(x_valid, y_valid))
    return end
