"""Arrays as matrices: which axes are inputs, outputs and a batch, and the cut of an array into f[batch, in, out]."""

import itertools
import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core.errors import InputError
from jgd.core.frozen import frozen, thaw
from jgd.core.leaves import prefix_mismatch
from jgd.core.tree import name_of
from jgd.core.types import Params


class MatrixAxes(optax.contrib.MuonDimensionNumbers):
    """Name the axes of an array that are a matrix's inputs and those that are its outputs; all others are a batch.

    `MatrixAxes(0, (1, 2))` cuts an attention kernel f[64, 4, 16] into one matrix of 64 x 64, `MatrixAxes(-2, -1)` a
    stack f[12, 64, 64] into twelve. It is an `optax.contrib.MuonDimensionNumbers`, and wherever one is taken so is
    the other.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"MatrixAxes({self.reduction_axis!r}, {self.output_axis!r})"


class SplitAxes(NamedTuple):
    """Name the axes of an array of several matrices side by side, such as a fused kernel of queries, keys and values.

    `SplitAxes(0, 1, (64, 16, 16))` cuts f[64, 96] into matrices of 64 x 64, 64 x 16 and 64 x 16, and
    `SplitAxes(0, 1, 3)` into three of 64 x 32. `sizes` counts outputs, in the order of the axes, which are as
    `MatrixAxes` has them.
    """

    reduction_axis: Any
    output_axis: Any
    sizes: Any


@dataclass(frozen=True)
class Cut:
    """An array's shape with its axes sorted into those of a batch, of inputs and of outputs, each counted from 0.

    `parts` are the numbers of outputs of the matrices that lie side by side, where there are several.
    """

    shape: tuple[int, ...]
    batch: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parts: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The number of matrices, of inputs and of outputs."""
        count, rows, columns = (math.prod(self._lengths(axes)) for axes in (self.batch, self.inputs, self.outputs))
        return count, rows, columns

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The lengths of the axes of the batch."""
        return self._lengths(self.batch)

    def matrices(self, x: jax.Array) -> jax.Array:
        """Return `x` as f[*batch, in, out]; what already is so passes unchanged."""
        x = x if self._is_sorted else x.transpose(self._order)
        return x.reshape(*self._lengths(self.batch), *self.sizes[1:])

    def array(self, matrices: jax.Array) -> jax.Array:
        """Undo `matrices`."""
        x = matrices.reshape(self._lengths(self._order))
        return x if self._is_sorted else x.transpose(tuple(self._order.index(i) for i in range(len(self.shape))))

    @property
    def pieces(self) -> "list[tuple[int, int, int]]":
        """The `sizes` of each of the matrices that lie side by side."""
        count, rows, columns = self.sizes
        return [(count, rows, part) for part in self.parts or (columns,)]

    def split(self, x: jax.Array) -> list[jax.Array]:
        """Return `x` as matrices f[number, in, out], one array for each of `pieces`."""
        whole = self.matrices(x).reshape(self.sizes)
        return jnp.split(whole, list(itertools.accumulate(self.parts[:-1])), axis=-1) if self.parts else [whole]

    def joined(self, pieces: list[jax.Array]) -> jax.Array:
        """Undo `split`."""
        return self.array(pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces, axis=-1))

    def __str__(self) -> str:
        """Write as in `64 x (4·16)`, inputs by outputs, `12 of 64 x 64` for a batch, `64 x (64 + 16)` for a split."""
        inputs, outputs = (self._product(axes) for axes in (self.inputs, self.outputs))
        outputs = f"({' + '.join(map(str, self.parts))})" if self.parts else outputs
        return f"{self.sizes[0]} of {inputs} x {outputs}" if self.batch else f"{inputs} x {outputs}"

    @property
    def _order(self) -> tuple[int, ...]:
        return self.batch + self.inputs + self.outputs

    @property
    def _is_sorted(self) -> bool:
        return self._order == tuple(range(len(self.shape)))

    def _lengths(self, axes: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in axes)

    def _product(self, axes: Sequence[int]) -> str:
        lengths = "·".join(map(str, self._lengths(axes)))
        return f"({lengths})" if len(axes) > 1 else lengths


def cut(place: str, shape: Sequence[int], axes: Any, *, splits: bool = False) -> Cut:
    """Tell how `axes` cut an array of this shape; `place` names the array in an error.

    Only `splits` admits `SplitAxes`.
    """
    rank = len(shape)
    inputs, outputs = (_axes(place, axes, rank, x) for x in (axes.reduction_axis, axes.output_axis))
    if len({*inputs, *outputs}) < len(inputs) + len(outputs) or not inputs or not outputs:
        raise InputError(
            f"{place} has shape {tuple(shape)} and {axes}: expected at least one axis of inputs and one of outputs, "
            "none of them twice; declare others."
        )
    batch = tuple(axis for axis in range(rank) if axis not in (*inputs, *outputs))
    one = Cut(tuple(shape), batch, inputs, outputs)
    if not isinstance(axes, SplitAxes):
        return one
    if not splits:
        raise InputError(f"{place} has {axes}: it takes no split; declare MatrixAxes(inputs, outputs).")
    return replace(one, parts=_parts(place, one.sizes[2], axes))


def _parts(place: str, outputs: int, axes: SplitAxes) -> tuple[int, ...]:
    """Return the outputs of each matrix of a split."""
    sizes = axes.sizes
    if isinstance(sizes, Sequence) and sizes and all(isinstance(x, numbers.Integral) and int(x) > 0 for x in sizes):
        if sum(sizes) == outputs:
            return tuple(map(int, sizes))
        problem = f"the sizes add up to {sum(sizes)}"
    elif isinstance(sizes, numbers.Integral) and int(sizes) > 0:
        if outputs % sizes == 0:
            return (outputs // int(sizes),) * int(sizes)
        problem = f"{sizes} does not divide them"
    else:
        problem = "expected sizes such as (64, 16, 16), or the number of equal parts"
    raise InputError(f"{place} has {outputs} outputs and {axes}: {problem}; declare others.")


def is_axes(x: Any) -> bool:
    """Tell whether `x` declares a leaf's axes, or that it is no matrix: `MatrixAxes`, optax's twin of it, or `None`."""
    return x is None or isinstance(x, optax.MaskedNode) or hasattr(x, "reduction_axis")


@dataclass(frozen=True)
class DeclaredAxes:
    """The axes of the leaves of one tree by their paths; they hold for a masked tree too, which lacks neighbours."""

    by_path: tuple[tuple[str, Any], ...]

    def of(self, params: Params) -> list[Any]:
        """Return the axes of each leaf, `None` for what is no matrix."""
        known = dict(self.by_path)
        return [known.get(jax.tree_util.keystr(path)) for path, _ in jax.tree_util.tree_leaves_with_path(params)]


def frozen_axes(declared: Any) -> Any:
    """Return a tree of axes as a hashable value; functions and `None` pass unchanged."""
    return declared if isinstance(declared, DeclaredAxes) else frozen(declared)


def declared_axes(place: str, declared: Any, params: Params) -> DeclaredAxes:
    """Return what a tree of axes, or a function that returns one, declares for each leaf of `params`.

    The tree is the parameters' or a prefix of it, with `None` for what is no matrix.
    """
    if isinstance(declared, DeclaredAxes):
        return declared
    if not jax.tree.leaves(params):  # an empty tree, or optax.tree_map_params, which asks with a placeholder
        return DeclaredAxes(())
    tree = thaw(declared, params)

    def spread_over(axes: Any, below: Params) -> list[_Leaf]:
        return [_Leaf(axes)] * len(jax.tree.leaves(below))

    try:
        spread = jax.tree.map(spread_over, tree, params, is_leaf=is_axes)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{place}: the tree of axes {tree!r} must have the parameters' structure {jax.tree.structure(params)} or "
            f"be a prefix of it: {prefix_mismatch(tree, params, is_axes) or str(error).splitlines()[0]}."
        ) from None
    rows = []
    for (path, _), leaf in zip(jax.tree_util.tree_leaves_with_path(params), jax.tree.leaves(spread), strict=True):
        if not isinstance(leaf, _Leaf) or not is_axes(leaf.axes):
            found = getattr(leaf, "axes", leaf)
            raise InputError(
                f"{place}: at {name_of(path)} the tree of axes has {found!r}, expected MatrixAxes(inputs, outputs), or "
                "None for what is no matrix."
            )
        rows.append((jax.tree_util.keystr(path), _hashable(leaf.axes)))
    return DeclaredAxes(tuple(rows))


def for_params(transform: Any, params: Params) -> Any:
    """Give `transform` with the axes of every matrix rule in it fixed for the whole `params`, before a mask hides some.

    A guess reads a leaf's neighbours, which a mask takes away. A matrix rule is a record with a method `for_params`.
    """

    def fix(node: Any) -> Any:
        return node.for_params(params) if _is_matrix_rule(node) else node

    return jax.tree.map(fix, transform, is_leaf=_is_matrix_rule)


@dataclass(frozen=True)
class _Leaf:
    """Keep a `None`, or axes that are tuples, whole in a tree."""

    axes: Any


def _hashable(axes: Any) -> MatrixAxes | SplitAxes | None:
    if not hasattr(axes, "reduction_axis"):
        return None
    split = isinstance(axes, SplitAxes)
    groups = axes if split else (axes.reduction_axis, axes.output_axis)
    kept = [tuple(group) if isinstance(group, Iterable) else group for group in groups]
    return SplitAxes(*kept) if split else MatrixAxes(*kept)


def _is_matrix_rule(node: Any) -> bool:
    return hasattr(type(node), "for_params")


def _axes(place: str, axes: Any, rank: int, chosen: Any) -> tuple[int, ...]:
    """Return one or several axes as numbers from 0."""
    several = tuple(chosen) if isinstance(chosen, Iterable) else (chosen,)
    for axis in several:
        if not isinstance(axis, numbers.Integral) or not -rank <= int(axis) < rank:
            raise InputError(f"{place} has {rank} axes and {axes}: there is no axis {axis!r}; declare others.")
    return tuple(int(axis) % rank for axis in several)
