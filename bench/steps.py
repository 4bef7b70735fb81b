"""Steps of optimizers as programs: jgd's and optax's `grads -> update -> apply_updates`, parameters and state donated.

jgd's optimizer is an argument of its step, as in a sweep, unless it says that it is closed over, as optax's is.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.rows import Row
from jgd.measure import Compilation, Program, compare, interleave, random_like

OPTAX = (optax.GradientTransformation, optax.GradientTransformationExtraArgs)

Pair = tuple[Any, Any]  # the same optimizer by jgd and by optax


def step(opt: Any, params: Any, grad: Callable[[Any], Any] | None = None) -> Program:
    """Return a step with random gradients of its own unless `grad` gives the parameters' own."""
    values = random_like(params, 0)
    return _program(opt, _started(opt, values), random_like(params, 1), grad=grad)


def _started(opt: Any, values: Any) -> tuple[Any, Any]:
    """Return parameters and the first state, copied: optax's may hold the parameters, which cannot be donated twice."""
    return values, jax.tree.map(jnp.copy, opt.init(values))


def on_one_place(
    pair: Pair,
    params: Any,
    sides: Sequence[str] = ("jgd", "optax"),
    steps: Mapping[str, int] = MappingProxyType({}),
) -> "dict[str, Turn]":
    """Make steps of `jgd`, `jgd, closed over` and `optax` on the same gradients and, in turn, on the same parameters.

    A call of a side takes one step, or as many as `steps` says. A side whose state has other leaves has parameters of
    its own.
    """
    grads, turns, first, last = random_like(params, 1), {}, None, []
    for side in sides:
        opt = pair[side == "optax"]
        shapes = jax.eval_shape(lambda p, o=opt: (p, o.init(p)), params)
        leaves = [(x.shape, x.dtype) for x in jax.tree.leaves(shapes)]
        shared = leaves == first
        carried = shapes if shared else _started(opt, random_like(params, 0))
        program = _program(opt, carried, grads, closed="closed" in side, steps=steps.get(side, 1))
        if first is None:
            first, last = leaves, [program]
        turns[side] = Turn(program, last if shared or program is last[0] else [program])
    return turns


class Turn:
    """A program that goes on from where the last of its group has got to, in the same memory."""

    def __init__(self, program: Program, last: list[Program]) -> None:
        self.program, self._last = program, last

    @property
    def compilation(self) -> Compilation:
        """The program's."""
        return self.program.compilation

    def run(self, calls: int) -> Any:
        """Do what `Program.run` does."""
        if self._last[0] is not self.program:
            self.program.take_over(self._last[0])
            self._last[0] = self.program
        return self.program.run(calls)


def same(name: str, pair: Pair) -> None:
    """Refuse to time an optimizer whose parameters after three steps differ between the two by more than rounding."""
    small = jax.ShapeDtypeStruct((1 << 14,), np.float32)
    a, b = (np.ravel(step(opt, small).run(3)[0]) for opt in pair)
    # Adam's first steps by optax are off by 7e-6 of 1e-3; a sign at rounding's edge may flip, hence not the maximum.
    if not np.quantile(np.abs(a - b), 0.999) < 1e-6:
        raise AssertionError(f"{name}: jgd and optax compute different parameters")


def program_rows(sides: dict[str, Callable[[], Program]]) -> Any:
    """Yield a row for each side, timed in turn, with ratios to the first; returned by name."""
    programs = {name: make() for name, make in sides.items()}
    found, rows = interleave(programs), {}
    first, *_ = found.values()
    for name, timing in found.items():
        assert timing.compilation is not None
        row: Row = {
            "name": name,
            "seconds": timing.median,
            "ratio": compare(timing, first).ratio,
            "trace_seconds": timing.compilation.trace,
            "compile_seconds": timing.compilation.seconds,
            "temporary_bytes": programs[name].memory.temporaries,
        }
        rows[name] = row
        yield row
    return rows


def _program(
    opt: Any,
    carried: Any,
    grads: Any,
    *,
    grad: Callable[[Any], Any] | None = None,
    closed: bool = False,
    steps: int = 1,
) -> Program:
    """Compile a step of parameters and state, or of their shapes."""
    apply = optax.apply_updates if type(opt) in OPTAX else jgd.apply_updates

    def one(params: Any, state: Any, grads: Any, opt: Any) -> Any:
        updates, state = opt.update(grad(params) if grad else grads, state, params)
        return apply(params, updates), state

    def step(params: Any, state: Any, grads: Any, opt: Any) -> Any:
        if steps == 1:
            return one(params, state, grads, opt)
        return jax.lax.fori_loop(0, steps, lambda _, carry: one(carry[0], carry[1], grads, opt), (params, state))

    if closed or apply is optax.apply_updates:
        return Program(lambda params, state, grads: step(params, state, grads, opt), *carried, grads, carry=2, own=True)
    return Program(step, *carried, grads, opt, carry=2, own=True)
