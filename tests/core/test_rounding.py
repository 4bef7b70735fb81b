"""Rounding to half precision at random and to nearest, and the split of float32 into bfloat16 and a remainder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.counter_hash import mixed, random_bits
from jgd.core.rounding import in_24_bits, remainder, rounded, upper_half, with_remainder

SEEDS = 2000
NARROW = pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])


def patterns():
    """Float32 of every upper half of the bits, with random lower halves and those at a tie: 393,216 numbers."""
    upper = np.arange(2**16, dtype=np.uint32) << 16
    lower = np.random.default_rng(0).integers(0, 2**16, 2**16, dtype=np.uint32)
    ties = [upper | np.uint32(x) for x in (0, 1, 0x7FFF, 0x8000, 0xFFFF)]
    return np.concatenate([upper | lower, *ties]).view(np.float32)


@NARROW
def test_at_random_means_and_variances_are_those_of_a_coin_and_neighbours_differ(dtype):
    x = jnp.array([1.0 + 2**-11, -3.1416, 1e-3, 2.0**-15 + 2.0**-26, 3e-7, -60000.7, 1.0, 0.0])
    wide = jnp.repeat(x, 2)
    make = jax.jit(jax.vmap(lambda t: rounded(wide, dtype, random_bits(mixed(t, 0, 3), wide.shape))))
    found = np.asarray(make(jnp.arange(SEEDS)), np.float64)
    np.testing.assert_array_equal(found, found.astype(dtype).astype(np.float64))
    low, high = found.min(0), found.max(0)
    odds = np.divide(np.asarray(wide) - low, high - low, out=np.zeros(16), where=high > low)
    gap = np.where(high > low, high - low, 1)
    error = (found - np.asarray(wide, np.float64)) / gap
    # Four standard errors of a mean, a variance and a correlation of 2,000 coins.
    assert np.all(np.abs(error.mean(0)) <= 4 * np.sqrt(odds * (1 - odds) / SEEDS) + 1e-6)
    assert np.all(np.abs(error.var(0) - odds * (1 - odds)) < 4 * 0.5 / np.sqrt(SEEDS))
    for i in range(0, 16, 2):
        if high[i] > low[i]:
            assert abs(np.corrcoef(error[:, i], error[:, i + 1])[0, 1]) < 4 / np.sqrt(SEEDS)
    np.testing.assert_array_equal(error[:, -4:], 0)  # 1 and 0 are numbers of the dtype


@NARROW
def test_to_nearest_it_is_the_cast_and_at_random_a_neighbour(dtype):
    x = patterns()
    with np.errstate(over="ignore", invalid="ignore"):
        cast = x.astype(dtype).astype(np.float32)
    near = np.asarray(rounded(jnp.asarray(x), dtype))
    normal = np.abs(x) > np.finfo(np.float32).tiny  # the device may flush what is smaller
    np.testing.assert_array_equal(near[normal], cast[normal])
    some = np.asarray(rounded(jnp.asarray(x), dtype, random_bits(mixed(1), x.shape)))
    finite = np.isfinite(x)
    assert np.all(np.isfinite(some[finite]))
    np.testing.assert_array_equal(some[~finite], x[~finite])
    inside = normal & finite & (np.abs(x) < float(jnp.finfo(dtype).max))
    x, some = x[inside], some[inside]
    unit = np.maximum(np.abs(x) * 2.0 ** -jnp.finfo(dtype).nmant, float(jnp.finfo(dtype).smallest_subnormal))
    assert np.all(np.abs(some - x) <= unit)


def test_the_split_is_exact_for_every_finite_number():
    x = jnp.asarray(patterns())
    top = upper_half(x)
    back = with_remainder(top.astype(jnp.bfloat16), remainder(x, top))
    finite = np.isfinite(x)
    np.testing.assert_array_equal(np.asarray(back).view(np.uint32)[finite], np.asarray(x).view(np.uint32)[finite])
    np.testing.assert_array_equal(np.isnan(back), np.isnan(x))
    np.testing.assert_array_equal(back[np.isinf(x)], x[np.isinf(x)])


def test_a_remainder_to_another_number_is_the_nearest_that_fits():
    x = jnp.array([1.0, 1.0, 1.0, -1.0, jnp.nan, 1e-38], jnp.float32)
    top = jnp.array([1.0078125, 2.0, -1.0, -1.0, 1.0, jnp.inf], jnp.float32)
    np.testing.assert_array_equal(remainder(x, top), [-0x8000, -0x8000, 0, 0, 0, -0x8000])


def test_in_24_bits_the_mean_is_kept():
    x = jnp.full(SEEDS, 1.0 + 2**-23 * 77)
    found = np.asarray(in_24_bits(x, random_bits(mixed(5), x.shape)), np.float64) - 1
    assert set(np.unique(found)) == {0.0, 2.0**-15}
    odds = 77 / 256
    assert abs(found.mean() * 2**15 - odds) < 4 * np.sqrt(odds * (1 - odds) / SEEDS)
    assert np.isinf(in_24_bits(jnp.array([jnp.inf]), jnp.ones(1, jnp.uint32)))[0]
