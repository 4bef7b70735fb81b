"""Steps against the number of parameters, and against the number of arrays that hold them."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.passes import likeness, passes
from bench.rows import Claim, Row, Yields, alone, timed
from bench.steps import on_one_place, same, step
from jgd.measure import Program, floor, free_bytes, interleave, random_like, state_bytes

OPTIMIZERS = {
    "sgd": (jgd.sgd(1e-3), optax.sgd(1e-3)),
    "lion": (jgd.lion(1e-3), optax.lion(1e-3)),
    "adamw": (jgd.adamw(1e-3), optax.adamw(1e-3)),
}
DRAWING = 3  # arrays of the size of the parameters that drawing random numbers takes on top
SPARE = 0.9  # of the free memory that may be used
SMALL, LARGE = 10**6, 10**8  # parameters up to which passing numbers may matter, and from which on blocks are fewer
BLOCK_SECONDS = 0.05
TOTAL = 1 << 18  # parameters of all leaves together


def parameters(quick: bool = False, most: float = 1e9) -> Yields:
    """One leaf of 10^4 to 10^9 parameters, as far as memory goes: GB/s of the least bytes, and of a copy of as many."""
    sizes = [10**i for i in range(4, 10) if 10**i <= (1e5 if quick else most)]
    slowest: dict[str, Row] = {}
    for name, pair in OPTIMIZERS.items():
        same(name, pair)
        for size in sizes:
            params = jax.ShapeDtypeStruct((size,), jnp.float32)
            if not fits(pair[0], params):
                yield {"optimizer": name, "parameters": size, "note": "more than the free memory"}
                break
            rows = list(at_size(name, pair, params, blocks=4 if quick or size >= LARGE else 9))
            yield from rows
            differ = [row for row in rows if row["side"] == "optax" and row["program"] != "the same"]
            slowest |= {f"{name} of {size:,}": row for row in differ}
    at, row = min(slowest.items(), key=lambda item: item[1]["ratio_high"])
    text = "optax's time over jgd's where programs differ, the high end of its interval, where that is least"
    yield Claim(text, row["ratio_high"], 1.0, why=at)


def fits(optimizer: Any, params: Any) -> bool:
    """Whether parameters, gradients, state, a copy's array and what drawing them takes are free."""
    free = free_bytes(jax.local_devices()[0])
    needed = (3 + DRAWING) * 4 * params.size + state_bytes(optimizer, params)
    return free is None or needed < SPARE * free


def at_size(name: str, pair: Any, params: Any, blocks: int) -> Iterator[Row]:
    """Rows of a copy, and of steps at one place in memory, all in turn.

    jgd's optimizer is closed over, as optax's is; where a step takes microseconds, there is one more row with it as an
    argument, whose numbers cost some to pass.
    """
    sides = {"jgd, closed over": "jgd", "optax": "optax", "jgd": "jgd, an argument"}
    if params.size > SMALL:
        sides.pop("jgd")
    copy = Program(lambda x, a: x * a, random_like(params, 0), jnp.float32(1), carry=1, own=True)
    steps = on_one_place(pair, params, tuple(sides))
    program = likeness(*(passes(steps[side].program) for side in ("jgd, closed over", "optax"))) or "another"
    times = interleave({"copy": copy, **steps}, blocks=blocks, block_seconds=BLOCK_SECONDS)
    least, moved_by_copy = floor(pair[0], params).bytes, 8 * params.size
    for side, timing in times.items():
        spread = timed(timing.seconds, times["jgd, closed over"].seconds)
        if side in ("copy", "jgd, closed over"):
            spread = {key: value for key, value in spread.items() if not key.startswith("ratio")}
        moved = moved_by_copy if side == "copy" else least
        row: Row = {
            "optimizer": name,
            "side": sides.get(side, side),
            "parameters": params.size,
            **spread,
            "GB_per_second": moved / timing.median / 1e9,
        }
        if side == "optax":
            row["program"] = program
        if side != "copy":
            row["of_the_copy_percent"] = 100 * least / moved_by_copy * times["copy"].median / timing.median
        yield row


def leaves(quick: bool = False) -> Yields:
    """AdamW on 2^18 parameters in 1 to 2,048 equal leaves: a step, and tracing and compiling it."""
    rows: dict[str, Row] = {}
    for count in (1, 16, 256) if quick else (1, 16, 256, 2048):
        rows = {}
        for row in at_count(count):
            rows[row["side"]] = row
            yield row
    for key, what in (("compile_seconds", "trace and compile"), ("seconds", "a step")):
        gain = rows["optax"][key] / rows["jgd, stacked"][key]
        yield Claim(f"{what}, {rows['optax']['leaves']:,} leaves: optax's time over jgd's, stacked", gain, 3)
    yield from with_a_gradient(16 if quick else 256)


def at_count(count: int) -> Iterator[Row]:
    """Every side over so many leaves, in turn."""
    params = {f"leaf{i:04}": jax.ShapeDtypeStruct((TOTAL // count,), jnp.float32) for i in range(count)}
    stacked, _ = jgd.stack_leaves(random_like(params, 0))
    sides: dict[str, Any] = {
        "jgd, stacked": step(jgd.adamw(1e-3), stacked),
        "jgd": step(jgd.adamw(1e-3), params),
        "optax": step(optax.adamw(1e-3), params),
    }
    if find_spec("torch"):
        sides["torch, fused"] = InTorch(count)
    yield from _rows(sides, count)


def with_a_gradient(count: int) -> Iterator[Row]:
    """The same where each leaf's gradient is computed in the step, through the unstacking."""
    params = {f"leaf{i:04}": jax.ShapeDtypeStruct((256,), jnp.float32) for i in range(count)}
    stacked, unstack = jgd.stack_leaves(random_like(params, 0))
    target = random_like(params, 2)

    def loss(tree: Any) -> jax.Array:
        pairs = zip(*map(jax.tree.leaves, (tree, target)), strict=True)
        return jnp.sum(jnp.stack([jnp.sum(jnp.tanh(a - b) ** 2) for a, b in pairs]))

    ours = step(jgd.adamw(1e-3), stacked, jax.grad(lambda stacks: loss(unstack(stacks))))
    theirs = step(optax.adamw(1e-3), params, jax.grad(loss))
    yield from _rows({"jgd, stacked, with a gradient": ours, "optax, with a gradient": theirs}, count)


class InTorch:
    """`torch.optim.AdamW(fused=True)` over so many equal leaves."""

    def __init__(self, count: int) -> None:
        torch: Any = import_module("torch")
        numbers = np.random.default_rng(0).standard_normal((2, count, TOTAL // count), np.float32)
        params = [torch.tensor(x, requires_grad=True) for x in numbers[0]]
        for param, grad in zip(params, numbers[1], strict=True):
            param.grad = torch.tensor(grad)
        self._optimizer = torch.optim.AdamW(params, lr=1e-3, weight_decay=1e-4, fused=True)

    def run(self, calls: int) -> None:
        """So many steps."""
        for _ in range(calls):
            self._optimizer.step()


def _rows(sides: dict[str, Any], count: int) -> Iterator[Row]:
    """Sides in turn, and how many times as long as the first they take; torch compiles nothing."""
    times = interleave(sides, blocks=8, block_seconds=BLOCK_SECONDS)
    first, *_ = times.values()
    for name, timing in times.items():
        row: Row = {"side": name, "leaves": count, **timed(timing.seconds, first.seconds)}
        if made := timing.compilation:
            row |= {"trace_seconds": made.trace, "compile_seconds": made.seconds}
        yield row


if __name__ == "__main__":
    alone(parameters, leaves)
