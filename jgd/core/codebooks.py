"""Codebooks: the levels that numbers up to 1 are stored as, and the place of a number among them."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Levels = np.ndarray
DECADES = 12  # of a second moment that the logarithmic code spans: six of its root
SLOPE_CHANGE = 1e-3  # relative, between neighbouring gaps of a codebook: below it is rounding


class Codebook(NamedTuple):
    """A code of numbers y, one for blocks of both signs and one for those without negative entries.

    `signed` and `unsigned` are the levels f32[2^bits] in the order of their codes. `place(y)` is where y lies among the
    levels: code k at level k, and linear in y between two of them, so that rounding it up or down at random is unbiased
    and rounding it to nearest is nearest. A number of an unsigned block that is not zero gets no code below `least`.
    """

    signed: Levels
    unsigned: Levels
    place_signed: Callable[[jax.Array], jax.Array]
    place_unsigned: Callable[[jax.Array], jax.Array]
    least: int


@functools.cache
def codebook(code: str, bits: int) -> Codebook:
    """Return the codebook of a code: "log", "dynamic" or "companded" with 8 bits, "log" or "dynamic" with 4.

    log         Signed: the dynamic levels without 1, divided by the largest, so that both signs end at 1. Unsigned:
                zero and 255 levels over 12 decades, each 11.5 % above the last, roots 5.6 %. With 4
                bits the signed levels have three decades, and the unsigned are (k / 16)^2 for k = 1...16, without zero.
    dynamic     (Dettmers et al. 2022, arXiv:2110.02861.) Decade i of seven is cut into 2^i equal parts, 2^(i+1) if
                unsigned, whose middles are levels, beside 0 and 1; -1 is none. With 4 bits three decades and the
                unsigned k / 16 for k = 1...16 (Li et al. 2023, arXiv:2309.01507).
    companded   (FlashOptim, arXiv:2602.23349.) Levels z / (2 - |z|) at z = k / 127, and unsigned (k / 255)^2.

    The published codes round a small second moment to zero, which makes a step of Adam wrong by 1e6: here `least`.
    """
    known = {
        ("log", 8): _log8,
        ("dynamic", 8): _dynamic8,
        ("companded", 8): _companded8,
        ("log", 4): _log4,
        ("dynamic", 4): _dynamic4,
    }
    return known[code, bits]()


def _log8() -> Codebook:
    middles = _middles(7, signed=True)
    positive = np.concatenate([[0.0], middles / middles[-1]])
    place = _by_lines(positive)
    step = DECADES * math.log2(10) / 254  # in powers of two
    unsigned = np.concatenate([[0.0], 2.0 ** (step * (np.arange(1, 256) - 255.0))])

    def place_unsigned(y: jax.Array) -> jax.Array:
        log = jnp.log2(jnp.where(y > 0, y, 1.0)) * jnp.float32(1 / step) + 255
        lower = jnp.floor(log)
        above = jnp.expm1((log - lower) * jnp.float32(step * math.log(2))) * jnp.float32(1 / (2**step - 1))
        return jnp.where(y > 0, jnp.maximum(lower + above, 1.0), y)

    signed = np.concatenate([[-1.0], -positive[:0:-1], positive])  # code 0 is spare
    return Codebook(_f32(signed), _f32(unsigned), lambda y: 128 + jnp.sign(y) * place(jnp.abs(y)), place_unsigned, 1)


def _dynamic8() -> Codebook:
    middles = _middles(7, signed=True)
    signed = np.concatenate([-middles[::-1], [0.0], middles, [1.0]])
    unsigned = np.concatenate([[0.0], _middles(7, signed=False), [1.0]])
    place, place_unsigned = _by_lines(signed[127:]), _by_lines(unsigned)

    def place_signed(y: jax.Array) -> jax.Array:
        return jnp.maximum(127 + jnp.sign(y) * place(jnp.abs(y)), 0.0)

    return Codebook(_f32(signed), _f32(unsigned), place_signed, place_unsigned, 1)


def _companded8() -> Codebook:
    def level(k: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
        return k / (254 - k)

    def place_signed(y: jax.Array) -> jax.Array:
        size = jnp.abs(y)
        lower = jnp.floor(254 * size / (1 + size))
        part = (size - level(lower)) / (level(lower + 1) - level(lower))
        return 128 + jnp.sign(y) * (lower + jnp.clip(part, 0, 1))

    def place_unsigned(y: jax.Array) -> jax.Array:
        lower = jnp.floor(255 * jnp.sqrt(y))
        return lower + jnp.clip((65025 * y - lower**2) / (2 * lower + 1), 0, 1)

    positive = np.asarray(level(np.arange(128.0)))
    signed = np.concatenate([[-1.0], -positive[:0:-1], positive])
    return Codebook(_f32(signed), _f32((np.arange(256) / 255) ** 2), place_signed, place_unsigned, 1)


def _log4() -> Codebook:
    middles = _middles(3, signed=True)
    positive = np.concatenate([[0.0], middles / middles[-1]])
    signed = np.concatenate([[-1.0], -positive[:0:-1], positive])
    return _of_few(signed, (np.arange(1, 17) / 16) ** 2)


def _dynamic4() -> Codebook:
    middles = _middles(3, signed=True)
    return _of_few(np.concatenate([-middles[::-1], [0.0], middles, [1.0]]), np.arange(1, 17) / 16)


def _of_few(signed: Levels, unsigned: Levels) -> Codebook:
    """Return a codebook of sixteen levels, among which places are found by comparing with all of them."""

    def place(levels: Levels) -> Callable[[jax.Array], jax.Array]:
        first = int(levels[0] == levels[1])  # a spare code
        known = _f32(levels[first:])

        def placed(y: jax.Array) -> jax.Array:
            found = jnp.full_like(y, first)
            for low, high in itertools.pairwise(known):
                found = found + jnp.clip((y - low) * jnp.float32(1 / (high - low)), 0, 1)
            return jnp.where(jnp.isnan(y), y, found)

        return placed

    return Codebook(_f32(signed), _f32(unsigned), place(signed), place(unsigned), 0)


def _middles(decades: int, *, signed: bool) -> Levels:
    """Make the dynamic code's levels between 0 and 1, in single precision as torchao and bitsandbytes do."""
    found = []
    for i in range(decades):
        parts = 2 ** (i + (not signed))
        k, low = np.arange(parts + 1), float(_f32(0.1))
        step = float((_f32(1) - _f32(0.1)) / _f32(parts))
        edges = _f32(np.where(k < (parts + 1) // 2, low + step * k, 1 - step * (parts - k)))
        middles = (edges[:-1] + edges[1:]) / _f32(2)
        found.append(_f32(10.0 ** (i - decades + 1)) * middles)
    return np.concatenate(found).astype(float)


def _by_lines(levels: Levels) -> Callable[[jax.Array], jax.Array]:
    """Give the place among levels that begin at zero, as the least of a few lines: gaps do not shrink but for the last.

    For the dynamic code it is fourteen multiplications and no search in a table.
    """
    slopes = 1 / np.diff(levels)
    lines = []
    for k, slope in enumerate(slopes):
        if not lines or abs(slope / lines[-1][0] - 1) > SLOPE_CHANGE:
            lines.append((slope, k - slope * levels[k]))
    last = lines.pop() if len(lines) > 1 and lines[-1][0] > lines[-2][0] else None

    def place(y: jax.Array) -> jax.Array:
        found = functools.reduce(jnp.minimum, [jnp.float32(a) * y + jnp.float32(b) for a, b in lines])
        return found if last is None else jnp.maximum(found, jnp.float32(last[0]) * y + jnp.float32(last[1]))

    return place


def _f32(x: object) -> np.ndarray:
    return np.asarray(x, np.float32)
