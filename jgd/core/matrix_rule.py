"""Matrix rules: the mathematics of an optimizer on one matrix, lifted to all matrices of one shape at a time."""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.batches import batched, concatenated
from jgd.core.cost import Cost
from jgd.core.errors import InputError
from jgd.core.matrices import Cut, MatrixAxes, cut, declared_axes
from jgd.core.mesh import over_devices, without_mesh_types
from jgd.core.pair import abstracted, explained
from jgd.core.rule import Rule
from jgd.core.tree import (
    cast_like,
    check_fits,
    check_inexact,
    increment,
    map_unzip,
    name_of,
    tree_bytes,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, State, Updates


class MatrixRule(Rule):
    """Lift a rule on one matrix f[in, out] to trees; all matrices of one shape are one batch, compiled once.

    The record's field `weight_dimension_numbers` cuts leaves into matrices: a tree of `MatrixAxes`, or a function of
    the parameters that returns one; without it, or where it is `None`, a leaf is (..., in, out), its leading axes a
    batch. A leaf that is no matrix is refused; a complex one is turned without being conjugated.

    Two functions act on the entries of a leaf, as in a `Rule`: `slots(p)`, and `before(t, g, *slots)`, which returns
    what the matrices are cut from and the new slots, such as a momentum. Two act on one matrix: `matrix_slots(x)`, of
    which only the shape is read, and `step(t, x, *matrix_slots)`, which returns the update and the new matrix slots
    and may ask for `p`, the matrix of the parameters, and extra arguments after a `*`. `size(rows, columns)` is a
    factor of the update. A rule that treats both sides alike says `wide = True`: it gets every matrix with rows <=
    columns, so that a shape and its transpose are one batch.
    """

    entrywise: ClassVar[bool] = False
    wide: ClassVar[bool] = False

    def slots(self, p: Any) -> tuple[Any, ...]:
        """Make what is kept for the entries of one leaf: by default nothing."""
        return ()

    def before(self, t: Any, g: jax.Array, *slots: jax.Array) -> tuple[jax.Array, ...]:
        """Return what the matrices are cut from, and the new slots."""
        return (g, *slots)

    def matrix_slots(self, x: jax.ShapeDtypeStruct) -> tuple[Any, ...]:
        """Make what is kept for one matrix."""
        return ()

    def size(self, rows: int, columns: int) -> Any:
        """Return a factor of the update of a matrix of `rows` inputs and `columns` outputs."""
        return 1.0

    def length(self, rows: int, columns: int) -> Any:
        """Tell the spectral norm of such a matrix's update, whose factor apart from `size` is orthogonal by default."""
        return self.size(rows, columns)

    def acts_on(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a leaf of this shape holds matrices."""
        return len(shape) > 1

    def flops(self, rows: int, columns: int) -> float:
        """Return the operations of the products for one matrix."""
        return 0.0

    @abstracted
    def init(self, params: Params) -> State:
        """Return a counter at zero, the slots of each leaf, and those of its matrices behind the axes of its batch."""
        check_inexact(f"{type(self).__name__}.init", params)
        leaves, structure = jax.tree.flatten(params)
        rows = [(*self.slots(p), *self._matrix_slots(p, one)) for p, one in zip(leaves, self.cuts(params), strict=True)]
        columns = zip(*rows, strict=True) if rows else ((),) * len(self._names)
        return self._packed(zero_count(), [structure.unflatten(column) for column in columns])

    @explained
    @without_mesh_types
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of each matrix, and the next state."""
        place = f"{type(self).__name__}.update"
        count, slots = self._unpacked(state)
        t = None if count is None else increment(count)
        rule: MatrixRule = jax.tree.map(jnp.asarray, self)
        shared = rule.shared(t)
        reads, asked = self._asked(params, extra)
        cuts, leaves = self.cuts(grads), jax.tree.leaves(grads)
        own = len(jax.eval_shape(lambda: self.slots(jax.ShapeDtypeStruct((1, 1), jnp.float32))))

        # Widened here, so that a momentum is not rounded to half precision on its way to the matrices.
        wide = jax.tree.map(widen, grads)
        ready, *kept = map_unzip(functools.partial(rule.before, shared), wide, *slots[:own], place=place)
        structure = jax.tree.structure(grads)
        columns = [
            *([structure.flatten_up_to(params)] if reads else []),
            *fitting_columns(place, grads, cuts, slots[own:], self._matrix_slots),
        ]

        def step(context: Any, x: jax.Array, *rest: jax.Array) -> tuple[Any, ...]:
            rule, shared, asked = context
            row = rule.step(shared, x, *rest[1:], p=rest[0], **asked) if reads else rule.step(shared, x, *rest, **asked)
            return row if isinstance(row, tuple) else (row,)

        batches = _batches(cuts, [jax.tree.leaves(ready), *columns], 1 + reads)
        done = iter(_by_shape(step, (rule, shared, asked), batches, self.wide))
        pieces = [[next(done) for _ in one.pieces] for one in cuts]
        updates = [
            one.joined([rule.size(*size[1:]) * row[0] for size, row in zip(one.pieces, rows, strict=True)]).astype(
                jnp.result_type(g)
            )
            for one, rows, g in zip(cuts, pieces, leaves, strict=True)
        ]
        new = [
            structure.unflatten(
                [
                    _like(one, [row[1 + i] for row in rows], old)
                    for one, rows, old in zip(cuts, pieces, column, strict=True)
                ]
            )
            for i, column in enumerate(columns[reads:])
        ]
        return structure.unflatten(updates), self._packed(t, [*kept, *new])

    def cost(self, params: Params) -> Cost:
        """Count the state in and out, and the operations of the products for every matrix."""
        work = sum(count * self.flops(*sides) for one in self.cuts(params) for count, *sides in one.pieces)
        dtype = getattr(self, "ns_dtype", None) or jnp.result_type(jnp.float32, *jax.tree.leaves(params))
        return Cost(2 * tree_bytes(jax.eval_shape(self.init, params)), {jnp.dtype(dtype).name: float(work)})

    def for_params(self, params: Params) -> Any:
        """Return the same with the axes fixed that are declared for these parameters.

        See `jgd.core.matrices.for_params`.
        """
        declared = getattr(self, "weight_dimension_numbers", None)
        if declared is None:
            return self
        axes = declared_axes(type(self).__name__, declared, params)
        return dataclasses.replace(self, weight_dimension_numbers=axes)  # type: ignore[type-var]

    def cuts(self, params: Params) -> list[Cut]:
        """Tell how each leaf is cut into matrices."""
        rows = jax.tree_util.tree_leaves_with_path(params)
        axes: list[Any] = [MatrixAxes(-2, -1)] * len(rows)
        declared, place = getattr(self, "weight_dimension_numbers", None), type(self).__name__
        if declared is not None:
            axes = declared_axes(place, declared, params).of(params)
        return [_cut(place, path, leaf, x) for (path, leaf), x in zip(rows, axes, strict=True)]

    def _matrix_slots(self, p: Any, one: Cut) -> tuple[Any, ...]:
        """Return the slots of a leaf's matrices: arrays, or lists of an array for each of the matrices side by side."""
        made = [
            [
                _repeated(x, one)
                for x in self.matrix_slots(jax.ShapeDtypeStruct(size[1:], jnp.result_type(p, jnp.float32)))
            ]
            for size in one.pieces
        ]
        return tuple(map(list, zip(*made, strict=True))) if one.parts else tuple(made[0])


def fitting_columns(
    place: str, grads: Grads, cuts: Sequence[Any], slots: Sequence[State], make: Callable[[Any, Any], Any]
) -> list[list[Any]]:
    """Return the slots leaf by leaf, or the error of the first path where the gradient is not that of the state.

    `make(g, cut)` makes the slots of a leaf that is cut so, as a tuple.
    """
    columns = [check_fits(place, grads, tree, shaped=False) for tree in slots]
    known: dict[Any, Any] = {}
    for (path, g), one, *row in zip(jax.tree_util.tree_leaves_with_path(grads), cuts, *columns, strict=True):
        if row and one not in known:
            known[one] = jax.tree.map(jnp.shape, jax.eval_shape(functools.partial(make, g, one)))
        shapes = jax.tree.map(jnp.shape, tuple(row))
        if row and shapes != known[one]:
            raise InputError(
                f"{place}: the gradient at {name_of(path)} has shape {jnp.shape(g)}, but the state there has "
                f"{shapes}, not {known[one]}; pass what belongs to the parameters that init was called with."
            )
    return columns


def _batches(cuts: Sequence[Cut], columns: Sequence[Sequence[Any]], arrays: int) -> list[list[jax.Array]]:
    """Return a row for each array of matrices in a leaf: the cuts of the first `arrays` columns, then the slots."""
    found = []
    for one, *row in zip(cuts, *columns, strict=True):
        pieces = [one.split(widen(x)) for x in row[:arrays]]
        pieces += [[_flat(one, x) for x in (slot if one.parts else (slot,))] for slot in row[arrays:]]
        found += [list(piece) for piece in zip(*pieces, strict=True)]
    return found


def _repeated(x: Any, one: Cut) -> jax.Array:
    """Return a slot of one matrix, for each matrix of a leaf."""
    return jnp.broadcast_to(x, (*one.batch_shape, *jnp.shape(x)))


def _flat(one: Cut, x: jax.Array) -> jax.Array:
    """Return a slot of a leaf's matrices with one axis for the batch."""
    return widen(x).reshape(one.sizes[0], *x.shape[len(one.batch) :])


def _like(one: Cut, new: list[jax.Array], old: Any) -> Any:
    """Return the slots of a leaf's matrices, shaped and typed as they were."""
    olds = old if one.parts else [old]
    kept = [cast_like(x.reshape(o.shape), o) for x, o in zip(new, olds, strict=True)]
    return kept if one.parts else kept[0]


def _by_shape(
    step: Callable[..., tuple[Any, ...]], context: Any, batches: list[list[jax.Array]], wide: bool
) -> list[list[jax.Array]]:
    """Take `step(context, ...)` on every matrix; those whose rows of arrays have the same shapes are one batch."""

    def work(context: Any, first: Any, row: list[jax.Array]) -> Any:
        return batched(functools.partial(step, context), *row)

    groups: dict[Any, list[int]] = defaultdict(list)
    turned = [wide and row[0].shape[-2] > row[0].shape[-1] for row in batches]
    # A rule that takes matrices either way keeps nothing of a matrix's shape, so that only these are turned.
    ready = [[row[0].mT, *row[1:]] if turn else row for row, turn in zip(batches, turned, strict=True)]
    for i, row in enumerate(ready):
        groups[tuple((x.shape[1:], x.dtype) for x in row)].append(i)
    found: list[list[jax.Array]] = [[] for _ in batches]
    for members in groups.values():
        together = [concatenated(column) for column in zip(*(ready[i] for i in members), strict=True)]
        stops = np.cumsum([len(ready[i][0]) for i in members])[:-1]
        for result in over_devices(work, context, together, joined=len(members) > 1):
            for i, x in zip(members, jnp.split(result, stops), strict=True):
                found[i].append(x)
    return [[row[0].mT, *row[1:]] if turn else row for row, turn in zip(found, turned, strict=True)]


def _cut(place: str, path: Any, leaf: Any, axes: Any) -> Cut:
    """Tell how one leaf is cut, or raise the error that it is no matrix."""
    shape = jnp.shape(leaf)
    if len(shape) < 2:
        raise InputError(
            f"{place}.init: the leaf at {name_of(path)} is {jnp.result_type(leaf)}{list(shape)}, "
            "expected a matrix (..., in, out); use jgd.muon or the like, which give other leaves to AdamW."
        )
    if axes is None and len(shape) > 2:
        raise InputError(
            f"{place}: the leaf at {name_of(path)} has shape {shape} and no axes declared; declare them as "
            "MatrixAxes(inputs, outputs) in weight_dimension_numbers."
        )
    axes = MatrixAxes(-2, -1) if axes is None else axes
    return cut(f"{place}: the leaf at {name_of(path)}", shape, axes, splits=True)
