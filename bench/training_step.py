"""The optimizer's part of a training step: GPT-2 small, one forward and backward pass in bfloat16, 8 x 1,024 tokens.

forward and backward   one pass of each; on a GPU with cuDNN's attention where it is there
jgd, AdamW             on all parameters, as the model has them: 16 arrays, the blocks' stacked
jgd, Muon              on the 48 hidden matrices, AdamW on the rest; all of one shape in one batched iteration
..., 148 arrays        the same where each block has arrays of its own, which a call passes one by one
jgd, Muon, per leaf    the same rule on those, with an iteration for each matrix
optax, torch           their Muon, leaf by leaf

Passes and optimizers are programs of their own. Compiling takes most of a case's time, so an early row follows each.
"""

from collections.abc import Callable, Generator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.gpt2 import SMALL, TINY, Size, first_parameters, gradient, hidden, operations, parameters, stacked, tokens
from bench.rows import Claim, Row, Yields, alone, early, timed, without_ratio
from bench.steps import step
from jgd.commands.bench.cases import CASES
from jgd.measure import Program, Timing, interleave, random_like

RATE = 1e-3
PASSES = "forward and backward"
GOAL = 10  # percent of a training step


def share(quick: bool = False, blocks: int = 5, block_seconds: float = 0.05) -> Yields:
    """AdamW and Muon, batched, in float32 and in bfloat16, in turn with a pass through the model."""
    size = TINY if quick else SMALL
    sides = {
        "jgd, AdamW": lambda: step(jgd.adamw(RATE), stacked(size)),
        "jgd, Muon, bfloat16": lambda: step(jgd.muon(RATE, ns_dtype="bfloat16", param_labels=hidden), stacked(size)),
        "jgd, Muon": lambda: step(jgd.muon(RATE, param_labels=hidden), stacked(size)),
        "jgd, AdamW, 148 arrays": lambda: step(jgd.adamw(RATE), parameters(size)),
    }
    if quick:
        del sides["jgd, Muon"], sides["jgd, AdamW, 148 arrays"]
    rows = yield from _beside(size, sides, 3 if quick else blocks, block_seconds / 5 if quick else block_seconds)
    for name in ("jgd, AdamW", "jgd, Muon, bfloat16"):
        if "share_percent" in rows.get(name, {}):
            text = f"{name}: its part of a training step"
            yield Claim(text, rows[name]["share_percent"], GOAL, at_least=False, unit="%")


def preconditioned(quick: bool = False, blocks: int = 3, block_seconds: float = 0.5) -> Yields:
    """SOAP, Shampoo and PSGD on all 148 arrays, in turn with a pass through the model; SOAP's bases every 10 steps."""
    size = TINY if quick else SMALL
    sides = {
        "jgd, AdamW": lambda: step(jgd.adamw(RATE), parameters(size)),
        "jgd, SOAP": lambda: step(jgd.soap(RATE), parameters(size)),
        "jgd, Shampoo": lambda: step(jgd.shampoo(RATE), parameters(size)),
        "jgd, PSGD": lambda: step(jgd.psgd_kron(RATE), parameters(size)),
    }
    if quick:
        del sides["jgd, Shampoo"], sides["jgd, PSGD"]
    yield from _beside(size, sides, blocks, block_seconds / 50 if quick else block_seconds)


def per_leaf(quick: bool = False, blocks: int = 3, block_seconds: float = 0.05) -> Yields:
    """Muon with an iteration for each matrix: by jgd, by optax and by torch, beside the batched one."""
    size = TINY if quick else SMALL
    sides: dict[str, Callable[[], Any]] = {}
    if find_spec("torch"):
        sides["torch, Muon, per leaf, bfloat16"] = lambda: InTorch(parameters(size))
    sides |= {
        "jgd, Muon, bfloat16, 148 arrays": lambda: step(jgd.muon(RATE, ns_dtype="bfloat16"), parameters(size)),
        "optax, Muon, per leaf": lambda: step(CASES["muon"]().optax(), parameters(size)),  # type: ignore[misc]
        "jgd, Muon, per leaf, bfloat16": lambda: step(leaf_by_leaf(parameters(size), "bfloat16"), parameters(size)),
        "jgd, Muon, per leaf": lambda: step(leaf_by_leaf(parameters(size), None), parameters(size)),
    }
    if quick:
        for name in ("jgd, Muon, bfloat16, 148 arrays", "jgd, Muon, per leaf"):
            del sides[name]
    yield from _beside(size, sides, 3 if quick else blocks, block_seconds / 5 if quick else block_seconds)
    if not find_spec("torch"):
        yield {"name": "torch", "note": "not installed here", "unmeasured": "torch is not installed here"}


def leaf_by_leaf(params: Any, dtype: str | None) -> Any:
    """Make Muon by jgd with a transform of its own for each matrix, so that no two are one batch."""
    kinds, structure = jax.tree.flatten(jgd.muon_labels(params))
    labels = [f"muon {i}" if kind == "muon" else "adam" for i, kind in enumerate(kinds)]

    def matrix() -> Any:
        return jgd.chain(jgd.scale_by_muon(ns_dtype=dtype), jgd.scale_by_learning_rate(RATE))

    own = {label: jgd.adamw(RATE) if label == "adam" else matrix() for label in labels}
    return jgd.partition(own, structure.unflatten(labels))


def _beside(
    size: Size, makers: Mapping[str, Callable[[], Any]], blocks: int, block_seconds: float
) -> Generator[Row, None, dict[str, Row]]:
    """Yield a row for the model's pass and one for each side, all in turn; a side that cannot be made says why."""
    sides: dict[str, Any] = {}
    first: dict[str, Timing] = {}
    failed = {}
    for name, make in {PASSES: lambda: _passes(size)[0], **makers}.items():
        try:
            side = make()
            first |= interleave({name: side}, blocks=1, block_seconds=block_seconds)
        except Exception as error:  # memory, or a peer that has no such optimizer
            failed[name] = (str(error).splitlines() or [type(error).__name__])[0][:160]
            continue
        sides[name] = side
        yield early(_row(size, name, side, first))
    times = interleave(sides, blocks=blocks, block_seconds=block_seconds) if sides else {}
    rows = {name: _row(size, name, side, times) for name, side in sides.items()}
    yield from rows.values()
    for name, why in failed.items():
        yield {"name": name, "note": why, "unmeasured": f"{name}: {why}"}
    return rows


def _row(size: Size, name: str, side: Any, times: Mapping[str, Timing]) -> Row:
    """Return a side's row, its share beside the pass where that has been timed.

    What an earlier case compiled took no time.
    """
    timing = times[name]
    row: Row = {"name": name, **without_ratio(timed(timing.seconds, timing.seconds))}
    if name == PASSES:
        row["TFLOP_per_second"] = operations(size) / timing.median / 1e12
    elif PASSES in times:
        row["share_percent"] = 100 * timing.median / (timing.median + times[PASSES].median)
    if made := timing.compilation:
        row |= {} if made.cached else {"compile_seconds": made.seconds}
        row["temporary_bytes"] = side.memory.temporaries
    return {**row, "note": _passes(size)[1] if name == PASSES else ""}


@cache
def _passes(size: Size) -> tuple[Program, str]:
    """Return the model's, with the first attention that works here, and a word about it; kept for the next case."""
    for attention in ("cudnn", None) if jax.default_backend() == "gpu" else (None,):
        try:
            program = Program(gradient(size, attention), first_parameters(size), tokens(size))
            value = float(program.run(1)[0])
        except Exception:
            if attention is None:
                raise
            continue
        assert np.isfinite(value), f"the model's loss is {value}"
        return program, f"attention by {attention or 'XLA'}, loss {value:.2f}"
    raise AssertionError("no attention works here")


class InTorch:
    """`torch.optim.Muon` on the hidden matrices and fused AdamW on the rest, on the device that JAX uses."""

    def __init__(self, params: Any) -> None:
        torch: Any = import_module("torch")
        self._torch, self._cuda = torch, jax.default_backend() == "gpu"
        labels = jax.tree.leaves(jgd.muon_labels(params))
        values, grads = (jax.tree.leaves(random_like(params, seed)) for seed in (0, 1))
        tensors = [self._tensor(x).requires_grad_() for x in values]
        for tensor, grad in zip(tensors, grads, strict=True):
            tensor.grad = self._tensor(grad)
        of = {kind: [x for x, label in zip(tensors, labels, strict=True) if label == kind] for kind in ("muon", "adam")}
        self._optimizers = [
            torch.optim.Muon(of["muon"], lr=RATE, weight_decay=0.0),
            torch.optim.AdamW(of["adam"], lr=RATE, fused=True),
        ]

    def run(self, calls: int) -> None:
        """Take so many steps and wait."""
        for _ in range(calls):
            for optimizer in self._optimizers:
                optimizer.step()
        if self._cuda:
            self._torch.cuda.synchronize()

    def _tensor(self, x: jax.Array) -> Any:
        tensor = self._torch.from_dlpack(jnp.asarray(x)).clone()
        return tensor.cuda() if self._cuda else tensor


if __name__ == "__main__":
    alone(share, per_leaf, preconditioned)
