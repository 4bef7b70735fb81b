"""Curves that grow: what was appended, in order, at a cost that does not depend on their length."""

import numpy as np

from jgd.train.curves import Curves


def test_rows_come_back_in_order():
    curves, expected = Curves(), []
    for i in range(300):
        block = np.arange(i % 7, dtype=np.float32) + i
        curves.append({"loss": block, "n": block.astype(np.int32)})
        expected.append(block)
    whole = np.concatenate(expected)
    assert curves.length == len(whole)
    np.testing.assert_array_equal(curves.rows()["loss"], whole)
    np.testing.assert_array_equal(curves.rows(100)["n"], whole[100:])
    assert (curves.rows()["loss"].dtype, curves.rows()["n"].dtype) == (np.float32, np.int32)
    assert curves.last() == {"loss": whole[-1], "n": whole[-1]}


def test_columns_that_begin_or_end_on_the_way_hold_nan_elsewhere():
    curves = Curves({"a": np.array([1, 2])})
    curves.append({"b": np.array([3.0])})
    rows = curves.rows()
    np.testing.assert_array_equal(rows["a"], [1, 2, np.nan])
    np.testing.assert_array_equal(rows["b"], [np.nan, np.nan, 3])


def test_appending_seldom_moves_what_is_there():
    curves, homes = Curves({"loss": np.zeros(100)}), set()
    for _ in range(1000):
        curves.append({"loss": np.zeros(100)})
        homes.add(curves.rows()["loss"].ctypes.data)
    assert len(homes) <= 8  # it doubles from 1024 rows to 131072
