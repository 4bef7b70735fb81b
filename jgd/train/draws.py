"""The batches of a segment, drawn on the host where that is as quick and a program of it would have to be compiled."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.threefry import Words, fold_in, threefry
from jgd.train.loop import USES, draws_batches
from jgd.train.task import Task, num_batches, num_examples

MOST_KEPT = 1 << 20  # rows of an epoch whose order is kept, in 4 bytes each


def draws_on_host(platform: str) -> bool:
    """Tell whether `picked_rows` gives what `pick` does, on a machine whose host is the device."""
    config: Any = jax.config
    return platform == "cpu" and config.jax_threefry_partitionable


def host_pick(task: Task, seeds: Sequence[int], length: int, where: Any) -> tuple[Callable[..., Any], Any]:
    """Make a function `(seeds, start) -> picks` in place of a program, and the shape of its answer.

    `where` is the sharding that the answer gets.
    """
    keys = [(0, int(seed)) for seed in seeds]

    def draw(_: Any, start: Any) -> jax.Array | None:
        rows = picked_rows(task, keys, int(start), length)
        return None if rows is None else jax.device_put(rows, where)

    if not draws_batches(task):
        return draw, None
    return draw, jax.ShapeDtypeStruct((len(seeds), length, task.batch_size or 0), np.int32, sharding=where)


def picked_rows(task: Task, keys: Iterable[Any], start: int, length: int) -> np.ndarray | None:
    """Draw what `jgd.train.loop.pick` draws under each key, i32[keys, length, batch]; None for the full batch.

    A key is the two words of a run's.
    """
    if not draws_batches(task):
        return None
    n, size, per_epoch = num_examples(task), task.batch_size or 0, num_batches(task)
    epochs, first = range(start // per_epoch, (start + length - 1) // per_epoch + 1), start % per_epoch

    def rows(key: Any) -> np.ndarray:
        of_data = fold_in((np.uint32(key[0]), np.uint32(key[1])), USES.index("data"))
        orders = [_order(fold_in(of_data, epoch), n)[: per_epoch * size] for epoch in epochs]
        return np.concatenate(orders).reshape(-1, size)[first : first + length]

    return np.stack([rows(key) for key in keys])


def _order(key: Words, n: int) -> np.ndarray:
    """Return the permutation of the epoch that has this key, i32[n]."""
    draw = _kept_order if n <= MOST_KEPT else _kept_order.__wrapped__
    return draw(int(key[0][0]), int(key[1][0]), n)


@functools.lru_cache(maxsize=8)
def _kept_order(first: int, second: int, n: int) -> np.ndarray:
    """Give the same by the key's words; the last ones are kept, as most segments are of the epoch of the one before."""
    high, low = threefry((np.uint32(first), np.uint32(second)), np.zeros(n, np.uint32), np.arange(n, dtype=np.uint32))
    return np.argsort(high ^ low, kind="stable").astype(np.int32)
