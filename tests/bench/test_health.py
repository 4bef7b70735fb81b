"""Count by the compiler's text what the pulse of a run adds to its steps."""

import jax.numpy as jnp

import jgd
from bench.health import segment_text
from bench.loops import loop_operations

TASK = jgd.Task(
    lambda key: {"w": jnp.ones((90, 70)), "b": jnp.ones(70)},
    lambda p, x: jnp.mean((x @ p["w"] + p["b"][None]) ** 2),
    jnp.ones((4, 90)),
)


def test_a_plain_step_runs_nothing_more_with_a_pulse_than_without():
    """The large leaf's sample for a cosine is a copy, and was taken by each step; a measured one runs its sums."""
    (without, *_), (measured, plain, *_) = (loop_operations(segment_text(TASK, one)) for one in (None, jgd.Health()))
    assert plain <= without < measured
