"""Batches from a factory of iterators, stacked a segment at a time, from any position."""

import itertools
from collections import deque
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
    """Read `factory(epoch)` for epoch 0, 1, ... and know which batches were taken, so that a run can resume there."""

    def __init__(self, factory: Callable[[int], Any], position: Position) -> None:
        self._factory = factory
        self._first: Any = None
        self.position = self._reader = position  # of the next batch to take, and of the next to read
        self._ahead: deque[tuple[Any, Position]] = deque()  # batches that were read, with the position after each
        self._error: BaseException | None = None
        self._source, self._batches = self._open()

    def take(self, length: int) -> Any:
        """Return the next `length` batches, stacked along a new leading axis, across epochs where one ends."""
        if self._error is not None and len(self._ahead) < length:
            raise self._error
        self._read(length)
        batches, positions = zip(*(self._ahead.popleft() for _ in range(length)), strict=True)
        self.position = positions[-1]
        return jax.tree.map(lambda *x: (jnp if isinstance(x[0], jax.Array) else np).stack(x), *batches)

    def read_ahead(self, length: int) -> None:
        """Read what the next `take(length)` returns, while the device computes; that call raises what fails here."""
        try:
            self._read(length)
        except (Exception, KeyboardInterrupt) as error:
            self._error = error

    def close(self) -> None:
        """Close the iterator that is open, if it is a generator or can be closed as one."""
        getattr(self._source, "close", lambda: None)()

    def _read(self, length: int) -> None:
        while len(self._ahead) < length:
            self._ahead.append((self._next(), self._reader))

    def _open(self) -> tuple[Any, Iterator[Any]]:
        source = batches_of(self._factory, self._reader.epoch)
        return source, itertools.islice(source, self._reader.index, None)

    def _next(self) -> Any:
        batch = next(self._batches, None)
        epoch, index = self._reader
        if batch is None and index == 0:
            raise InputError(
                f"Task(data): data({epoch}) yields nothing; return a fresh iterator with at least one batch for every "
                "epoch."
            )
        if batch is None:
            self._reader = Position(epoch + 1, 0)
            self._source, self._batches = self._open()
            return self._next()
        batch = as_arrays(batch, f"Task(data): batch {index} of epoch {epoch}")
        self._check(batch)
        self._reader = Position(epoch, index + 1)
        return batch

    def _check(self, batch: Any) -> None:
        """Require of every batch, since one program runs every step, the structure, shapes and dtypes of the first."""
        first = self._first = batch if self._first is None else self._first
        place = f"Task(data): batch {self._reader.index} of epoch {self._reader.epoch}"
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
