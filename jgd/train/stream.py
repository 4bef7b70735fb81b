"""Batches from a factory of iterators, stacked a segment at a time, from any position."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.tree import name_of
from jgd.train.data import as_arrays, batches_of


class Position(NamedTuple):
    """The next batch of a stream: its epoch, and its number in it."""

    epoch: int
    index: int


class Feed:
    """Read `factory(epoch)` for epoch 0, 1, ... and knows where it is, so that a run can be resumed there."""

    def __init__(self, factory: Callable[[int], Any], position: Position) -> None:
        self._factory = factory
        self._first: Any = None
        self.position = position
        self._batches = self._open()

    def take(self, length: int) -> Any:
        """The next `length` batches, stacked along a new leading axis, across epochs where one ends."""
        batches = [self._next() for _ in range(length)]
        return jax.tree.map(lambda *x: (jnp if isinstance(x[0], jax.Array) else np).stack(x), *batches)

    def _open(self) -> Iterator[Any]:
        return itertools.islice(batches_of(self._factory, self.position.epoch), self.position.index, None)

    def _next(self) -> Any:
        batch = next(self._batches, None)
        epoch, index = self.position
        if batch is None and index == 0:
            raise InputError(
                f"Task(data): data({epoch}) yields nothing; return a fresh iterator with at least one batch for every "
                "epoch."
            )
        if batch is None:
            self.position = Position(epoch + 1, 0)
            self._batches = self._open()
            return self._next()
        batch = as_arrays(batch, f"Task(data): batch {index} of epoch {epoch}")
        self._check(batch)
        self.position = Position(epoch, index + 1)
        return batch

    def _check(self, batch: Any) -> None:
        """One program runs every step, so every batch has the structure, shapes and dtypes of the first."""
        first = self._first = batch if self._first is None else self._first
        place = f"Task(data): batch {self.position.index} of epoch {self.position.epoch}"
        if jax.tree.structure(batch) != jax.tree.structure(first):
            raise InputError(
                f"{place} is {jax.tree.structure(batch)}, but the first was {jax.tree.structure(first)}; yield batches "
                "of one structure."
            )
        rows = zip(jax.tree_util.tree_leaves_with_path(batch), jax.tree.leaves(first), strict=True)
        for (path, leaf), like in rows:
            found, expected = (f"{jnp.result_type(x)}{list(np.shape(x))}" for x in (leaf, like))
            if found != expected:
                raise InputError(
                    f"{place} has {found} at {name_of(path)}, but the first had {expected}; yield batches of one "
                    "shape, for example by dropping what is left over at the end of an epoch."
                )
