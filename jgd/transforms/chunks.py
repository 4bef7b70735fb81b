"""Updates of large arrays a chunk at a time, in place, so that nothing is as large as they are beside them."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.quantized import is_quantized
from jgd.core.types import Grads, Params, Updates

Step = Callable[[Grads, list[Any], Params, list[Any]], tuple[Updates, list[Any]]]


def in_chunks(
    step: Step, grads: Grads, nodes: list[Any], params: Params, owners: Sequence[int | None], chunk: int, devices: int
) -> tuple[Updates, list[Any]]:
    """Apply `step(grads, nodes, params, starts)`, which acts on each entry alone, on at most `chunk` entries at a time.

    `nodes` are the arrays of a state, some a `LowBitArray`; `owners` has for each the index of the gradient's leaf
    that it is shaped like, or `None` for a scalar. `starts` tells the step the index of the first entry of each node,
    or of each of its rows less those that come before in it. Leaves of one shape are cut along their first axis and go
    through one loop together, written back where they were read; then follows one step on what is left, which is less
    than a chunk of each. A chunk has equal parts of what each of the `devices` holds if the axis is split over them, so
    that nothing passes between them.
    """
    leaves, structure = jax.tree.flatten(grads)
    reads = [None] * len(leaves) if params is None else structure.flatten_up_to(params)
    members: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, g in enumerate(leaves):
        members[jnp.shape(g)].append(i)
    cuts = [Chunks(jnp.shape(g), 1, 0, 0) for g in leaves]
    updates, nodes = list(leaves), list(nodes)

    def call(part: Callable[[int, Any], Any], held: list[Any], kept: list[Any], first: Sequence[Any]) -> Any:
        """Take the step on what `part(leaf, array)` leaves of each array, which begins at its leaf's entry `first`."""
        ours = [part(i, x) for i, x in enumerate(held)]
        state = [x if i is None else part(i, x) for i, x in zip(owners, kept, strict=True)]
        read = None if params is None else structure.unflatten([part(i, x) for i, x in enumerate(reads)])
        starts = [0 if i is None else first[i] for i in owners]
        u, new = step(structure.unflatten(ours), state, read, starts)
        return structure.flatten_up_to(u), new

    for shape, group in members.items():
        own = [k for k, i in enumerate(owners) if i in group]
        one = _chunks(shape, [nodes[k] for k in own], max(1, chunk // len(group)), devices)
        if one.turns:
            looped = _loop(call, updates, nodes, (group, own), one)
            updates, nodes = _replaced(updates, group, looped[0]), _replaced(nodes, own, looped[1])
            for i in group:
                cuts[i] = one

    u, new = call(lambda i, x: _rest(x, cuts[i]), updates, nodes, [one.first(one.done, one.left) for one in cuts])
    updates = [_joined(old, x, one) for old, x, one in zip(updates, u, cuts, strict=True)]
    nodes = [x if i is None else _joined(old, x, cuts[i]) for i, old, x in zip(owners, nodes, new, strict=True)]
    return structure.unflatten(updates), nodes


class Chunks(NamedTuple):
    """Say how leaves of `shape` go through a loop: `turns` times `rows` along the first axis of each of their parts."""

    shape: tuple[int, ...]
    parts: int
    rows: int
    turns: int

    @property
    def done(self) -> int:
        """The rows of a part that the loop has gone through."""
        return self.rows * self.turns

    @property
    def left(self) -> int:
        """Those that it leaves."""
        return (self.shape[0] // self.parts if self.shape else 0) - self.done

    def first(self, row: Any, rows: int) -> Any:
        """Return the index of the first entry of `rows` from this one on.

        Of several parts it is a number for each row: the index of its first entry less how many come before in `rows`.
        """
        size = math.prod(self.shape[1:])
        start = jnp.asarray(row).astype(jnp.uint32) * jnp.uint32(size % 2**32)
        if self.parts == 1:
            return start
        gaps = np.arange(self.parts) * (self.shape[0] // self.parts - rows) * size % 2**32
        return start + np.repeat(gaps, rows).astype(np.uint32).reshape(-1, *[1] * (len(self.shape) - 1))

    def split(self, x: jax.Array) -> jax.Array:
        """Return an array with an axis for the parts, [parts, length, ...]."""
        return x.reshape(self.parts, len(x) // self.parts, *x.shape[1:])

    def length(self, rows: int, x: jax.Array) -> int:
        """Tell how many entries along the first axis of an array, such as codes, go with so many rows."""
        return rows * len(x) // self.shape[0]


def _loop(call: Callable[..., Any], updates: list[Any], nodes: list[Any], places: Any, one: Chunks) -> Any:
    """Return the gradients and the arrays of the state at `places`, of leaves of one shape, after all their chunks."""
    group, own = places

    def body(k: jax.Array, carry: Any) -> Any:
        held, kept = _replaced(updates, group, carry[0]), _replaced(nodes, own, carry[1])

        def part(i: int, x: Any) -> Any:
            return _slice(x, k, one) if i in group else _none_of(x)

        u, new = call(part, held, kept, [one.first(k * one.rows, one.rows)] * len(updates))
        return [_written(held[i], u[i], k, one) for i in group], [_written(kept[j], new[j], k, one) for j in own]

    return jax.lax.fori_loop(0, one.turns, body, ([updates[i] for i in group], [nodes[j] for j in own]))


def _replaced(items: list[Any], places: list[int], new: Sequence[Any]) -> list[Any]:
    """Return a list with other items at some places."""
    known = dict(zip(places, new, strict=True))
    return [known.get(i, x) for i, x in enumerate(items)]


def shorter(x: Any, parts: int = 2) -> Any:
    """Return the shape of an array of which only a part of the first axis is left."""
    return jax.ShapeDtypeStruct((-(-x.shape[0] // parts), *x.shape[1:]), x.dtype) if x.shape else x


def _chunks(shape: tuple[int, ...], nodes: list[Any], chunk: int, devices: int) -> Chunks:
    """Tell how leaves of this shape are cut into chunks; in no turns where they stay whole."""
    whole = Chunks(shape, 1, 0, 0)
    if math.prod(shape) <= chunk or len(shape) == 0:
        return whole
    unit = 1
    for x in filter(is_quantized, nodes):
        if x.scale.ndim == 1 and (len(shape) > 1 or shape[0] % len(x.scale)):
            return whole  # its blocks do not begin with a row, or the last one is shorter
        if x.scale.ndim == 1:
            unit = shape[0] // len(x.scale)
            if unit * len(x.codes) % shape[0]:
                return whole  # a byte would belong to two blocks
    most = shape[0] // unit
    parts = math.gcd(devices, most)
    most //= parts
    turns = min(most, -(-math.prod(shape) // chunk))
    # Where chunks can be as large as each other, nothing is left over, which would be compiled for itself.
    turns = next((n for n in range(turns, 2 * turns) if most % n == 0), turns)
    rows = most // turns * unit
    return Chunks(shape, parts, rows, most * unit // rows)


def _slice(x: Any, k: Any, one: Chunks) -> Any:
    """Return chunk k of an array, or of codes and scales."""

    def part(x: jax.Array) -> jax.Array:
        size = one.length(one.rows, x)
        return jax.lax.dynamic_slice_in_dim(one.split(x), k * size, size, 1).reshape(-1, *x.shape[1:])

    return jax.tree.map(part, x)


def _written(whole: Any, part: Any, k: Any, one: Chunks) -> Any:
    """Undo `_slice`: put another chunk k into an array."""

    def put(x: jax.Array, new: jax.Array) -> jax.Array:
        split = one.split(x)
        new = new.astype(x.dtype).reshape(one.parts, -1, *x.shape[1:])
        return jax.lax.dynamic_update_slice_in_dim(split, new, k * one.length(one.rows, x), 1).reshape(x.shape)

    return jax.tree.map(put, whole, part)


def _none_of(x: Any) -> Any:
    """Return nothing of an array; a scalar stays."""
    return jax.tree.map(lambda x: jnp.zeros((0, *x.shape[1:]), x.dtype) if jnp.ndim(x) else x, x)


def _rest(x: Any, one: Chunks) -> Any:
    """Return the part after the chunks."""
    if one.turns == 0:
        return x
    return jax.tree.map(lambda x: one.split(x)[:, one.length(one.done, x) :].reshape(-1, *x.shape[1:]), x)


def _joined(whole: Any, rest: Any, one: Chunks) -> Any:
    """Return the chunks and what comes after them."""
    if one.turns == 0 or one.left == 0:
        return rest if one.turns == 0 else whole

    def put(x: jax.Array, new: jax.Array) -> jax.Array:
        new = new.astype(x.dtype).reshape(one.parts, -1, *x.shape[1:])
        return jax.lax.dynamic_update_slice_in_dim(one.split(x), new, one.length(one.done, x), 1).reshape(x.shape)

    return jax.tree.map(put, whole, rest)
