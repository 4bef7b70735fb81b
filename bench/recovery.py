"""A sweep where things go wrong: memory that runs out, a lane that diverges; and replays of what it trained.

Memory really runs out. On an accelerator more lanes are asked for than its memory holds; on a CPU, which would take the
whole machine's, this process first limits its own.
"""

import resource
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone
from jgd.measure import free_bytes
from jgd.sweep import replay

ENTRIES = 1 << 21  # parameters of the large task, 8 MiB a lane
ROOM = 1 << 29  # bytes that a CPU's process leaves itself
CLOSE = 1e-4  # relative: the rounding of another program, over all steps
STEPS = 4


def out_of_memory(quick: bool = False, times: float = 1.5) -> Yields:
    """Lanes whose parameters are so many times the memory: halved until they fit, and values are those of few lanes.

    Training takes several times its parameters, so half of the memory is too much already.
    """
    task = large(ENTRIES)
    few = _sweep(task, 4, 4, steps=2)  # before the limit, so that it is no part of the room
    lane = 4 * sum(x.size for x in jax.tree.leaves(jax.eval_shape(task.init, jax.random.key(0))))
    room = _limit() if jax.default_backend() == "cpu" else free_bytes(jax.local_devices()[0])
    if room is None:
        yield {"note": "this device does not tell its memory", "unmeasured": "a device that does not tell its memory"}
        return
    lanes = 4 * (int(times * room) // (4 * lane) + 1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = _sweep(task, lanes, lanes, steps=2)
    told = [str(one.message) for one in said if "memory ran out" in str(one.message)]
    apart = np.max(np.abs(result.values[: len(few.values)] - few.values) / np.abs(few.values))
    complete = int((result.status == "complete").sum())
    row = {"lanes": lanes, "lane_bytes": lane, "room_bytes": room, "halvings": len(told), "complete": complete}
    yield {**row, "difference": float(apart), "note": told[-1] if told else ""}
    yield Claim("out of memory: times that lanes were halved", len(told), 1, unit="")
    yield Claim("out of memory: lanes that ended all the same", complete, lanes, unit="")
    yield Claim("out of memory: largest difference to few lanes", float(apart), CLOSE, at_least=False, unit="")


def divergence(quick: bool = False, lanes: int = 16) -> Yields:
    """Two lanes of a sweep blow up; the others keep their bits, and each is what a replay of it alone gives."""
    task, fine = small(), np.geomspace(1e-3, 1e-1, 4 if quick else lanes)
    bad = fine.copy()
    bad[[1, -1]] = 1e30, 2e30  # a setting that comes twice would be one trial
    healthy, hurt = (_sweep(task, len(fine), len(fine), rates) for rates in (fine, bad))
    others = bad == fine
    alike = sum(
        np.array_equal(a, b) for a, b in zip(hurt.curves["loss"][others], healthy.curves["loss"][others], strict=True)
    )
    apart = []
    for number in np.flatnonzero(others)[: 1 if quick else 4]:
        curve = replay(hurt, int(number)).curves["loss"]
        apart.append(np.max(np.abs(curve / hurt.curves["loss"][number, 0] - 1)))
    width, ended = hurt.groups[0].layout.width, int((hurt.status == "diverged").sum())
    row = {"lanes": len(fine), "ran": width, "diverged": ended, "others": int(others.sum()), "others_alike": alike}
    yield {**row, "replayed": len(apart), "difference": float(max(apart))}
    yield Claim("divergence: lanes beside diverged ones that keep their bits", alike, int(others.sum()), unit="")
    yield Claim("divergence: lanes that are told of as diverged", ended, 2, unit="")
    yield Claim("replay: largest difference to the lane", float(max(apart)), CLOSE, at_least=False, unit="")


def large(entries: int) -> jgd.Task:
    """Return a bowl: many parameters, and few operations on each."""
    middle = np.random.default_rng(0).normal(size=(1, entries)).astype(np.float32)
    return jgd.Task(lambda key: jnp.zeros(entries), lambda p, batch: jnp.sum((p[None] - batch) ** 2), middle)


def small() -> jgd.Task:
    """Return a regression of 16 examples by products of matrices, 64 to 64."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 64)).astype(np.float32)
    y = np.tanh(x @ rng.normal(size=(64, 64))).astype(np.float32)

    def loss(params: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
        return jnp.mean((batch["x"] @ params - batch["y"]) ** 2)

    return jgd.Task(lambda key: 0.1 * jax.random.normal(key, (64, 64)), loss, {"x": x, "y": y})


def _sweep(
    task: jgd.Task, trials: int, lanes: int, rates: np.ndarray | None = None, steps: int = STEPS
) -> jgd.sweep.Result:
    """Return a sweep of rates; the first few are the same for any number of trials."""
    found = 1e-3 * 1.01 ** np.arange(trials) if rates is None else rates
    return jgd.sweep.run(
        task, jgd.sgd(jnp.asarray(found, jnp.float32)), num_trials=trials, sampler="grid", lanes=lanes, steps=steps,
        eval_every=steps // 2, progress=False, devices=jax.local_devices()[:1],
    )  # fmt: skip


def _limit() -> int:
    """Let this process take `ROOM` more bytes than it has, and no more; the room in bytes."""
    if not sys.platform.startswith("linux"):
        raise NotImplementedError("only Linux can limit the memory of a process here")
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, resource.RLIM_INFINITY))
    return ROOM


if __name__ == "__main__":
    alone(out_of_memory, divergence)
