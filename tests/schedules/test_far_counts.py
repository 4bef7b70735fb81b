"""Counts beyond 2**24, where float32 is two steps wide: boundaries fall at their step, and inner clocks are whole."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd.schedules as js
from tests.schedules.schedule_rows import ROWS, each, make

FAR = [2**24 + 1, 2**30 + 128]  # the second is a float32, so that it is exact as a traced leaf too


@pytest.mark.parametrize("edge", FAR)
@pytest.mark.parametrize("traced", [False, True])
def test_boundaries_fall_at_their_very_step(edge, traced):
    if traced and float(np.float32(edge)) != edge:
        edge += 1  # a traced boundary is a float32
    counts = jnp.arange(edge - 3, edge + 4, dtype=jnp.int32)
    table = jnp.arange(8.0)
    schedules = {
        "constant": js.piecewise_constant_schedule(1.0, {edge: 0.5}),
        "join": js.join_schedules([js.constant_schedule(1.0), js.linear_schedule(0.0, 8.0, 8)], [edge]),
        "nested": js.join_schedules(
            [js.constant_schedule(9.0), js.join_schedules([js.constant_schedule(1.0), lambda t: table[t]], [1])],
            [edge - 2],
        ),
        "switch": js.switch_schedule([1.0, 0.25], [edge]),
        "linear": js.linear_schedule(1.0, 2.0, 4, transition_begin=edge),
        "jump": js.warmup_stable_decay_schedule(1.0, 0, edge, 0, end_value=2.0),
        "warmup": js.warmup_constant_schedule(0.5, 0.5, edge),
        "stairs": js.exponential_decay(1.0, 1, 0.5, transition_begin=edge, staircase=True),
        "interpolate": js.piecewise_interpolate_schedule("linear", 1.0, {edge: 1.0, edge + 4: 2.0}),
        "stable": js.warmup_stable_decay_schedule(1.0, edge - 4, 4, 4, 1.0, 0.0),
    }
    passed = np.arange(-3, 4)
    after = np.maximum(passed, 0)
    expected = {
        "constant": np.where(passed < 0, 1.0, 0.5),
        "join": np.where(passed < 0, 1.0, after),
        "nested": np.array([9, 1, 0, 1, 2, 3, 4]),
        "switch": np.where(passed < 0, 1.0, 0.25),
        "linear": 1 + after / 4,
        "jump": np.where(passed < 0, 1.0, 2.0),
        "warmup": np.full(7, 0.5),
        "stairs": 0.5**after,
        "interpolate": 1 + after / 4,
        "stable": 1 - after / 4,
    }
    for name, schedule in schedules.items():
        if traced and name in ("nested", "interpolate", "stable"):
            continue  # their other boundaries are no float32
        got = jax.jit(jax.vmap(lambda s, c: s(c), (None, 0)))(schedule, counts) if traced else schedule(counts)
        np.testing.assert_allclose(got, expected[name], rtol=1e-6, err_msg=name)  # exact but for fused products


@each(ROWS)
def test_a_far_phase_is_the_near_one(row):
    """Join a schedule after 2**24 + 1 steps: it does there as near 0, when a join starts it there."""
    edge, schedule = 2**24 + 1, make(row)
    joined = js.join_schedules([js.constant_schedule(7.0), schedule], [edge])
    near = np.arange(0, row.last + 1, 3)
    far = jnp.asarray(edge + near, jnp.int32)
    got = jax.jit(joined)(far)
    # The very same arithmetic on the very same counts, but for what XLA fuses.
    np.testing.assert_allclose(got, schedule(jnp.asarray(near)), rtol=1e-6, atol=1e-6)
    assert float(joined(edge - 1)) == 7.0


@each([row for row in ROWS if row.oracle is None])
def test_far_ends_are_optax_s(row):
    schedule, theirs = make(row), row.make(optax)
    for count in FAR:
        np.testing.assert_allclose(float(schedule(count)), float(theirs(count)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("count", [2**24 + 1, 2**24 + 3, 2**30 + 1, 2**31 - 2])
def test_long_schedules_are_the_rational_formula(count):
    """Within a few roundings of the result, which float32 holds to 6e-8 of the largest value."""
    steps = 2**31 - 1
    share = Fraction(count, steps)
    assert float(js.linear_schedule(1.0, 0.25, steps)(count)) == pytest.approx(float(1 - share * 3 / 4), rel=3e-7)
    root = float(js.inverse_sqrt_schedule(1.0, 100)(count))
    assert root == pytest.approx((100 / count) ** 0.5, rel=3e-7)
    # Cycles of one whole length go on for ever, in integers.
    for length in (7, 10_000):
        share = (count % length) / length
        value = float(js.cosine_restarts_schedule(1.0, length)(count))
        assert value == pytest.approx(0.5 * (1 + np.cos(np.pi * share)), abs=3e-7)


def test_counts_of_every_integer_type():
    schedule = js.piecewise_constant_schedule(1.0, {2**24 + 1: 0.5})
    for count in (2**24, np.int32(2**24), np.int64(2**24), np.uint32(2**24), jnp.uint32(2**24), np.array([2**24])):
        assert np.all(np.asarray(schedule(count)) == 1.0)
        assert np.all(np.asarray(schedule(count + 1)) == 0.5)
    assert float(schedule(2**40)) == 0.5
    assert float(js.inverse_sqrt_schedule(1.0, 1)(np.uint32(2**32 - 1))) < 3e-5
