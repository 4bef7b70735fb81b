"""Steps of optimizers against optax's: large leaves, many leaves, equal matrices.

The steps are `grads -> update -> apply_updates`, with parameters and state donated; jgd's optimizer is an argument of
its step, as in a sweep, optax's a closure.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.rows import Claim, Row, Yields, alone
from jgd.measure import Copy, Program, Timing, compare, interleave, judge, random_like, state_bytes

Pair = tuple[Any, Any]  # the same optimizer by jgd and by optax

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
GOALS = {"lion": 1.8}  # times optax's speed; 1 elsewhere
NOISE = 0.93  # two runs of one program, with memory of their own, differ by this on a machine with two cores


def elementwise(quick: bool = False, only: str = "") -> Yields:
    """Every elementwise optimizer on one leaf of 2^24 float32 parameters, and its share of the memory floor."""
    params = jax.ShapeDtypeStruct((1 << (18 if quick else 24),), jnp.float32)
    for name, make in ELEMENTWISE.items():
        if only in ("", name):
            row = bandwidth_row(name, (make(jgd), make(optax)), params, places=1 if quick else 2)
            yield row
            yield Claim(f"{name}: optax's time over jgd's", row["ratio"], GOALS.get(name, NOISE))


def leaves(quick: bool = False) -> Yields:
    """AdamW on 1024 leaves of 256 parameters: leaf by leaf, and kept stacked between steps."""
    count = 64 if quick else 1024
    params = {f"leaf{i:04}": jax.ShapeDtypeStruct((256,), jnp.float32) for i in range(count)}
    stacked, _ = jgd.stack_leaves(random_like(params, 0))
    sides = {
        "optax": lambda: step(optax.adamw(1e-3), params),
        "jgd": lambda: step(jgd.adamw(1e-3), params),
        "jgd, stacked": lambda: step(jgd.adamw(1e-3), stacked),
    }
    rows = yield from program_rows(sides)
    for key, what in (("compile_seconds", "trace and compile"), ("seconds", "a step")):
        gain = rows["optax"][key] / rows["jgd, stacked"][key]
        yield Claim(f"{what}, {count} leaves: optax's time over jgd's, stacked", gain, 3)
    few = dict(list(params.items())[: count // 4])
    stacked, unstack = jgd.stack_leaves(random_like(few, 0))
    target = random_like(few, 2)

    def loss(tree: Any) -> jax.Array:
        pairs = zip(*map(jax.tree.leaves, (tree, target)), strict=True)
        return jnp.sum(jnp.stack([jnp.sum(jnp.tanh(a - b) ** 2) for a, b in pairs]))

    sides = {
        "optax, with a gradient": lambda: step(optax.adamw(1e-3), few, jax.grad(loss)),
        "jgd, stacked, with a gradient": lambda: step(
            jgd.adamw(1e-3), stacked, jax.grad(lambda stacks: loss(unstack(stacks)))
        ),
    }
    yield from program_rows(sides)


def matrices(quick: bool = False, size: int = 256) -> Yields:
    """Muon on 48 equal matrices."""
    params = [jax.ShapeDtypeStruct((size, size), jnp.float32) for _ in range(6 if quick else 48)]
    sides = {
        "optax.contrib": lambda: step(optax.contrib.muon(1e-3), params),
        "jgd": lambda: step(jgd.muon(1e-3), params),
    }
    rows = yield from program_rows(sides)
    ours, theirs = rows["jgd"], rows["optax.contrib"]
    yield Claim("a step of Muon: optax's time over jgd's", theirs["seconds"] / ours["seconds"], 1.6)
    yield Claim("trace and compile: optax's time over jgd's", theirs["compile_seconds"] / ours["compile_seconds"], 4)


def update(opt: Any, params: Any, state: Any, grads: Any) -> Any:
    """A step of jgd's."""
    updates, state = opt.update(grads, state, params)
    return jgd.apply_updates(params, updates), state


def step(opt: Any, params: Any, grad: Callable[[Any], Any] | None = None) -> Program:
    """A step as a program, with random gradients of its own unless `grad` gives the parameters' own."""
    values, grads = random_like(params, 0), random_like(params, 1)
    state = opt.init(values)
    if isinstance(opt, optax.GradientTransformation):

        def theirs(params: Any, state: Any, grads: Any) -> Any:
            updates, state = opt.update(grad(params) if grad else grads, state, params)
            return optax.apply_updates(params, updates), state

        return Program(theirs, values, state, grads, carry=2, own=True)

    def ours(params: Any, state: Any, grads: Any, opt: Any) -> Any:
        return update(opt, params, state, grad(params) if grad else grads)

    return Program(ours, values, state, grads, opt, carry=2, own=True)


def bandwidth_row(name: str, pair: Pair, params: Any, places: int) -> Row:
    """Both sides in turn with a copy; anew for each place in memory, on which a step's speed depends."""
    seconds: dict[str, list[float]] = {"jgd": [], "optax": [], "copy": []}
    for _ in range(places):
        sides = {"jgd": step(pair[0], params), "optax": step(pair[1], params), "copy": (copy := Copy())}
        same(name, sides["jgd"], sides["optax"])
        for side, timing in interleave(sides, blocks=6).items():
            seconds[side] += timing.seconds
    times = {side: Timing(tuple(found), 1) for side, found in seconds.items()}
    ratio = compare(times["jgd"], times["optax"])
    shares = [judge(name, pair[0], params, times[side], times["copy"], copy) for side in ("jgd", "optax")]
    return {
        "name": name,
        "seconds": times["jgd"].median,
        "optax_seconds": times["optax"].median,
        **dict(zip(("ratio", "ratio_low", "ratio_high"), ratio[:3], strict=True)),
        "floor_percent": shares[0] and shares[0].percent,
        "optax_floor_percent": shares[1] and shares[1].percent,
        "temporary_bytes": sides["jgd"].memory.temporaries,
        "optax_temporary_bytes": sides["optax"].memory.temporaries,
        "state_bytes": state_bytes(pair[0], params),
    }


def same(name: str, ours: Program, theirs: Program) -> None:
    """Refuse to time two sides whose parameters after three steps differ by more than rounding."""
    a, b = (np.concatenate([np.ravel(x) for x in jax.tree.leaves(side.run(3)[0])]) for side in (ours, theirs))
    # Adam's first steps by optax are off by 7e-6 of 1e-3; a sign at rounding's edge may flip, hence not the maximum.
    if not np.quantile(np.abs(a - b), 0.999) < 1e-6:
        raise AssertionError(f"{name}: jgd and optax compute different parameters")


def program_rows(sides: dict[str, Callable[[], Program]]) -> Any:
    """A row for each side, timed in turn, with ratios to the first; returned by name."""
    programs = {name: make() for name, make in sides.items()}
    found, rows = interleave(programs), {}
    first, *_ = found.values()
    for name, timing in found.items():
        assert timing.compilation is not None
        rows[name] = {
            "name": name,
            "seconds": timing.median,
            "ratio": compare(timing, first).ratio,
            "trace_seconds": timing.compilation.trace,
            "compile_seconds": timing.compilation.seconds,
            "temporary_bytes": programs[name].memory.temporaries,
        }
        yield rows[name]
    return rows


if __name__ == "__main__":
    alone(elementwise, leaves, matrices)
