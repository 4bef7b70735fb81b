"""Arrays in few bits: blocks of entries, each with a scale, as codes of one byte or of half a byte."""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.codebooks import codebook
from jgd.core.counter_hash import unit_uniform

LEAST_BLOCK = 64  # entries: shorter axes are put together with those before them


class LowBitArray(NamedTuple):
    """An array in few bits.

    `codes` u8 has the array's shape; with 4 bits its last axis is half as long, two codes in a byte, the first in the
    upper half. `scale` f32 has the array's leading axes and then one axis for the blocks: the largest modulus of each
    block. Its sign bit tells that the block has no negative entry, which has codes of its own.
    """

    codes: jax.Array
    scale: jax.Array


class Coding(NamedTuple):
    """How arrays are encoded: bits, the entries of a block at most, the code's name, and rounding at random or not."""

    bits: int
    block: int
    code: str
    stochastic: bool


def is_quantized(x: Any) -> bool:
    """Tell whether a node of a tree is an array in few bits."""
    return isinstance(x, LowBitArray)


def scale_shape(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Return the shape of the scales of an array: its last axis in equal blocks of at most `block` entries.

    Where the last axis has less than 64 entries (or `block`), the axes before it are put together with it until there
    are as many.
    """
    axes = 1
    while axes < len(shape) and math.prod(shape[-axes:]) < min(block, LEAST_BLOCK):
        axes += 1
    return *shape[:-axes], -(-math.prod(shape[-axes:]) // block)


def can_encode(shape: tuple[int, ...], bits: int) -> bool:
    """Tell whether an array of this shape can be held in so many bits: it has entries, and pairs of them for 4 bits."""
    return bool(shape) and math.prod(shape) > 0 and (bits == 8 or shape[-1] % 2 == 0)


@partial(jax.jit, static_argnames=("coding", "scales"))  # traced once for all arrays of a shape
def quantize(
    x: jax.Array, coding: Coding, seed: Any, scales: tuple[int, ...] | None = None, start: Any = 0
) -> LowBitArray:
    """Encode an array: at random it rounds by hash of (seed, start + index of an entry), unbiased between two levels.

    `scales` is the shape of the scales, `scale_shape` unless given. A block of zeros has the scale 0 and is decoded as
    zeros; what is not finite makes a block's scale not finite, and the decoded block too. It has no derivative.
    """
    scales = scale_shape(x.shape, coding.block) if scales is None else scales
    if x.size == 0:
        return LowBitArray(_packed(jnp.zeros(x.shape, jnp.uint8), coding.bits), jnp.zeros(scales, jnp.float32))
    levels = codebook(coding.code, coding.bits)
    blocks = _blocks(jax.lax.stop_gradient(x).astype(jnp.float32), scales)
    size, negative = jnp.max(jnp.abs(blocks), axis=-1, initial=0.0), ~(jnp.min(blocks, axis=-1, initial=0.0) >= 0)
    y = blocks / jnp.where(size > 0, size, 1.0)[..., None]
    signed = negative[..., None]
    place = jnp.where(signed, levels.place_signed(y), levels.place_unsigned(y))
    shift = _blocks(unit_uniform(seed, x.shape, start), scales) if coding.stochastic else 0.5
    codes = jnp.clip(jnp.floor(place + shift), 0, 2**coding.bits - 1)
    codes = jnp.where(~signed & (y > 0), jnp.maximum(codes, levels.least), codes).astype(jnp.uint8)
    return LowBitArray(_packed(_unblocked(codes, x.shape), coding.bits), jnp.where(negative, size, -size))


@partial(jax.jit, static_argnames="coding")
def dequantize(x: LowBitArray, coding: Coding) -> jax.Array:
    """Return the array f32 that is held."""
    shape = x.codes.shape if coding.bits == 8 else (*x.codes.shape[:-1], 2 * x.codes.shape[-1])
    if x.codes.size == 0:
        return jnp.zeros(shape, jnp.float32)
    levels = codebook(coding.code, coding.bits)
    table = jnp.asarray(np.concatenate([levels.signed, levels.unsigned]))
    codes = _blocks(_unpacked(x.codes, coding.bits).astype(jnp.int32), x.scale.shape)
    unsigned = jnp.signbit(x.scale)[..., None]
    found = table[codes + jnp.where(unsigned, len(levels.signed), 0)] * jnp.abs(x.scale)[..., None]
    return _unblocked(found, shape)


def _blocks(x: jax.Array, scales: tuple[int, ...]) -> jax.Array:
    """Return an array with an axis for its blocks and one within them; the last block is filled up with zeros."""
    lead, count = scales[:-1], scales[-1]
    entries = math.prod(x.shape[len(lead) :])
    width = -(-entries // count) if count else 0
    x = x.reshape(*lead, entries)
    if count * width > entries:
        x = jnp.pad(x, [(0, 0)] * len(lead) + [(0, count * width - entries)])
    return x.reshape(*lead, count, width)


def _unblocked(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Undo `_blocks`."""
    lead = x.shape[:-2]
    entries = math.prod(shape[len(lead) :])
    return x.reshape(*lead, x.shape[-2] * x.shape[-1])[..., :entries].reshape(shape)


def _packed(codes: jax.Array, bits: int) -> jax.Array:
    return codes if bits == 8 else codes[..., ::2] << 4 | codes[..., 1::2]


def _unpacked(codes: jax.Array, bits: int) -> jax.Array:
    if bits == 8:
        return codes
    return jnp.stack([codes >> 4, codes & 15], axis=-1).reshape(*codes.shape[:-1], 2 * codes.shape[-1])
