"""Batches: what is put together comes apart again, also in lanes and derivatives, without a constant place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.batches import concatenated, parted, seldom_batched

COUNTS = (1, 3, 1, 2)
PARTS = [{"x": jnp.arange(n * 4.0).reshape(n, 2, 2) + 10 * i, "y": jnp.arange(n) + i} for i, n in enumerate(COUNTS)]
WHOLE = jax.tree.map(lambda *rows: concatenated(rows), *PARTS)
LANES = jax.tree.map(lambda x: jnp.stack([x, x + 1]), WHOLE)


@pytest.mark.parametrize("over", ["batches", "steps", "both"])
def test_parts_are_what_was_put_together(over):
    axes = {"batches": (0, None), "steps": (None, 0), "both": (0, 0)}[over]
    whole, t = (LANES if axes[0] == 0 else WHOLE), (jnp.array([1, 7]) if axes[1] == 0 else jnp.int32(1))
    found = jax.jit(jax.vmap(lambda whole, t: parted(whole, COUNTS, t), in_axes=axes))(whole, t)
    for part, known in zip(found, PARTS, strict=True):
        second = jax.tree.map(lambda y: y + (axes[0] == 0), known)
        jax.tree.map(np.testing.assert_array_equal, part, jax.tree.map(lambda *y: jnp.stack(y), known, second))


def test_slopes_go_where_the_values_came_from():
    def total(x):
        return sum(i * jnp.sum(part) for i, part in enumerate(parted(x, COUNTS, jnp.int32(1))))

    slopes = jax.jit(jax.grad(total))(WHOLE["x"])
    np.testing.assert_array_equal(slopes[:, 0, 0], np.repeat(range(4), COUNTS))


def test_equal_parts_are_equal_kernels_on_a_cpu():
    """Slices at places that the program knows would each be compiled."""
    text = jax.jit(lambda x, t: parted(x, [1] * 8, t)).lower(jnp.ones((8, 2, 2)), jnp.int32(1)).as_text()
    assert text.count("stablehlo.dynamic_slice") == 8
    assert "stablehlo.slice" not in text


def test_rare_work_on_a_large_batch_is_done_one_by_one_on_a_cpu_alone(monkeypatch):
    x = jnp.arange(12.0).reshape(3, 2, 2)
    lowered = jax.jit(lambda x: seldom_batched(lambda one: one @ one, x))
    assert "stablehlo.while" not in lowered.lower(x).as_text()
    monkeypatch.setattr("jgd.core.batches.SMALL_BYTES", x.nbytes - 1)
    monkeypatch.setattr("jgd.core.batches.CACHE_BYTES", x.nbytes // 3)
    lowered = jax.jit(lambda x: seldom_batched(lambda one: one @ one, x))
    assert "stablehlo.while" in lowered.lower(x).as_text()
    assert "stablehlo.while" not in lowered.trace(x).lower(lowering_platforms=("cuda",)).as_text()
    np.testing.assert_array_equal(lowered(x), x @ x)  # small whole numbers
