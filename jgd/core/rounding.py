"""Rounding of float32 to half precision, to nearest or at random, and float32 as a bfloat16 and a remainder."""

from typing import Any

import jax
import jax.numpy as jnp

ALL = jnp.uint32(0xFFFFFFFF)
HALF = jnp.uint32(0x8000)  # half a unit in bfloat16's last place, among the bits of a float32
NARROW = ("bfloat16", "float16")


def is_narrow(x: Any) -> bool:
    """Tell whether an array, or its shape, is of bfloat16 or float16."""
    return jnp.result_type(x).name in NARROW


def rounded(x: jax.Array, dtype: Any, bits: jax.Array | None = None) -> jax.Array:
    """Round f32 to numbers of bfloat16 or float16, which stay f32: to nearest, ties to even, or at random by u32 bits.

    At random, x between neighbours a < b becomes b with probability (x - a) / (b - a), so that the mean is x: `bits`
    are added below the last place and the places below it are cut off; below float16's normal numbers, whose grid is
    even, it is a floor. What is not finite stays; what is finite becomes the largest number at most, where nearest
    gives an infinity. A cast forth and back would not do: XLA may leave the pair out.
    """
    info = jnp.finfo(dtype)
    drop = 23 - info.nmant
    raw, mask = _bits(x), jnp.uint32(2**drop - 1)
    added = (bits >> (32 - drop)) if bits is not None else jnp.uint32(2 ** (drop - 1) - 1) + ((raw >> drop) & 1)
    near = _number((raw + added) & (ALL ^ mask))
    if info.nexp < 8:
        step = float(info.smallest_subnormal)
        even = jnp.round(x / step) if bits is None else jnp.floor(x / step + (bits >> 8).astype(jnp.float32) * 2.0**-24)
        near = jnp.where(jnp.abs(x) < float(info.smallest_normal), even * step, near)
    most = float(info.max)
    beyond = jnp.copysign(jnp.float32(most if bits is not None else jnp.inf), x)
    return jnp.where(jnp.isfinite(x), jnp.where(jnp.abs(near) <= most, near, beyond), x)


def upper_half(x: jax.Array) -> jax.Array:
    """Round f32 to bfloat16, which stays f32, half up in modulus: the remainder fits into 16 bits and a sign.

    To even, a tie would leave 0x8000, which does not. Not finite numbers stay.
    """
    return jnp.where(jnp.isfinite(x), _number((_bits(x) + HALF) & jnp.uint32(0xFFFF0000)), x)


def remainder(x: jax.Array, top: jax.Array) -> jax.Array:
    """Return the bits of f32 x above those of `top`, i16: exact for `top = upper_half(x)`, else the nearest that fits.

    0 where the signs differ or a number is not finite.
    """
    a, b = _bits(x), _bits(top)
    gap = jax.lax.bitcast_convert_type(a - b, jnp.int32)
    fits = ((a ^ b) >> 31 == 0) & jnp.isfinite(x)
    return jnp.where(fits, jnp.clip(gap, -0x8000, 0x7FFF), 0).astype(jnp.int16)


def with_remainder(top: jax.Array, rest: jax.Array) -> jax.Array:
    """Return the f32 x of `top = upper_half(x)`, which may be a bfloat16, and `remainder(x, top)`, bit for bit."""
    return _number(_bits(top.astype(jnp.float32)) + rest.astype(jnp.int32).astype(jnp.uint32))


def in_24_bits(x: jax.Array, bits: jax.Array) -> jax.Array:
    """Round f32 at random to numbers whose last 8 bits are 0, by u32 bits; the mean is x."""
    near = _number((_bits(x) + (bits >> 24)) & jnp.uint32(0xFFFFFF00))
    return jnp.where(jnp.isfinite(near) & jnp.isfinite(x), near, x)


@jax.custom_jvp
def straight_through(x: jax.Array, value: jax.Array) -> jax.Array:
    """Return `value`, made of x by rounding, with the derivative of x."""
    return value


@straight_through.defjvp
def _straight_through_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    return primals[1], tangents[0]


def _bits(x: jax.Array) -> jax.Array:
    return jax.lax.bitcast_convert_type(jax.lax.stop_gradient(x), jnp.uint32)


def _number(bits: jax.Array) -> jax.Array:
    return jax.lax.bitcast_convert_type(bits, jnp.float32)
