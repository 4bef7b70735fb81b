"""Sweeps of Adam's learning rate on digits (64-128-10, batches of 128) against the ways they are usually done.

Every side trains the same runs from the same parameters on the same batches, and must end in the same validation
losses. Sides run in turn; ratios are medians over turns. Running and compiling are apart: `seconds` is everything but
compiling where that happens once, and everything where each run compiles.

  jgd                one call of jgd.sweep.run, one device for each core
  jitted scan        one jitted lax.scan for each run, the rate an argument, on one device: the best by hand
  jitted step        a Python loop over a jitted step, the rate an argument
  torch              torch.optim.Adam(fused=True), one process for each core with one thread each; on a GPU a few
  re-jit, scan/step  optax.adam(rate) closed over, so that each run compiles; a few are run and stand for all
  products alone     the floor: the five matrix products of a step in the same scan, on all cores, and nothing else;
                     on an accelerator those of all runs in one batch
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.baseline_jax import loop, rejit, scan
from bench.baseline_torch import Torch
from bench.rows import Claim, Row, Yields, alone
from bench.workload import Ran, Work, batches_of, compared, fixed_start, later, with_jgd
from jgd.measure import cores

BATCH = 128
FLOOR = "products alone"
SIDE_BY_SIDE = 10  # times the throughput of one run after another that an accelerator gains from lanes


def digits(
    quick: bool = False,
    trials: int = 256,
    steps: int = 200,
    repeats: int = 4,
    few: int = 2,
    compiled_once: bool = False,
) -> Yields:
    """256 rates, 200 steps: throughput against a hand-written scan, torch, re-jitting, and the floor."""
    if quick:
        trials, steps, repeats, few = 32, 40, 1, 1
    task = fixed_start(jgd.tasks.digits(batch_size=BATCH))
    work = Work(task, np.geomspace(1e-4, 1e-1, trials), 1, steps, steps, "validation_loss")
    batches = [batches_of(task, steps, 0)]
    sides: dict[str, Callable[[], Ran]] = {
        "jgd": partial(with_jgd, work),
        "jitted scan": later(partial(scan, work, batches)),
        "re-jit, scan": partial(rejit, work, batches, few, True),
        "re-jit, step": partial(rejit, work, batches, few, False),
        FLOOR: later(partial(products, work)),
    }
    if not quick:
        with_jgd(work._replace(rates=work.rates[: cores()]))  # warmed up, as torch's processes are
    if compiled_once:
        del sides["re-jit, scan"], sides["re-jit, step"]
    rows = yield from _with_torch(work, batches, sides, repeats, seldom=("re-jit, scan", "re-jit, step", "torch"))
    ideal, on_cpu = min(cores(), jax.local_device_count()), jax.default_backend() == "cpu"
    yield Claim(
        "against the hand-written jitted scan", rows["jitted scan"]["ratio"], 1.8 if on_cpu else SIDE_BY_SIDE,
        why=f"at most {ideal}x, as both compute the same on {ideal} cores and one" if on_cpu else "",
    )  # fmt: skip
    if "torch" in rows:
        most = rows["torch"]["seconds"] / rows[FLOOR]["seconds"]
        why = f"the matrix products alone are only {most:.1f}x faster than torch, so no program can reach more"
        yield Claim("against torch, one process for each core", rows["torch"]["ratio"], 8, why=why)
    if not compiled_once:
        yield Claim("against re-jitting each training", rows["re-jit, scan"]["ratio"], 80)
    yield Claim("of the floor's throughput", 100 * rows[FLOOR]["ratio"], 70, unit="%")


def race(quick: bool = False, steps: int = 300, repeats: int = 3, few: int = 3) -> Yields:
    """Time the race's work: 16 rates x 3 seeds, evaluated ten times on the way."""
    if quick:
        steps, repeats, few = 60, 2, 1
    task = fixed_start(jgd.tasks.digits(batch_size=BATCH))
    work = Work(task, np.geomspace(3e-5, 3e-1, 16), 3, steps, max(1, steps // 10), "validation_loss")
    batches = [batches_of(task, steps, seed) for seed in range(work.seeds)]
    sides: dict[str, Callable[[], Ran]] = {
        "jgd": partial(with_jgd, work),
        "jitted scan": scan(work, batches),
        "jitted step": loop(work, batches),
        "re-jit, step": partial(rejit, work, batches, few, False),
    }
    with_jgd(work._replace(rates=work.rates[: cores()]))
    yield from _with_torch(work, batches, sides, repeats, seldom=("re-jit, step",))


def products(work: Work) -> Callable[[], Ran]:
    """Return the products of a step's forward and backward pass, for all runs on all devices, in a scan over batches.

    Weights stay as they are, and each step's products of gradients replace the last one's.
    """
    mesh = jax.make_mesh((jax.local_device_count(),), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))
    split, everywhere = jax.sharding.PartitionSpec("runs"), jax.sharding.PartitionSpec()
    params = work.task.init(jax.random.key(0))
    weights = [jnp.stack([params[layer]["kernel"]] * len(work.runs)) for layer in ("hidden0", "head")]
    inputs = jax.random.normal(jax.random.key(1), (work.steps, BATCH, weights[0].shape[1]))

    def one(inputs: jax.Array, weights: list[jax.Array]) -> list[jax.Array]:
        first, second = weights

        def step(_: list[jax.Array], x: jax.Array) -> tuple[list[jax.Array], None]:
            hidden = x @ first
            out = hidden @ second
            return [x.T @ (out @ second.T), hidden.T @ out], None

        return jax.lax.scan(step, weights, inputs)[0]

    def every(weights: list[jax.Array], inputs: jax.Array) -> list[jax.Array]:
        if jax.default_backend() == "cpu":
            return jax.lax.map(partial(one, inputs), weights)
        return jax.vmap(partial(one, inputs))(weights)

    run = jax.jit(jax.shard_map(every, mesh=mesh, in_specs=(split, everywhere), out_specs=split, check_vma=False))
    arguments = jax.device_put(weights, jax.NamedSharding(mesh, split)), inputs
    program = run.lower(*arguments).compile()

    def side() -> Ran:
        clock = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        return Ran(time.perf_counter() - clock, float("nan"), np.array([]))

    return side


def _with_torch(
    work: Work, batches: Sequence[np.ndarray], sides: dict[str, Callable[[], Ran]], repeats: int, seldom: Sequence[str]
) -> Generator[Row | Claim, None, dict[str, Row]]:
    """Yield the rows of all sides, torch among them where it is installed."""
    if not find_spec("torch"):
        rows = yield from compared(work, sides, repeats, seldom)
        yield {"name": "torch", "note": "not installed: pip install '.[torch]'"}
        return rows
    with ExitStack() as stack:
        torch = later(lambda: stack.enter_context(Torch(work, batches)))
        return (yield from compared(work, {**sides, "torch": torch}, repeats, seldom))


if __name__ == "__main__":
    alone(digits, race)
