"""Steps of SOAP and Shampoo on 48 matrices and on one large one: batched, leaf by leaf, and the reference package's.

A round is as many steps as there are between two renewals of a preconditioner, and the sides have rounds in turn: the
mean step of a round is the price, by the clock and in CPU time, the slowest one what a renewal costs where all are due
together, and the median one an ordinary step.
"""

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Row, Yields, alone, in_turn, timed
from jgd.measure import random_like

EVERY = 10  # steps
ONE_CORE = (
    "XLA runs a product on a CPU on one thread, and the loop over matrices is one program; leaf by leaf is a program "
    "for each matrix, of which two run at once"
)
MADE: dict[str, Callable[..., Any]] = {
    "soap": lambda **more: jgd.soap(1e-3, **more),
    "shampoo": lambda **more: jgd.shampoo(1e-3, grafting="sgd", merge_dims=False, **more),
}


def preconditioned(quick: bool = False, rounds: int = 4) -> Yields:
    """SOAP and Shampoo on 48 matrices of 128 x 128 and one of 1024 x 1024, staggered, together, leaf by leaf, torch."""
    problems = {"4 of 8 x 8": (4, 8)} if quick else {"48 of 128 x 128": (48, 128), "1 of 1024 x 1024": (1, 1024)}
    for problem, (count, size) in problems.items():
        params = random_like({f"layer{i}": jax.ShapeDtypeStruct((size, size), np.float32) for i in range(count)}, 0)
        for name, make in MADE.items():
            sides = {"jgd": _stepper(make(), params), "jgd, together": _stepper(make(stagger=False), params)}
            if count > 1:
                sides["leaf by leaf"] = _stepper(make(stagger=False), params, leaves=True)
            if find_spec("pytorch_optimizer") and find_spec("torch"):
                sides["pytorch-optimizer"] = _reference(name, params)
            for step, _ in sides.values():
                step()  # the first
            found = in_turn({side: partial(_round, step) for side, (step, _) in sides.items()}, 1 if quick else rounds)
            rows = {side: _row(turns, found["jgd"]) for side, turns in found.items()}
            for side, row in rows.items():
                yield {"name": f"{name}, {problem}: {side}", **row, "compile_seconds": sides[side][1]}
            for other in ("leaf by leaf", "pytorch-optimizer"):
                if other in rows:
                    why = ONE_CORE if count > 1 else ""
                    yield Claim(f"{name}, {problem}: {other}'s time over jgd's", rows[other]["ratio"], 1.0, why=why)


def _stepper(opt: Any, params: Any, *, leaves: bool = False) -> tuple[Callable[[], Any], float]:
    """Compile a step that is waited for, and tell the seconds; `leaves` calls one leaf's program for each."""
    parts = [{"layer": p} for p in params.values()] if leaves else [params]
    grads = [random_like(part, 1 + i) for i, part in enumerate(parts)]
    carried = [(part, opt.init(part)) for part in parts]

    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = opt.update(grads, state, params)
        return jgd.apply_updates(params, updates), state

    begin = time.perf_counter()
    compiled = jax.jit(step, donate_argnums=(0, 1)).lower(*carried[0], grads[0]).compile()
    spent = time.perf_counter() - begin
    carried = [jax.tree.map(jnp.copy, one) for one in carried]

    def run() -> None:
        carried[:] = [compiled(*one, g) for one, g in zip(carried, grads, strict=True)]
        jax.block_until_ready(carried)

    return run, spent


def _reference(name: str, params: Any) -> tuple[Callable[[], Any], float]:
    """Return the step of pytorch-optimizer."""
    po, torch = import_module("pytorch_optimizer"), import_module("torch")
    tensors = [torch.tensor(np.asarray(x)) for x in params.values()]
    for tensor, g in zip(tensors, random_like(params, 1).values(), strict=True):
        tensor.grad = torch.tensor(np.asarray(g))
    shampoo = {"start_preconditioning_step": 1, "preconditioning_compute_steps": EVERY, "block_size": 1024}
    shampoo |= {"use_svd": True, "nesterov": False, "shape_interpretation": False}
    opt = po.SOAP(tensors, 1e-3) if name == "soap" else po.ScalableShampoo(tensors, 1e-3, **shampoo)
    return opt.step, 0.0


class Step(NamedTuple):
    """Hold what one step took."""

    seconds: float
    cpu_seconds: float  # of all threads


def _round(step: Callable[[], Any]) -> list[Step]:
    """Return each step between two renewals."""
    found = []
    for _ in range(EVERY):
        begin, cpu = time.perf_counter(), time.process_time()
        step()
        found.append(Step(time.perf_counter() - begin, time.process_time() - cpu))
    return found


def _row(rounds: list[list[Step]], ours: list[list[Step]]) -> Row:
    """Return a side's rounds beside those of ours."""
    means, known = ([sum(x.seconds for x in turn) / EVERY for turn in turns] for turns in (rounds, ours))
    return {
        **timed(means, known),
        "cpu_seconds": median(sum(x.cpu_seconds for x in turn) / EVERY for turn in rounds),
        "ordinary_seconds": median(x.seconds for turn in rounds for x in turn),
        "slowest_seconds": median(max(x.seconds for x in turn) for turn in rounds),
    }


if __name__ == "__main__":
    alone(preconditioned)
