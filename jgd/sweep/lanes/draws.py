"""The batches of a segment, drawn on the host where that is as quick and a program of it would have to be compiled."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jgd.train.loop import USES, draws_batches
from jgd.train.task import Task, num_batches, num_examples

ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)
Key = tuple[np.ndarray, np.ndarray]  # the two words of a key, u32


def draws_on_host(platform: str) -> bool:
    """Tell whether `picked_rows` gives what `pick` does, on a machine whose host is the device."""
    config: Any = jax.config
    return platform == "cpu" and config.jax_threefry_partitionable


def host_pick(task: Task, seeds: Sequence[int], length: int, where: Any) -> tuple[Callable[..., Any], Any]:
    """Make a function `(seeds, start) -> picks` in place of a program, and the shape of its answer.

    `where` is the sharding that the answer gets.
    """

    def draw(_: Any, start: Any) -> jax.Array | None:
        rows = picked_rows(task, seeds, int(start), length)
        return None if rows is None else jax.device_put(rows, where)

    if not draws_batches(task):
        return draw, None
    return draw, jax.ShapeDtypeStruct((len(seeds), length, task.batch_size or 0), np.int32, sharding=where)


def picked_rows(task: Task, seeds: Sequence[int], start: int, length: int) -> np.ndarray | None:
    """Draw what `jgd.train.loop.pick` draws under each seed, i32[seeds, length, batch]; None for the full batch."""
    if not draws_batches(task):
        return None
    n, size, per_epoch = num_examples(task), task.batch_size or 0, num_batches(task)
    epochs, first = range(start // per_epoch, (start + length - 1) // per_epoch + 1), start % per_epoch

    def rows(seed: int) -> np.ndarray:
        orders = [_order(seed, epoch, n)[: per_epoch * size] for epoch in epochs]
        return np.concatenate(orders).reshape(-1, size)[first : first + length]

    return np.stack([rows(seed) for seed in seeds])


def _order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The permutation of an epoch, i32[n]."""
    key = _fold_in(_fold_in((np.uint32(0), np.uint32(seed)), USES.index("data")), epoch)
    high, low = threefry(key, np.zeros(n, np.uint32), np.arange(n, dtype=np.uint32))
    return np.argsort(high ^ low, kind="stable").astype(np.int32)


def _fold_in(key: Any, number: int) -> Key:
    return threefry(key, np.zeros(1, np.uint32), np.array([number], np.uint32))


def threefry(key: Any, high: np.ndarray, low: np.ndarray) -> Key:
    """Hash pairs of words with a key as `jax.random`'s threefry2x32 does (Salmon et al. 2011), 20 rounds."""
    words = key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)
    x, y = high + words[0], low + words[1]
    for i in range(5):
        for by in ROTATIONS[i % 2]:
            x = x + y
            y = (y << np.uint32(by) | y >> np.uint32(32 - by)) ^ x
        x, y = x + words[(i + 1) % 3], y + words[(i + 2) % 3] + np.uint32(i + 1)
    return x, y
