"""Measure a call of a jitted step that computes next to nothing: the work of Python and JAX.

jgd's optimizer is an argument of the step, so its numbers travel with each call, and another value compiles nothing.
What is closed over is compiled in: it costs nothing, and each value compiles again.

  floats             the optimizer as it is made, with Python's numbers in it
  on the device      after `optimizer = jax.device_put(optimizer)`, once before the loop
  closed over        the same optimizer in a closure
  optax, closed over optax's in a closure
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.rows import Claim, Yields, alone
from jgd.measure import interleave

PAIRS: dict[str, tuple[Any, Any]] = {
    "sgd": (jgd.sgd(1e-3), optax.sgd(1e-3)),
    "heavy_ball": (jgd.heavy_ball(1e-3), optax.sgd(1e-3, momentum=0.9)),
    "adam": (jgd.adam(1e-3), optax.adam(1e-3)),
    "adamw": (jgd.adamw(1e-3), optax.adamw(1e-3)),
}
SHAPES = {"w": (4, 4), "b": (4,)}


def dispatch(quick: bool = False, blocks: int = 20) -> Yields:
    """Microseconds that a step's call takes more than a closure's, by optimizer."""
    worst, blocks = {"floats": 0.0, "on the device": 0.0}, 3 if quick else blocks
    for name, (ours, theirs) in PAIRS.items():
        sides = {
            "closed over": Loop(lambda params, state, opt=ours: _step(opt, params, state), ours),
            "floats": Loop(_step, ours, ours),
            "on the device": Loop(_step, ours, jax.device_put(ours)),
            "optax, closed over": Loop(lambda params, state, opt=theirs: _step(opt, params, state), theirs),
        }
        found = interleave(sides, blocks=blocks, block_seconds=0.02)
        base = np.array(found["closed over"].seconds)
        for side, timing in found.items():
            low, middle, high = np.quantile(1e6 * (np.array(timing.seconds) - base), [0.25, 0.5, 0.75]).tolist()
            row = {"optimizer": name, "numbers": len(jax.tree.leaves(ours)), "side": side, "seconds": timing.median}
            yield {**row, "more_us": middle, "more_us_low": low, "more_us_high": high}
            if side in worst:
                worst[side] = max(worst[side], middle)
    why = "JAX sends each Python float to the device anew, at some microseconds each"
    yield Claim("more for a call with the optimizer on the device", worst["on the device"], 10, False, " us")
    yield Claim("more for a call with Python's numbers", worst["floats"], 10, False, " us", why)


class Loop:
    """A jitted step called in a loop, as a training script does, its parameters and state from call to call."""

    def __init__(self, step: Callable[..., Any], optimizer: Any, *first: Any) -> None:
        self._step, self._first = jax.jit(step), first
        params = {name: jnp.ones(shape) for name, shape in SHAPES.items()}
        self._carry = params, jax.jit(optimizer.init)(params)

    def run(self, calls: int) -> Any:
        """Take so many steps; return when the last is done."""
        step, first, carry = self._step, self._first, self._carry
        for _ in range(calls):
            carry = step(*first, *carry)
        self._carry = carry
        return jax.block_until_ready(carry)


def _step(optimizer: Any, params: Any, state: Any) -> Any:
    updates, state = optimizer.update(params, state, params)
    return optax.apply_updates(params, updates), state


if __name__ == "__main__":
    alone(dispatch)
