"""Count what a step of each optimizer compiles to; counts repeat exactly: `python -m tests.counters` writes them."""

import functools
import json
import math
import pathlib
import re
from typing import Any

import jax
import jax.numpy as jnp

import jgd
from tests.table import OPTIMIZERS, WRAPPERS

TABLE = pathlib.Path(__file__).parent / "counters.json"
ROWS = {row.name: row for row in OPTIMIZERS + WRAPPERS if row.descends}
SHAPES = {"w": (256, 128), "v": (256, 128), "b": (128,)}
LARGE = 4 * 256 * 128  # bytes of a leaf that counts
FREE = ("parameter", "get-tuple-element", "bitcast")  # they write nothing


def counters(row):
    """Return one row's counts, for parameters given as shapes; nothing is run."""
    opt = row.make()
    shapes = {"w": (256, 128), "v": (128, 256)} if row.shapes else SHAPES
    params = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}
    state = jax.eval_shape(opt.init, params)
    traced = jax.jit(functools.partial(_step, row), donate_argnums=(1, 2)).trace(opt, params, state, params)
    compiled: Any = traced.lower().compile()
    passes, copies = _passes(compiled.as_text())
    return {
        "equations": equations(traced.jaxpr.jaxpr),
        "passes": passes,
        "copies": copies,
        "temporary_leaves": round(compiled.memory_analysis().temp_size_in_bytes / LARGE, 1),
        "state_bytes": sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(state)),
    }


def measured():
    """Return the table as it is now."""
    return {name: counters(row) for name, row in ROWS.items()}


def _step(row, opt, params, state, grads):
    updates, state = row.update(opt, grads, state, params)
    return jgd.apply_updates(params, updates), state


def equations(jaxpr):
    """Equations of a jaxpr and of those inside its own: what tracing and lowering cost."""
    inner = [x for eqn in jaxpr.eqns for x in jax.tree.leaves(tuple(eqn.params.values())) if hasattr(x, "eqns")]
    return len(jaxpr.eqns) + sum(equations(getattr(x, "jaxpr", x)) for x in inner)


def _passes(text):
    """Instructions of the optimised program that write a large array: all of them, and the copies among them."""
    # Computations end with a brace of their own; a fusion's is one pass, whatever is in it.
    outside = [part for part in text.split("\n}") if not re.search(r"^%(fused|wrapped)_", part, re.M)]
    written = re.findall(r"= \w+\[([\d,]+)\]\S* ([a-z-]+)\(", "".join(outside))
    large = [op for shape, op in written if 4 * math.prod(map(int, shape.split(","))) >= LARGE and op not in FREE]
    return len(large), large.count("copy")


if __name__ == "__main__":
    import tests.conftest  # noqa: F401  the flags that the tests run under

    TABLE.write_text(json.dumps(measured(), indent=1) + "\n")
