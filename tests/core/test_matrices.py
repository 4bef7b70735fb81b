"""Cuts: arrays as matrices and back."""

import itertools

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core.matrices import MatrixAxes, SplitAxes, cut

X = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
@pytest.mark.parametrize("split", [(0, 1), (1, 2), (0, 2), (2, 3)])
def test_a_cut_sorts_the_axes_and_its_inverse_puts_them_back(order, split):
    first, last = split
    batch, inputs, outputs = sorted(order[:first]), order[first:last], order[last:]
    one = cut("x", X.shape, MatrixAxes(inputs, outputs))
    matrices = one.matrices(jnp.asarray(X))
    sides = [int(np.prod([X.shape[a] for a in axes])) for axes in (inputs, outputs)]
    assert matrices.shape == (*(X.shape[a] for a in batch), *sides)
    np.testing.assert_array_equal(matrices, X.transpose(*batch, *inputs, *outputs).reshape(matrices.shape))
    np.testing.assert_array_equal(one.array(matrices), X)
    assert one.sizes == (int(np.prod([X.shape[a] for a in batch])), *sides)


def test_it_prints_as_inputs_by_outputs():
    assert str(cut("x", (64, 4, 16), MatrixAxes(0, (1, 2)))) == "64 x (4·16)"
    assert str(cut("x", (12, 64, 32), MatrixAxes(-1, -2))) == "12 of 32 x 64"


def test_the_axes_are_optax_s_as_well():
    axes = jgd.MatrixAxes(0, (1, 2))
    assert isinstance(axes, optax.contrib.MuonDimensionNumbers)
    assert eval(repr(axes), {"MatrixAxes": MatrixAxes}) == axes == optax.contrib.MuonDimensionNumbers(0, (1, 2))
    assert cut("x", (4, 2, 3), axes) == cut("x", (4, 2, 3), optax.contrib.MuonDimensionNumbers(-3, [1, -1]))


def test_a_split_cuts_matrices_side_by_side_and_joins_them():
    one = cut("x", X.shape, SplitAxes(1, (0, 3), (4, 1, 5)), splits=True)
    pieces = one.split(jnp.asarray(X))
    assert [x.shape for x in pieces] == one.pieces == [(4, 3, 4), (4, 3, 1), (4, 3, 5)]
    np.testing.assert_array_equal(one.joined(pieces), X)
    assert str(one) == "4 of 3 x (4 + 1 + 5)"
    assert cut("x", (6, 9), SplitAxes(0, 1, 3), splits=True).parts == (3, 3, 3)
    with pytest.raises(jgd.InputError, match="takes no split; declare MatrixAxes"):
        cut("x", (6, 9), SplitAxes(0, 1, 3))
