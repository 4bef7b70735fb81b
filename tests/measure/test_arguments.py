"""Bad arguments of `jgd.measure` are refused in one sentence where the call enters."""

# Arguments are of a wrong type on purpose:
# pyright: reportArgumentType=false

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd.measure import bandwidth, floor, flops, interleave, memory, random_like, roofline, state_bytes, timing
from tests.refusal import refused

PARAMS = {"w": jnp.ones(3)}
BAD = [
    (lambda: timing(3), "timing(fn=3): fn must be a function of its arguments."),
    (lambda: timing(jnp.sin, 1.0, blocks=0), "timing(blocks=0): blocks must be a whole number, at least 1."),
    (lambda: timing(jnp.sin, block_seconds=-1), "timing(block_seconds=-1): block_seconds must be a positive number."),
    (lambda: timing(jnp.sin, 1.0, carry="1"), "timing(carry='1'): carry must be a whole number, at least 0."),
    (lambda: memory("f"), "memory(fn='f'): fn must be a function of its arguments."),
    (lambda: jgd.measure.Program(jnp.sin, 1.0, own="yes"), "Program(own='yes'): own must be True or False."),
    (lambda: interleave({}), "interleave(candidates={}): candidates must be a dict with at least one thing"),
    (lambda: interleave([jnp.sin]), "interleave(candidates=["),
    (lambda: roofline(0.1, PARAMS), "roofline(optimizer=0.1): optimizer must be a gradient transformation"),
    (lambda: roofline(jgd.sgd, PARAMS), "roofline(optimizer=sgd(learning_rate, "),
    (lambda: floor(jgd.sgd(0.1), ["w"]), "floor(params=['w']): params must be a pytree of arrays or of shapes."),
    (lambda: state_bytes(None, PARAMS), "state_bytes(optimizer=None): optimizer must be"),
    (lambda: random_like("w", 0), "random_like(tree='w'): tree must be"),
    (lambda: random_like(PARAMS, 0.5), "random_like(seed=0.5): seed must be a whole number from 0 to 2**64 - 1"),
    (lambda: bandwidth("cpu"), "bandwidth(device='cpu'): device must be a device, such as jax.devices()[0]."),
    (lambda: flops("float33"), "flops(dtype='float33'): dtype must be a dtype, such as 'float32'."),
    (lambda: flops("float32", 0), "flops(device=0): device must be"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_one_sentence(call, message):
    refused(call, message)


def test_shapes_and_plain_numbers_are_parameters():
    shapes = jax.eval_shape(lambda: PARAMS)
    assert state_bytes(jgd.adam(0.1), shapes) == state_bytes(jgd.adam(0.1), PARAMS)
