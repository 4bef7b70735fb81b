"""The cost of a run's pulse: bytes, operations and seconds of a step of `jgd.fit` with `health` and without.

Bytes and operations are those of the compiled loops, figures that no other work on the machine changes; seconds are
taken in turn, of so many steps that what a call costs by itself, some 20 ms, is no part of them.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.loops import loop_bytes, loop_operations
from bench.rows import Claim, Yields, alone, in_turn, timed
from jgd.train.pulse import pulse_of
from jgd.train.segments import run_segment
from jgd.train.start import run_shapes

LAYERS, WIDTH, BATCH = 8, 512, 256


def perceptron() -> jgd.Task:
    """Eight layers of 512 x 512 on batches of 256: 2.1 million parameters."""

    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key, LAYERS)
        return [jax.random.normal(k, (WIDTH, WIDTH)) * np.sqrt(2 / WIDTH) for k in keys]

    def loss(params: Any, batch: Any) -> jax.Array:
        h = batch
        for w in params:
            h = jax.nn.relu(h @ w)
        return jnp.mean((h - batch) ** 2)

    x = np.random.default_rng(0).normal(size=(4 * BATCH, WIDTH)).astype(np.float32)
    return jgd.Task(init, loss, x, BATCH, name="8 layers of 512")


def health(quick: bool = False, repeats: int = 9) -> Yields:
    """Adam on eight layers of 512 and on digits, without, with a measurement every fiftieth step, and one at each."""
    asked = {"off": False, "every 50": jgd.Health(), "every 1": jgd.Health(every=1)}
    for task, steps, turns in ((perceptron(), 100, repeats), (jgd.tasks.digits(), 4000, 3 * repeats)):
        yield from _program(task)
        sides = {name: partial(_step_seconds, task, 20 if quick else steps, health) for name, health in asked.items()}
        for side in sides.values():
            side()  # which compiles it
        found = in_turn(sides, 2 if quick else turns)
        rows = {name: timed(seconds, found["off"]) for name, seconds in found.items()}
        for name, row in rows.items():
            yield {"task": task.name, "health": name, **row}
        text = f"percent by which a measurement every fiftieth step lengthens a step of {task.name}"
        yield Claim(text, 100 * (rows["every 50"]["ratio"] - 1), 5.0, at_least=False, unit=" %")


def _program(task: jgd.Task) -> Yields:
    """Count what a step moves and runs in the compiled loops, without the pulse and with it."""
    health = jgd.Health()
    texts = [segment_text(task, one) for one in (None, health)]
    (off, *_), (measured, plain, *_) = map(loop_bytes, texts)
    yield {"task": task.name, "off_bytes": off, "plain_bytes": plain, "measured_bytes": measured}
    (runs, *_), (measured_runs, plain_runs, *_) = map(loop_operations, texts)
    yield {"task": task.name, "off_operations": runs, "plain": plain_runs, "measured": measured_runs}
    moved = plain + 2 * (measured - plain) / health.every  # at most: a step that is due, and samples of the one before
    text = f"percent by which the pulse adds to the bytes that a step of {task.name} moves"
    yield Claim(text, 100 * (moved / off - 1), 5.0, at_least=False, unit=" %")
    text = f"operations that the pulse adds to a plain step of {task.name}"
    yield Claim(text, plain_runs - runs, 0, at_least=False, unit="")


def segment_text(task: jgd.Task, health: jgd.Health | None, length: int = 100) -> str:
    """Return the compiler's text of a segment of `jgd.fit`."""
    optimizer, stop = jgd.adam(1e-3), jgd.Stop()
    state = run_shapes(task, optimizer, stop, jax.random.key(0, impl="threefry2x32"))
    pulse = pulse_of(health, state.carry.params)
    options = {"length": length, "pulse": pulse}
    text = run_segment.lower(task, optimizer, stop, state, None, None, length, **options).compile().as_text()
    assert text is not None
    return text


def _step_seconds(task: jgd.Task, steps: int, health: Any) -> float:
    """Return the seconds of a step, compilation left out."""
    run = jgd.fit(task, jgd.adam(1e-3), steps=steps, eval_every=steps, health=health, progress=False)
    return (run.seconds - run.compile_seconds) / steps


if __name__ == "__main__":
    alone(health)
