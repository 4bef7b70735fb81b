"""Arrays as blocks: small dimensions merged, long sides cut, and every block of one shape in one batch."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jgd.core.newton_schulz import hermitian_product
from jgd.core.shapes import Float
from jgd.core.types import Array


@dataclass(frozen=True)
class Piece:
    """The blocks of one shape in an array: along each axis where they begin, how long they are and how many."""

    starts: tuple[int, ...]
    shape: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of blocks."""
        return math.prod(self.counts)

    @property
    def stops(self) -> tuple[int, ...]:
        """Where they end along each axis."""
        return tuple(a + n * size for a, n, size in zip(self.starts, self.counts, self.shape, strict=True))


@dataclass(frozen=True)
class Blocks:
    """How an array of `shape` is cut: reshaped to `merged`, whose sides are cut at `block_size`."""

    shape: tuple[int, ...]
    merged: tuple[int, ...]
    pieces: tuple[Piece, ...]

    def split(self, x: jax.Array) -> list[jax.Array]:
        """Return `x` as f[count, *block] for each piece."""
        x = x.reshape(self.merged)
        found = []
        for piece in self.pieces:
            part = x[tuple(slice(a, b) for a, b in zip(piece.starts, piece.stops, strict=True))]
            found.append(part.reshape(_interleaved(piece)).transpose(_order(piece)).reshape(piece.count, *piece.shape))
        return found

    def join(self, blocks: Sequence[jax.Array]) -> jax.Array:
        """Undo `split`."""
        # Not written into zeros, which jaxlib 0.10 does wrongly where a block crosses from one device to another.
        parts = [self._part(piece, part) for piece, part in zip(self.pieces, blocks, strict=True)]
        if not parts:
            return jnp.zeros(self.shape, blocks[0].dtype if blocks else None)
        for axis in reversed(range(len(self.merged))):
            along = len({piece.starts[axis] for piece in self.pieces})
            parts = [jnp.concatenate(parts[i : i + along], axis) for i in range(0, len(parts), along)]
        return parts[0].reshape(self.shape)

    def _part(self, piece: Piece, blocks: jax.Array) -> jax.Array:
        order = _order(piece)
        spread = blocks.reshape(*piece.counts, *piece.shape)
        spread = spread.transpose(tuple(order.index(i) for i in range(len(order))))
        return spread.reshape(tuple(n * size for n, size in zip(piece.counts, piece.shape, strict=True)))


def blocks(shape: Sequence[int], block_size: int | None = None, merge: int | None = None) -> Blocks:
    """Cut an array of this shape.

    Neighbouring dimensions are merged while their product is at most `merge`, but never to fewer than two: a matrix
    stays one. Sides longer than `block_size` are cut into blocks of it and one shorter rest.
    """
    merged = tuple(shape) if merge is None else merged_dims(shape, merge)
    sides = [_side(n, block_size) for n in merged]
    pieces = tuple(Piece(*zip(*one, strict=True)) if one else Piece((), (), ()) for one in itertools.product(*sides))
    return Blocks(tuple(shape), merged, pieces if math.prod(shape) else ())


def merged_dims(shape: Sequence[int], limit: int) -> tuple[int, ...]:
    """Return the dimensions with neighbours merged from the left while their product is at most `limit`.

    1s are dropped.
    """
    found: list[int] = []
    rest = [n for n in shape if n != 1]
    while rest:
        n = rest.pop(0)
        # The last two stay apart.
        fits = found and found[-1] * n <= limit and len(found) + len(rest) > 1
        found[-1:] = [found[-1] * n] if fits else [*found[-1:], n]
    return tuple(found)


def gram(x: Float[Array, "..."], axis: int) -> Float[Array, "n n"]:
    """Compute X X' along one axis of real X, summed over the others."""
    rows = jnp.moveaxis(x, axis, 0)
    return hermitian_product(rows.reshape(len(rows), math.prod(rows.shape[1:])))


def rotated(
    x: Float[Array, "*sides"], bases: Sequence[Float[Array, "_ _"] | None], *, back: bool = False
) -> Float[Array, "*sides"]:
    """Return X in the bases of its axes, q' x along each of them; `back` undoes it; `None` leaves an axis alone."""
    for axis, q in enumerate(bases):
        if q is not None:
            x = jnp.moveaxis(jnp.tensordot(x, q, (axis, 1 if back else 0)), -1, axis)
    return x


def change_basis(
    x: Float[Array, "*sides"], axis: int, old: Float[Array, "n n"], new: Float[Array, "n n"]
) -> Float[Array, "*sides"]:
    """Return X, which is in an `old` basis of an axis, in a `new` one."""
    return rotated(x, [old.T @ new if i == axis else None for i in range(x.ndim)])


def _side(n: int, block_size: int | None) -> list[tuple[int, int, int]]:
    """Tell where blocks begin along a side of n, how long they are, how many."""
    if block_size is None or n <= block_size:
        return [(0, n, 1)]
    whole, rest = divmod(n, block_size)
    return [(0, block_size, whole)] + ([(whole * block_size, rest, 1)] if rest else [])


def _interleaved(piece: Piece) -> tuple[int, ...]:
    return tuple(itertools.chain.from_iterable(zip(piece.counts, piece.shape, strict=True)))


def _order(piece: Piece) -> tuple[int, ...]:
    """Return the axes that count blocks first."""
    rank = len(piece.shape)
    return (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
