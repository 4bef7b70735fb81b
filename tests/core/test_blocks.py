"""Arrays cut into blocks and put together again, and symmetric matrices in half of their bytes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jgd.core.blocks import blocks, change_basis, gram, merged_dims, rotated
from jgd.core.eigen import eigh, inverse_root, newton_inverse_root, qr_factor
from jgd.core.symmetric import fold, folded_shape, unfold

SHAPES = [(), (5,), (0, 3), (4, 5), (1, 6, 1), (3, 2, 2, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("merge", [None, 6])
def test_joining_undoes_splitting_and_no_entry_is_lost(shape, size, merge):
    x = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    cut = blocks(shape, size, merge)
    parts = cut.split(jnp.asarray(x))
    assert [part.shape for part in parts] == [(piece.count, *piece.shape) for piece in cut.pieces]
    assert all(side <= (size or 10**9) for piece in cut.pieces for side in piece.shape)
    assert sorted(np.concatenate([np.ravel(part) for part in parts] or [[]])) == sorted(np.ravel(x))
    if parts:
        np.testing.assert_array_equal(cut.join(parts), x)


def test_a_block_is_a_neighbourhood():
    x = jnp.arange(24.0).reshape(4, 6)
    whole, rest = blocks((4, 6), 4).split(x)
    np.testing.assert_array_equal(whole, x[None, :, :4])
    np.testing.assert_array_equal(rest, x[None, :, 4:])
    np.testing.assert_array_equal(blocks((4, 6), 2).split(x)[0][4], x[2:4, 2:4])


@pytest.mark.parametrize(
    ("shape", "merged"),
    [
        ((3, 3, 64, 128), (9, 64, 128)),
        ((3, 3, 8, 8), (72, 8)),
        ((4, 4), (4, 4)),
        ((1, 5, 1), (5,)),
        ((1, 1), ()),
        ((2, 300, 3), (2, 300, 3)),
        ((128, 2, 3), (128, 6)),
    ],
)
def test_small_neighbouring_dimensions_are_merged_but_a_matrix_stays_one(shape, merged):
    assert merged_dims(shape, 100) == merged


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 7])
def test_a_folded_matrix_is_its_triangle_and_unfolds_to_itself(n):
    x = np.random.default_rng(n).normal(size=(n, n))
    x = x + x.T
    folded = fold(jnp.asarray(x))
    assert folded.shape == folded_shape(n)
    assert folded.size == n * (n + 1) // 2
    np.testing.assert_array_equal(unfold(folded), jnp.asarray(x))


@pytest.mark.parametrize("root", [inverse_root, newton_inverse_root])
@pytest.mark.parametrize("p", [2, 4, 6])
def test_roots_are_roots_however_conditioned(root, p, x64):
    q = np.linalg.qr(np.random.default_rng(p).normal(size=(6, 6)))[0]
    for condition in (1.0, 1e3, 1e8):
        x = jnp.asarray(q * np.geomspace(1.0, 1 / condition, 6) @ q.T)
        found = jax.jit(root, static_argnums=1)(x, p)
        np.testing.assert_allclose(jnp.linalg.matrix_power(found, p) @ x, np.eye(6), atol=1e-14 * condition + 1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: inverse_root(x, 4),
        lambda x: newton_inverse_root(x, 4),
        lambda x: jnp.abs(qr_factor(x)),
        lambda x: jnp.abs(eigh(x)[1]),
        lambda x: eigh(x)[0],
    ],
    ids=["root", "newton", "orthogonal", "vectors", "values"],
)
def test_slopes_agree_with_differences_and_are_finite_at_zero_and_at_multiples_of_the_identity(function, x64):
    x, move = np.random.default_rng(0).normal(size=(2, 4, 4))
    x, move = jnp.asarray(x @ x.T + np.eye(4)), jnp.asarray(move + move.T)
    slope = jax.jvp(function, (x,), (move,))[1]
    np.testing.assert_allclose(slope, (function(x + 1e-6 * move) - function(x - 1e-6 * move)) / 2e-6, atol=1e-7)
    for start in (jnp.zeros((4, 4)), jnp.eye(4)):
        total = jax.jit(jax.grad(lambda s, start=start: jnp.sum(jnp.sin(function(start + s * move)))))
        assert jnp.isfinite(total(0.0))


def test_blocks_that_cross_from_one_device_to_another_are_put_together_rightly():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:2])
    rows = NamedSharding(mesh, PartitionSpec("data"))
    cut, x = blocks((4, 6), 3), jnp.arange(24.0).reshape(4, 6)
    found = jax.jit(lambda x: cut.join(cut.split(x)), out_shardings=rows)(jax.device_put(x, rows))
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("shape", [(131, 3), (2, 130, 2), (0, 3), (3,)])
def test_a_product_along_an_axis_is_numpys(shape):
    """From 128 rows on a CPU takes it by blocks."""
    x = np.random.default_rng(0).standard_normal(shape)
    for axis, n in enumerate(shape):
        rows = np.moveaxis(x, axis, 0).reshape(n, x.size // n if n else 0)
        # Sums of at most 4 products of numbers of size 4, in float32.
        np.testing.assert_allclose(gram(jnp.asarray(x, jnp.float32), axis), rows @ rows.T, atol=1e-4)


def test_an_array_in_another_basis_is_the_same_array():
    rng = np.random.default_rng(0)
    x, old, new = rng.standard_normal((3, 4, 2)), *(np.linalg.qr(rng.standard_normal((2, 4, 4)))[0])
    x, old, new = (jnp.asarray(a, jnp.float32) for a in (x, old, new))
    found = change_basis(rotated(x, [None, old, None]), 1, old, new)
    # Three products of 4 numbers each.
    np.testing.assert_allclose(found, rotated(x, [None, new, None]), atol=1e-5)
