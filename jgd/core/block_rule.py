"""Block rules: the mathematics of an optimizer on one block of an array, lifted to all blocks of a shape at a time."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.batches import batched, concatenated, in_any_lane, parted, seldom_batched
from jgd.core.blocks import Blocks, blocks
from jgd.core.leaves import check_real
from jgd.core.matrix_rule import fitting_columns
from jgd.core.mesh import over_devices, without_mesh_types
from jgd.core.pair import abstracted, explained
from jgd.core.refresh import Turns, renewed
from jgd.core.rule import Rule
from jgd.core.tree import (
    all_finite,
    cast_like,
    check_fits,
    check_inexact,
    increment,
    moment_dtype,
    where,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, State, Updates
from jgd.core.without_matrices import warn_without_matrices


class BlockRule(Rule):
    """Lift a rule on one block of an array to trees; all blocks of one shape are one batch, compiled once.

    `cut(shape)` says how a leaf of a shape is cut into blocks; a leaf is one block unless it says otherwise. The
    other functions act on one block. `slots(x)` makes what is kept, of which only the shape is read: arrays or trees
    of them. `step(t, x, *slots)` returns the update and the new slots, and may ask for extra arguments after a `*`.

    `refresh(*slots)` makes the slots named by `renews` anew: the rare, expensive part, every `precondition_frequency`
    steps, after the step or, with `renews_first`, between `accumulate(t, x, *slots)`, which returns the slots with this
    gradient in them, and the step. `begin(*slots)` makes them at the first step, for all blocks, unless `begins` is
    false. A block for which what is made is not finite keeps what it had. The turns of the blocks that
    `is_preconditioned(shape)` are spread evenly over the steps with `stagger`, a field of the record; else all are due
    together, at the steps `first_turn` + f, `first_turn` + 2 f, ... A refresh costs 1/f a step, under `vmap` too, as
    long as the lanes have their turns together.
    """

    entrywise: ClassVar[bool] = False
    renews: ClassVar[tuple[str, ...]] = ()
    renews_first: ClassVar[bool] = False
    begins: ClassVar[bool] = True
    first_turn: ClassVar[int] = 1
    precondition_frequency: int
    stagger: bool

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        """Tell how a leaf is cut."""
        return blocks(shape)

    def sides(self, shape: tuple[int, ...]) -> list[bool]:
        """Tell which sides of a block of this shape have a matrix of their own."""
        return [len(shape) > 1] * len(shape)

    def is_preconditioned(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a block of this shape has anything to refresh."""
        return any(self.sides(shape))

    def cuts(self, params: Params) -> list[str]:
        """Say how each leaf is cut: `2 of 64 x 16`, with a side that has no matrix in brackets; "" where none has."""
        return [_cut_text(self, self.cut(jnp.shape(p))) for p in jax.tree.leaves(params)]

    def acts_on(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a leaf of this shape has a block that is preconditioned."""
        return any(self.is_preconditioned(piece.shape) for piece in self.cut(shape).pieces)

    def accumulate(self, t: Any, x: jax.Array, *slots: Any) -> tuple[Any, ...]:
        """Return the slots with this gradient in them, before a refresh that comes first."""
        return slots

    def begin(self, *slots: Any) -> tuple[Any, ...]:
        """Return the slots that `renews` names, at the first step."""
        return self.refresh(*slots)

    def refresh(self, *slots: Any) -> tuple[Any, ...]:
        """Return the slots that `renews` names, made anew."""
        raise NotImplementedError

    @abstracted
    def init(self, params: Params) -> State:
        """Return a counter at zero, and for each leaf and slot what its blocks keep, f[count, ...] for each shape."""
        self._check("init", params)
        warn_without_matrices(params, [(self, params)])
        leaves, structure = jax.tree.flatten(params)
        rows = [self._slots_of(p) for p in leaves]
        columns = zip(*rows, strict=True) if rows else ((),) * len(self._names)
        return self._packed(zero_count(), [structure.unflatten(column) for column in columns])

    @explained
    @without_mesh_types
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of each block, and the next state."""
        count, columns = self._unpacked(state)
        self._check("update", grads)
        t = increment(count)
        rule = jax.tree.map(jnp.asarray, self)
        _, asked = self._asked(params, extra)
        leaves, structure = jax.tree.flatten(grads)
        cuts = [self.cut(jnp.shape(g)) for g in leaves]
        place = f"{type(self).__name__}.update"
        if params is not None:
            check_fits(place, grads, params)
        columns = fitting_columns(place, grads, cuts, columns, lambda g, _: tuple(self._slots_of(g)))
        found: list[list[Any]] = [[None] * len(one.pieces) for one in cuts]
        groups = _grouped(cuts, leaves, columns)
        for group, turns in zip(groups, self._turns(groups), strict=True):
            x, *slots = jax.tree.map(lambda *parts: concatenated(parts), *group.rows)
            advance = functools.partial(self._advance, turns)
            if turns is None:  # nothing to do with matrices, so that it stays where it lies
                u, slots = advance((rule, t, asked), 0, (x, slots))
            else:
                u, slots = over_devices(advance, (rule, t, asked), (x, slots), joined=len(group.places) > 1)
            for (i, k), row in zip(group.places, parted((u, *slots), group.counts, t), strict=True):
                found[i][k] = row
        updates = [
            one.join([row[0] for row in rows]).astype(jnp.result_type(g)) if rows else jnp.zeros_like(g)
            for one, rows, g in zip(cuts, found, leaves, strict=True)
        ]
        new = [
            structure.unflatten(
                [cast_like(tuple(row[1 + i] for row in rows), old) for rows, old in zip(found, column, strict=True)]
            )
            for i, column in enumerate(columns)
        ]
        return structure.unflatten(updates), self._packed(t, new)

    def _slots_of(self, p: Any) -> list[tuple[Any, ...]]:
        """Return for each slot what is kept for the blocks of one leaf, by pieces."""
        pieces = self.cut(jnp.shape(p)).pieces
        kept = [self.slots(jax.ShapeDtypeStruct(piece.shape, moment_dtype(p))) for piece in pieces]
        spread = [_repeated(slots, piece.count) for slots, piece in zip(kept, pieces, strict=True)]
        return [tuple(slots[i] for slots in spread) for i in range(len(self._names))]

    def _turns(self, groups: list["BlockGroup"]) -> list[Turns | None]:
        """Tell when the blocks of each batch are made anew; `None`: never."""
        counts = [sum(group.counts) * self.is_preconditioned(group.shape) for group in groups]
        total = sum(counts) if self.stagger else None
        starts = np.cumsum([0, *counts])
        return [Turns(n, int(start), total) if n else None for n, start in zip(counts, starts[:-1], strict=True)]

    def _advance(self, turns: Turns | None, context: Any, first: Any, row: Any) -> tuple[Any, list[Any]]:
        """Return the updates and the new slots of a batch of blocks, or of those from number `first` on."""
        (rule, t, asked), (x, slots) = context, row
        turns = turns and Turns(len(x), turns.start + first, turns.total)
        shared = rule.shared(t)
        if self.renews_first:
            slots = list(batched(functools.partial(rule.accumulate, shared), x, *slots))
            slots = self._renewed(rule, t, slots, turns)
        u, *slots = batched(functools.partial(rule.step, shared, **asked), x, *slots)
        return u, slots if self.renews_first else self._renewed(rule, t, slots, turns)

    def _renewed(self, rule: Any, t: Any, slots: list[Any], turns: Turns | None) -> list[Any]:
        """Return the slots, those of the blocks whose turn it is made anew."""
        if turns is None:
            return slots
        fresh = [i for i, name in enumerate(self._names) if name in self.renews]
        stale = [i for i in range(len(slots)) if i not in fresh]

        def made(make: Callable[..., Any], kept: list[Any], read: list[Any]) -> list[Any]:
            row = dict(zip((*fresh, *stale), (*kept, *read), strict=True))
            new = cast_like(list(make(*(row[i] for i in range(len(row))))), kept)
            return where(all_finite(new), new, kept)

        def begin(kept: list[Any], read: list[Any]) -> Any:
            return seldom_batched(lambda kept, read: where(t == 1, made(rule.begin, kept, read), kept), kept, read)

        kept, read = [slots[i] for i in fresh], [slots[i] for i in stale]
        if self.begins:
            kept = jax.lax.cond(in_any_lane(t == 1), begin, lambda kept, read: kept, kept, read)
        refresh = functools.partial(made, rule.refresh)
        kept = renewed(t - self.first_turn, self.precondition_frequency, turns, refresh, kept, read)
        return [x for _, x in sorted(zip((*fresh, *stale), (*kept, *read), strict=True), key=lambda pair: pair[0])]

    def _check(self, function: str, tree: Any) -> None:
        """Refuse leaves that are not real floats."""
        place = f"{type(self).__name__}.{function}"
        check_inexact(place, tree)
        check_real(place, tree, "its matrices are symmetric")


class BlockGroup(NamedTuple):
    """Blocks of one shape: where they are, as leaf and piece, how many there, and their arrays f[count, ...]."""

    shape: tuple[int, ...]
    places: list[tuple[int, int]]
    counts: list[int]
    rows: list[Any]


def _grouped(cuts: Sequence[Blocks], leaves: Sequence[jax.Array], columns: Sequence[Sequence[Any]]) -> list[BlockGroup]:
    """Return the blocks of all leaves by shape and dtypes."""
    groups: dict[Any, BlockGroup] = {}
    for i, (one, g) in enumerate(zip(cuts, leaves, strict=True)):
        for k, (piece, x) in enumerate(zip(one.pieces, one.split(widen(g)), strict=True)):
            row = [x, *(column[i][k] for column in columns)]
            key = (piece.shape, *(y.dtype for y in jax.tree.leaves(row)))
            group = groups.setdefault(key, BlockGroup(piece.shape, [], [], []))
            group.places.append((i, k))
            group.counts.append(piece.count)
            group.rows.append(jax.tree.map(widen, row))
    return list(groups.values())


def _repeated(slots: Any, count: int) -> Any:
    """Return the slots of one block, for each of them."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *jnp.shape(x))), slots)


def _cut_text(rule: BlockRule, cut: Blocks) -> str:
    texts = []
    for piece in cut.pieces:
        sides = rule.sides(piece.shape)
        if any(sides):
            shape = " x ".join(str(n) if has else f"({n})" for n, has in zip(piece.shape, sides, strict=True))
            texts.append(f"{piece.count} of {shape}" if piece.count > 1 else shape)
    return " + ".join(texts)
