"""Steps against the number of parameters, and against the number of arrays that hold them."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.passes import likeness, passes
from bench.rows import Claim, Row, Yields, alone, early, timed, without_ratio
from bench.steps import on_one_place, same, step
from jgd.commands.bench.cases import CASES, Case
from jgd.commands.bench.peers import InJax, check_same, difference, peers_of
from jgd.commands.bench.trees import load_tree
from jgd.measure import Program, Timing, floor, free_bytes, interleave, random_like, state_bytes

DRAWING = 3  # arrays of the size of the parameters that drawing random numbers takes on top
SPARE = 0.9  # of the free memory that may be used
SMALL, LARGE = 10**6, 10**8  # parameters up to which passing numbers may matter, and from which on blocks are fewer
BLOCK_SECONDS = 0.05
TOTAL = 1 << 18  # parameters of all leaves together
ON_ACCELERATOR = 85  # percent of a copy's bandwidth that a step of a large leaf reaches, where outputs fuse into a pass


def parameters(
    quick: bool = False,
    most: float = 1e9,
    least: float = 1e4,
    names: str = "sgd,lion,adamw",
    peers: str = "",
    block_seconds: float = BLOCK_SECONDS,
) -> Yields:
    """One leaf of 10^4 to 10^9 parameters, as far as memory goes: GB/s of the least bytes, and of a copy of as many."""
    sizes = [10**i for i in range(4, 10) if least <= 10**i <= most]
    sizes = [10**4, 10**5] if quick else sizes
    slowest: dict[str, Row] = {}
    for name in names.split(",")[: 1 if quick else None]:
        case = checked(name)
        for size in sizes:
            params = jax.ShapeDtypeStruct((size,), jnp.float32)
            if not fits(case.ours, params, 1 + len(peers_there(peers))):
                note = f"{name} of {size:,} parameters is more than the free memory"
                yield {"optimizer": name, "parameters": size, "note": note, "unmeasured": note}
                break
            blocks = 4 if quick or size >= LARGE else 9
            rows = list(at_size(name, case, params, blocks, peers=peers_there(peers), block_seconds=block_seconds))
            yield from rows
            differ = [row for row in rows if row["side"] == "optax" and row["program"] != "the same"]
            slowest |= {f"{name} of {size:,}": row for row in differ}
            if size >= LARGE and jax.default_backend() != "cpu":
                yield _of_the_copy(f"{name}, {size:,} parameters", rows)
    yield from not_installed(peers)
    if slowest:
        at, row = min(slowest.items(), key=lambda item: item[1]["ratio_high"])
        text = "optax's time over jgd's where programs differ, the high end of its interval, where that is least"
        yield Claim(text, row["ratio_high"], 1.0, why=at)


def trees(
    quick: bool = False,
    names: str = "adamw,sgd,lion",
    tree: str = "gpt2-small",
    peers: str = "torch,torch-foreach",
    block_seconds: float = BLOCK_SECONDS,
    together: int = 10,
) -> Yields:
    """Give a step over many leaves of different sizes at once: those of a model; and so many steps together in a call.

    A call passes parameters, gradients and state array by array, about 600 of them for 148 leaves, which takes the host
    milliseconds; steps together in a call, and steps on stacked leaves, are what the device takes.
    """
    found = load_tree("mlp" if quick else tree)
    for name in names.split(",")[: 1 if quick else None]:
        rows = []
        given: Any = {"peers": peers_there(peers), "block_seconds": block_seconds, "together": together}
        for row in at_size(name, checked(name), found.params, 4, **given):
            yield {"tree": found.name, "leaves": found.as_json()["leaves"], **row}
            rows += [] if row.get("early") else [row]
        if jax.default_backend() != "cpu":
            within = f"jgd, {together} steps a call" if together else "jgd"
            yield _of_the_copy(f"{name}, {found.name}, {within}", rows, within)
    yield from not_installed(peers)


def checked(name: str) -> Case:
    """Return the case of that name, where jgd and optax compute the same."""
    case = CASES[name]()
    assert case.optax is not None
    same(name, (case.ours, case.optax()))
    return case


def peers_there(text: str) -> list[str]:
    """Return those of the peers in `torch,torch-foreach` that are installed."""
    return [name for name in filter(None, text.split(",")) if find_spec(name.partition("-")[0])]


def not_installed(peers: str) -> Iterator[Row]:
    """Yield a row for each package among the peers that is missing."""
    for package in dict.fromkeys(name.partition("-")[0] for name in filter(None, peers.split(","))):
        if not find_spec(package):
            yield {"side": package, "note": "not installed here", "unmeasured": f"{package} is not installed here"}


def fits(optimizer: Any, params: Any, contestants: int = 1) -> bool:
    """Tell whether parameters, gradients, state, a copy's array and what drawing them takes are free, for so many."""
    free = free_bytes(jax.local_devices()[0])
    each = 2 * 4 * params.size + state_bytes(optimizer, params)
    needed = contestants * each + (1 + DRAWING) * 4 * params.size
    return free is None or needed < SPARE * free


def at_size(
    name: str,
    case: Case,
    params: Any,
    blocks: int,
    peers: Sequence[str] = (),
    block_seconds: float = BLOCK_SECONDS,
    together: int = 0,
) -> Iterator[Row]:
    """Yield rows of a copy, and of steps at one place in memory, all in turn; torch's have a place of their own.

    jgd's optimizer is closed over, as optax's is; where a step takes microseconds, there is one more row with it as an
    argument, whose numbers cost some to pass. With `together` there are rows of so many steps in a call, and of steps
    on the leaves stacked, in memory of their own; and early rows, before torch starts.
    """
    assert case.optax is not None
    entries, sides = sum(x.size for x in jax.tree.leaves(params)), {"jgd, closed over": "jgd", "optax": "optax"}
    if entries <= SMALL:
        sides["jgd"] = "jgd, an argument"
    several = {f"jgd, closed over, {together} steps a call": together} if together else {}
    sides |= dict.fromkeys(several, f"jgd, {together} steps a call")
    line = random_like(jax.ShapeDtypeStruct((entries,), jnp.float32), 0)
    copy = Program(lambda x, a: x * a, line, jnp.float32(1), carry=1, own=True)
    steps = on_one_place((case.ours, case.optax()), params, tuple(sides), several)
    found = {side: passes(turn.program) for side, turn in steps.items() if side not in several}
    runners: dict[str, Any] = {"copy": copy, **steps}
    if together:
        stacks = jax.eval_shape(lambda tree: jgd.stack_leaves(tree)[0], params)
        runners["jgd, stacked"] = step(case.ours, stacks)
    least, moved_by_copy = floor(case.ours, params).bytes, 8 * entries

    def row(side: str, times: Mapping[str, Timing]) -> Row:
        seconds = [one / several.get(side, 1) for one in times[side].seconds]
        spread = timed(seconds, times["jgd, closed over"].seconds)
        if side in ("copy", "jgd, closed over"):
            spread = without_ratio(spread)
        moved = moved_by_copy if side == "copy" else least
        row: Row = {"optimizer": name, "side": sides.get(side, side), "parameters": entries, **spread}
        row["GB_per_second"] = moved / spread["seconds"] / 1e9
        if side == "optax":
            row["program"] = likeness(found["jgd, closed over"], found["optax"]) or "another"
        if side in found:
            row |= {"passes": len(found[side]), "bytes_each": sum(one.moved for one in found[side]) / entries}
            row["temporary_bytes"] = steps[side].program.memory.temporaries
        if side != "copy":
            row["of_the_copy_percent"] = 100 * least / moved_by_copy * times["copy"].median / spread["seconds"]
        return row

    if together:
        times = interleave(runners, blocks=1, block_seconds=block_seconds)
        yield from (early(row(side, times)) for side in times)
    others, missing = _by_others(name, case, params, peers)
    times = interleave({**runners, **others}, blocks=blocks, block_seconds=block_seconds)
    yield from (row(side, times) for side in times)
    for side, why in missing.items():
        yield {"optimizer": name, "side": side, "parameters": entries, "note": why, "unmeasured": f"{side}: {why}"}


def _by_others(name: str, case: Case, params: Any, peers: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return runners of torch's kernels that have led where ours lead, and of those without one, why."""
    runners, missing = {}, {}
    for side, peer in peers_of(case, peers).items():
        try:
            check_same(name, side, difference(InJax(case.ours), peer, params))
            runners[side] = peer.runner(params)
            runners[side].run(1)  # which makes its state, where memory may run out
        except Exception as error:
            runners.pop(side, None)
            missing[side] = f"{name}: {str(error).splitlines()[0][:160]}"
    return runners, missing


def _of_the_copy(what: str, rows: Sequence[Row], side: str = "jgd") -> Claim:
    reached = next(row["of_the_copy_percent"] for row in rows if row["side"] == side)
    return Claim(f"{what}: the least bytes, at the bandwidth of a copy", reached, ON_ACCELERATOR, unit="%")


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
    """Time every side over so many leaves, in turn."""
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
    """Time the same where each leaf's gradient is computed in the step, through the unstacking."""
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
        """Take so many steps."""
        for _ in range(calls):
            self._optimizer.step()


def _rows(sides: dict[str, Any], count: int) -> Iterator[Row]:
    """Measure sides in turn, and how many times as long as the first they take; torch compiles nothing."""
    times = interleave(sides, blocks=8, block_seconds=BLOCK_SECONDS)
    first, *_ = times.values()
    for name, timing in times.items():
        row: Row = {"side": name, "leaves": count, **timed(timing.seconds, first.seconds)}
        if made := timing.compilation:
            row |= {"trace_seconds": made.trace, "compile_seconds": made.seconds}
        yield row


if __name__ == "__main__":
    alone(parameters, trees, leaves)
