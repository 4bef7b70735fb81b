"""Codes of few bits: the published ones bit for bit, and what holds of every code."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core import quantized
from jgd.core.codebooks import codebook
from jgd.core.counter_hash import mixed, unit_uniform
from jgd.core.quantized import Coding, scale_shape

RECORDED = np.load(pathlib.Path(__file__).parent.parent / "oracles" / "low_bit" / "codes.npz")
CODES = [("log", 8), ("dynamic", 8), ("companded", 8), ("log", 4), ("dynamic", 4)]
EACH = pytest.mark.parametrize(("code", "bits"), CODES)
quantize, dequantize = jax.jit(quantized.quantize, static_argnums=1), jax.jit(quantized.dequantize, static_argnums=1)
RNG = np.random.default_rng(0)
MIXED = (RNG.normal(size=(4, 256)) * np.exp(RNG.normal(size=(4, 256)))).astype(np.float32)


def coding(code, bits, *, stochastic=False, block=128):
    return Coding(bits, block, code, stochastic)


@pytest.mark.parametrize("signs", ["signed", "unsigned"])
def test_the_dynamic_code_is_torchao_s_and_bitsandbytes_bit_for_bit(signs):
    levels = getattr(codebook("dynamic", 8), signs)
    np.testing.assert_array_equal(levels, RECORDED[f"{signs}_torchao"])
    np.testing.assert_array_equal(levels, RECORDED[f"{signs}_bitsandbytes"])
    x = RECORDED[f"{signs}_x"]
    found = quantize(jnp.asarray(x), coding("dynamic", 8, block=256), 0)
    theirs = RECORDED[f"{signs}_codes"].astype(int)
    # But that a second moment which is not zero never gets the code of zero.
    theirs = np.where((x > 0) & (theirs == 0), 1, theirs) if signs == "unsigned" else theirs
    scales = RECORDED[f"{signs}_scales"]
    normal = scales > np.float32(1e-12)  # which is the least scale of theirs
    assert normal.sum() > 12
    np.testing.assert_array_equal(np.asarray(found.codes)[normal], theirs[normal])
    np.testing.assert_array_equal(np.abs(found.scale[:, 0])[normal], scales[normal])


@EACH
def test_what_is_decoded_is_within_half_a_gap_and_encoded_again_is_the_same(code, bits):
    how = coding(code, bits)
    for x, levels in ((MIXED, codebook(code, bits).signed), (MIXED**2, codebook(code, bits).unsigned)):
        held = quantize(jnp.asarray(x), how, 0)
        back = dequantize(held, how)
        top = np.abs(x).reshape(4, 2, 128).max(-1)[..., None]
        y, z = x.reshape(4, 2, 128) / top, np.asarray(back).reshape(4, 2, 128) / top
        nearest = np.abs(y[..., None] - levels).min(-1)
        # Places are found in float32 up to 255, so that a tie may go either way by 1e-5 of a gap.
        least = levels[codebook(code, bits).least] * (levels[0] >= 0)
        assert np.all(np.abs(y - z) <= np.maximum(nearest + 1e-6, least))
        if not (code == "dynamic" and np.min(x) < 0):  # -1 is none of its levels, so that a scale may change
            again = quantize(back, how, 0)
            np.testing.assert_array_equal(again.codes, held.codes)


@EACH
def test_a_block_times_a_power_of_two_has_the_same_codes_and_zeros_stay_zeros(code, bits):
    how = coding(code, bits)
    held, larger = (quantize(k * jnp.asarray(MIXED), how, 0) for k in (1.0, 2.0**20))
    np.testing.assert_array_equal(held.codes, larger.codes)
    np.testing.assert_array_equal(held.scale * 2.0**20, larger.scale)
    empty = dequantize(quantize(jnp.zeros((2, 256)), how, 0), how)
    np.testing.assert_array_equal(empty, 0.0)


@EACH
def test_no_second_moment_becomes_zero_and_what_is_not_finite_stays_so(code, bits):
    how = coding(code, bits, block=64)
    v = jnp.asarray(10.0 ** RNG.uniform(-30, 0, size=(8, 64)), jnp.float32)
    assert jnp.all(dequantize(quantize(v, how, 0), how) > 0)
    for bad in (jnp.nan, jnp.inf):
        back = dequantize(quantize(v.at[3, 5].set(bad), how, 0), how)
        assert not jnp.any(jnp.isfinite(back[3]))
        assert jnp.all(jnp.isfinite(back[:3]))


def test_a_root_is_off_by_three_percent_at_most_over_six_decades():
    how = coding("log", 8, block=256)
    v = jnp.asarray(10.0 ** RNG.uniform(-12, 0, size=(16, 256)), jnp.float32).at[:, 0].set(1.0)
    error = jnp.abs(jnp.sqrt(dequantize(quantize(v, how, 0), how) / v) - 1)
    assert error.max() < 0.029  # half of 10^(6/254) - 1, measured from the lower level


@pytest.mark.parametrize("shape", [(5, 300), (3, 3, 5, 64), (257,), (64, 4, 16), (6,)])
def test_codes_have_the_array_s_shape_and_blocks_lie_along_the_last_axis(shape):
    x = jnp.asarray(RNG.normal(size=shape), jnp.float32)
    how = coding("log", 8, block=256)
    held = quantize(x, how, 0)
    assert held.codes.shape == shape
    assert held.scale.shape == scale_shape(shape, 256)
    # Half of the largest gap is 0.0071.
    np.testing.assert_allclose(dequantize(held, how), x, atol=0.0072 * float(jnp.abs(x).max()))
    if len(shape) > 1:  # rows are apart from each other
        np.testing.assert_array_equal(quantize(x[::-1], how, 0).codes[::-1], held.codes)


@EACH
def test_rounding_at_random_is_unbiased(code, bits):
    """The mean over 2000 seeds, in units of its standard error, for numbers between the levels of both books."""
    how = coding(code, bits, stochastic=True)
    x = jnp.asarray(MIXED[:1, :128]).at[0, 0].set(9.0)
    for y in (x, x**2):
        seeds = jax.vmap(lambda i: mixed(i, 3))(jnp.arange(2000))
        back = jax.jit(jax.vmap(lambda s, y=y: dequantize(quantize(y, how, s), how)))(seeds)
        low, high = back.min(0), back.max(0)
        inside = np.asarray((low < y) & (y < high))  # beyond the last level there is nothing to round to
        z = np.asarray((back.mean(0) - y) / (back.std(0) / np.sqrt(2000) + 1e-30))[inside]
        assert np.abs(z).max() < 4.5  # of a hundred normal numbers, one in a thousand tests
        assert abs(z.mean()) < 4 / np.sqrt(z.size)
        share = np.asarray((y - low) / (high - low))[inside]
        spread = np.asarray(back.var(0) / (high - low) ** 2)[inside]
        np.testing.assert_allclose(spread, share * (1 - share), atol=0.03)  # three standard errors at a half


def test_hashed_bits_are_uniform_and_independent_of_neighbours():
    u = np.asarray(jax.vmap(lambda i: unit_uniform(mixed(i, 7), (64,)))(jnp.arange(2000)))
    n = u.size
    assert abs(u.mean() - 0.5) < 4 * np.sqrt(1 / 12 / n)
    assert abs(u.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / n)
    for a, b in ((u[:, 1:], u[:, :-1]), (u[1:], u[:-1])):  # entries, and steps
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.012  # four standard errors
    np.testing.assert_array_equal(unit_uniform(mixed(3), (5,), 10), unit_uniform(mixed(3), (3, 5))[2])


@pytest.mark.parametrize(("stochastic", "low", "high"), [(True, 0.7, 1.4), (False, 3.0, 9.0)])
def test_a_second_moment_follows_gradients_that_shrink_only_if_rounded_at_random(stochastic, low, high):
    """Half of each block's gradients fall to a tenth: sqrt(v kept / v true) after 4000 steps of decay 0.999."""
    how = coding("log", 8, stochastic=stochastic, block=256)
    shape = (2, 256)
    size = jnp.where(jnp.arange(256) % 2, 0.1, 1.0)[None]

    def step(carry, t):
        held, true = carry
        g = jnp.where(t < 2000, jnp.ones((1, 1)), size) * jnp.sqrt(-2 * jnp.log(1 - unit_uniform(mixed(t, 1), shape)))
        new = 0.999 * dequantize(held, how) + 0.001 * g**2
        return (quantize(new, how, mixed(t, 2)), 0.999 * true + 0.001 * g**2), None

    start = quantize(jnp.zeros(shape), how, 0), jnp.zeros(shape)
    held, true = jax.jit(lambda: jax.lax.scan(step, start, jnp.arange(6000))[0])()
    ratio = np.median(np.sqrt(dequantize(held, how) / true)[:, 1::2])
    assert low < ratio < high
