"""The compile clock: it runs while something compiles, and stands still otherwise."""

import jax
import jax.numpy as jnp

from jgd.core.compilation import compile_seconds


def test_the_clock_runs_for_new_programs_only():
    x = jnp.ones(3)
    program = jax.jit(lambda x: jnp.cumsum(x) * 17)
    start = compile_seconds()
    program(x)
    compiled = compile_seconds()
    program(x)
    assert compiled > start
    before = compile_seconds()
    program(x)
    assert compile_seconds() == before
