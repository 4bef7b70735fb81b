"""Steps of optimizers against optax's: one large leaf, by the program and by the clock, and equal matrices.

Where both compile to the same passes over memory with the same operations in them, they are one program, and a ratio of
their times would be noise: the row says so, and the claim is about the bytes that passes move, which are no estimate.
Other steps are timed too, both on the same arrays, since a step's speed depends on where in memory they lie.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

import jgd
from bench.passes import likeness, passes
from bench.rows import Claim, Row, Yields, alone, timed, without_ratio
from bench.steps import Pair, on_one_place, program_rows, same, step
from jgd.measure import compare, interleave, random_like, state_bytes

ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda lib: lib.sgd(1e-3),
    "momentum": lambda lib: lib.sgd(1e-3, 0.9),
    "nesterov": lambda lib: lib.sgd(1e-3, 0.9, nesterov=True),
    "adagrad": lambda lib: lib.adagrad(1e-3),
    "rmsprop": lambda lib: lib.rmsprop(1e-3),
    "rmsprop, centred": lambda lib: lib.rmsprop(1e-3, centered=True, momentum=0.9),
    "adam": lambda lib: lib.adam(1e-3),
    "adamw": lambda lib: lib.adamw(1e-3),
    "nadamw": lambda lib: lib.nadamw(1e-3),
    "amsgrad": lambda lib: lib.amsgrad(1e-3),
    "lion": lambda lib: lib.lion(1e-3),
    "clip, adamw": lambda lib: lib.chain(lib.clip_by_global_norm(1.0), lib.adamw(1e-3)),
}
GOALS = {"lion": 1.8}  # times optax's speed, where ours moves less
BLOCKS = 6
OTHER_FORMS = ("adadelta", "adan", "galore", "muon", "rprop", "schedule_free_adamw", "schedule_free_sgd")
"""What optax has under the name is another form of it."""


def elementwise(quick: bool = False, only: str = "") -> Yields:
    """Measure every elementwise optimizer on one leaf of 2^24 float32 parameters: passes over memory, and times."""
    params = jax.ShapeDtypeStruct((1 << (18 if quick else 24),), jnp.float32)
    for name, make in ELEMENTWISE.items():
        if only not in ("", name):
            continue
        row = against_optax(name, (make(jgd), make(optax)), params)
        yield row
        moved = 100 * row["bytes_each"] / row["optax_bytes_each"]
        yield Claim(f"{name}: bytes that its passes move, of optax's", moved, 100, at_least=False, unit="%")
        if name in GOALS:
            yield Claim(f"{name}: optax's time over jgd's", row["ratio"], GOALS[name])
        elif "ratio" in row:
            level = math.floor(row["ratio_level_percent"] + 1e-9)
            why = f"{row['ratio']:.2f}x, and with a level of {level}% from {row['ratio_low']:.2f}x"
            text = f"{name}: optax's time over jgd's, at most by its interval"
            yield Claim(text, row["ratio_high"], 1.0, why=why)


def every(quick: bool = False, only: str = "") -> Yields:
    """Measure every optimizer of the catalogue that optax has in the same form, on one leaf of 2^22 parameters."""
    params = jax.ShapeDtypeStruct((1 << (14 if quick else 22),), jnp.float32)
    for name, entry in jgd.optimizers.catalogue().items():
        theirs = getattr(optax, name, None) or getattr(optax.contrib, name, None)
        if entry.needs or theirs is None or name in OTHER_FORMS or only not in ("", name):
            continue
        wanted = {"learning_rate": 1e-3} if "learning_rate" in inspect.signature(theirs).parameters else {}
        row = against_optax(name, (entry.make(**wanted), theirs(**wanted)), params)
        yield row
        moved = 100 * row["bytes_each"] / row["optax_bytes_each"]
        yield Claim(f"{name}: bytes that its passes move, of optax's", moved, 100, at_least=False, unit="%")
        if "ratio_high" in row:
            yield Claim(f"{name}: optax's time over jgd's, at most by its interval", row["ratio_high"], 1.0)


def matrices(quick: bool = False, size: int = 128) -> Yields:
    """Muon on 48 equal matrices, and on the same kept stacked by `jgd.stack_leaves`."""
    params = {f"layer{i}": jax.ShapeDtypeStruct((size, size), jnp.float32) for i in range(6 if quick else 48)}
    stacked, _ = jgd.stack_leaves(random_like(params, 0))
    sides = {
        "optax.contrib": lambda: step(optax.contrib.muon(1e-3), params),
        "jgd": lambda: step(jgd.muon(1e-3), params),
        "jgd, stacked": lambda: step(jgd.muon(1e-3, param_labels=lambda _: "muon"), stacked),
    }
    rows = yield from program_rows(sides)
    theirs = rows["optax.contrib"]
    for name in ("jgd", "jgd, stacked"):
        gain = theirs["seconds"] / rows[name]["seconds"]
        yield Claim(f"a step of Muon: optax's time over that of {name}", gain, 1.6)
    bounds = {"jgd": "on a CPU half of compiling is a kernel for each slice that takes a matrix out of the batch"}
    for name in ("jgd", "jgd, stacked"):
        gain = theirs["compile_seconds"] / rows[name]["compile_seconds"]
        text = f"trace and compile: optax's time over that of {name}"
        yield Claim(text, gain, 4, why=bounds.get(name, ""))


def against_optax(name: str, pair: Pair, params: Any) -> Row:
    """Return the passes of both programs, and blocks of both in turn where they differ, else of jgd's."""
    same(name, pair)
    sides, entries = on_one_place(pair, params), params.size
    ours, theirs = (passes(side.program) for side in sides.values())
    found = likeness(ours, theirs)
    times = interleave({"jgd": sides["jgd"]} if found == "the same" else sides, blocks=BLOCKS)
    row: Row = {
        "name": name,
        "program": found or "another",
        "passes": len(ours),
        "optax_passes": len(theirs),
        "bytes_each": sum(one.moved for one in ours) / entries,
        "optax_bytes_each": sum(one.moved for one in theirs) / entries,
        **timed(times["jgd"].seconds, times["jgd"].seconds),
    }
    if "optax" in times:
        ratio = compare(times["jgd"], times["optax"])
        row |= {"ratio": ratio.ratio, "ratio_low": ratio.low, "ratio_high": ratio.high}
        row["ratio_level_percent"] = 100 * ratio.level
        row["optax_seconds"] = times["optax"].median
    else:
        row = without_ratio(row)
    return {
        **row,
        "temporary_bytes": sides["jgd"].program.memory.temporaries,
        "optax_temporary_bytes": sides["optax"].program.memory.temporaries,
        "state_bytes": state_bytes(pair[0], params),
    }


if __name__ == "__main__":
    alone(elementwise, every, matrices)
