"""The curves' sides: who is timed at a size, and what does not fit into memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from bench.scaling import at_count, at_size, checked, fits
from bench.steps import on_one_place, same
from bench.updates import against_optax

PAIR = jgd.adamw(1e-3), optax.adamw(1e-3)


def shape(size):
    """Return a leaf of so many numbers."""
    return jax.ShapeDtypeStruct((size,), jnp.float32)


def test_what_is_larger_than_the_memory_is_left_out():
    assert fits(PAIR[0], shape(10**4))
    assert not fits(PAIR[0], shape(10**12))


def test_small_steps_have_one_more_side_and_what_is_compared_has_ratios():
    rows = {row["side"]: row for row in at_size("adamw", checked("adamw"), shape(1000), blocks=2)}
    assert list(rows) == ["copy", "jgd", "optax", "jgd, an argument"]
    assert [side for side, row in rows.items() if "ratio" in row] == ["optax", "jgd, an argument"]
    ours = rows["jgd"]
    assert ours["GB_per_second"] == pytest.approx(28 * 1000 / ours["seconds"] / 1e9, rel=0.01)  # and the counter


def test_leaves_are_stacked_or_not(monkeypatch):
    monkeypatch.setattr("bench.scaling.find_spec", lambda name: None)
    rows = {row["side"]: row for row in at_count(4)}
    assert list(rows) == ["jgd, stacked", "jgd", "optax"]
    assert all(row["leaves"] == 4 and row["compile_seconds"] > 0 for row in rows.values())


def test_both_walk_on_in_one_place():
    sides = on_one_place(PAIR, shape(64))
    first = sides["jgd"].run(1)[0]
    start = np.asarray(first).copy()
    second = sides["optax"].run(1)[0]
    assert first.is_deleted()  # its memory is the other's now
    np.testing.assert_allclose(np.abs(np.asarray(second) - start), 1e-3, rtol=1e-2)  # Adam's step, for equal gradients


def test_optimizers_that_differ_are_refused():
    with pytest.raises(AssertionError, match="adam: jgd and optax compute different parameters"):
        same("adam", (jgd.adam(1e-3), optax.adam(2e-3)))


def test_one_program_is_not_timed_against_itself():
    row = against_optax("sgd", (jgd.sgd(1e-3), optax.sgd(1e-3)), shape(1 << 12))
    assert row["program"] == "the same"
    assert "ratio" not in row
    assert row["bytes_each"] == row["optax_bytes_each"] >= 12
