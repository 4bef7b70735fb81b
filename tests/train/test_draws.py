"""Batches drawn on the host: the very rows that a program draws."""

import jax
import numpy as np
import pytest

from jgd.train.draws import picked_rows
from jgd.train.loop import pick, root_key
from tests.train import problems


@pytest.mark.parametrize(("start", "length", "size"), [(0, 3, 2), (3, 9, 4), (5, 1, 5)])
def test_host_draws_the_rows_of_the_program(start: int, length: int, size: int) -> None:
    task = problems.task(size)
    seeds = [0, 7, 2**32 - 1, 5 * 2**32 + 3]
    found = picked_rows(task, [divmod(seed, 2**32) for seed in seeds], start, length)
    assert found is not None
    assert found.shape == (4, length, size)
    for seed, rows in zip(seeds, found, strict=True):
        wanted = pick(task, root_key(seed), np.int32(start), length)
        np.testing.assert_array_equal(rows, wanted)


def test_full_batch_draws_nothing() -> None:
    task = problems.task(None)
    assert picked_rows(task, [(0, 0)], 0, 3) is None
    assert jax.eval_shape(lambda: pick(task, root_key(0), 0, 3)) is None
