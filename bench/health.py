"""The cost of a run's pulse: the bytes and the seconds of a step of `jgd.fit` with `health` and without.

Bytes are those of the compiled loop, a figure that no other work on the machine changes; seconds are taken in turn.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.loop_bytes import loop_bytes
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
    """Adam on eight layers of 512 and on digits, without, with a measurement every twentieth step, and one at each."""
    yield from _bytes(perceptron())
    asked = {"off": False, "every 20": jgd.Health(), "every 1": jgd.Health(every=1)}
    for task, steps in ((perceptron(), 20 if quick else 60), (jgd.tasks.digits(), 20 if quick else 500)):
        sides = {name: partial(_step_seconds, task, steps, health) for name, health in asked.items()}
        for side in sides.values():
            side()  # which compiles it
        found = in_turn(sides, 2 if quick else repeats)
        rows = {name: timed(seconds, found["off"]) for name, seconds in found.items()}
        for name, row in rows.items():
            yield {"task": task.name, "health": name, **row}
        text = f"percent by which a measurement every twentieth step lengthens a step of {task.name}"
        yield Claim(text, 100 * (rows["every 20"]["ratio"] - 1), 5.0, at_least=False, unit=" %")


def _bytes(task: jgd.Task) -> Yields:
    """Count the bytes that a step moves in the compiled loop, without and with the pulse."""
    health = jgd.Health()
    off, (measured, plain) = (loop_bytes(_loop(task, one))[:count] for one, count in ((None, 1), (health, 2)))
    moved = plain + (measured - plain) / health.every
    yield {"task": task.name, "off_bytes": off[0], "plain_bytes": plain, "measured_bytes": measured}
    text = f"percent by which the pulse adds to the bytes that a step of {task.name} moves"
    yield Claim(text, 100 * (moved / off[0] - 1), 5.0, at_least=False, unit=" %")


def _loop(task: jgd.Task, health: jgd.Health | None, length: int = 60) -> str:
    """Return the compiler's text of a segment."""
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
