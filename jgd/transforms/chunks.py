"""Updates of large arrays a chunk at a time, in place, so that nothing is as large as they are beside them."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.quantized import is_quantized
from jgd.core.types import Grads, Params, Updates

Step = Callable[[Grads, list[Any], Params, list[Any]], tuple[Updates, list[Any]]]


def in_chunks(
    step: Step, grads: Grads, nodes: list[Any], params: Params, owners: Sequence[int | None], chunk: int
) -> tuple[Updates, list[Any]]:
    """Apply `step(grads, nodes, params, starts)`, which acts on each entry alone, on at most `chunk` entries at a time.

    `nodes` are the arrays of a state, some a `LowBitArray`; `owners` has for each the index of the gradient's leaf
    that it is shaped like, or `None` for a scalar. `starts` tells the step the index of the first entry of each node.
    Leaves of one shape are cut along their first axis and go through one loop together, written back where they were
    read; then follows one step on what is left, which is less than a chunk of each.
    """
    leaves, structure = jax.tree.flatten(grads)
    reads = [None] * len(leaves) if params is None else structure.flatten_up_to(params)
    members: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, g in enumerate(leaves):
        members[jnp.shape(g)].append(i)
    done = [0] * len(leaves)  # entries along the first axis
    updates, nodes = list(leaves), list(nodes)

    def call(cut: Callable[[int, Any], Any], held: list[Any], kept: list[Any], first: Sequence[Any]) -> Any:
        """The step on what `cut(leaf, array)` leaves of each array, which begins at the entry `first` of its leaf."""
        ours = [cut(i, x) for i, x in enumerate(held)]
        state = [x if i is None else cut(i, x) for i, x in zip(owners, kept, strict=True)]
        read = None if params is None else structure.unflatten([cut(i, x) for i, x in enumerate(reads)])
        starts = [0 if i is None else first[i] for i in owners]
        u, new = step(structure.unflatten(ours), state, read, starts)
        return structure.flatten_up_to(u), new

    for shape, group in members.items():
        own = [k for k, i in enumerate(owners) if i in group]
        rows = _rows(shape, [nodes[k] for k in own], max(1, chunk // len(group)))
        if rows:
            looped = _loop(call, updates, nodes, (group, own), rows, shape)
            updates, nodes = _replaced(updates, group, looped[0]), _replaced(nodes, own, looped[1])
            for i in group:
                done[i] = shape[0] // rows * rows

    firsts = [d * math.prod(jnp.shape(g)[1:]) for d, g in zip(done, leaves, strict=True)]
    u, new = call(lambda i, x: _rest(x, done[i], jnp.shape(leaves[i])), updates, nodes, firsts)
    updates = [x if done[i] == 0 else _joined(updates[i], x, done[i], jnp.shape(leaves[i])) for i, x in enumerate(u)]
    nodes = [
        x if i is None or done[i] == 0 else _joined(old, x, done[i], jnp.shape(leaves[i]))
        for i, old, x in zip(owners, nodes, new, strict=True)
    ]
    return structure.unflatten(updates), nodes


def _loop(
    call: Callable[..., Any], updates: list[Any], nodes: list[Any], places: Any, rows: int, shape: tuple[int, ...]
) -> Any:
    """The gradients and the arrays of the state at `places`, of leaves of one shape, after all their chunks."""
    group, own = places
    size = math.prod(shape[1:])

    def body(k: jax.Array, carry: Any) -> Any:
        held, kept = _replaced(updates, group, carry[0]), _replaced(nodes, own, carry[1])
        first = k.astype(jnp.uint32) * jnp.uint32(rows * size % 2**32)

        def cut(i: int, x: Any) -> Any:
            return _slice(x, k, rows, shape[0]) if i in group else _none_of(x)

        u, new = call(cut, held, kept, [first] * len(updates))
        written = [_written(held[i], u[i], k, rows, shape[0]) for i in group]
        return written, [_written(kept[j], new[j], k, rows, shape[0]) for j in own]

    return jax.lax.fori_loop(0, shape[0] // rows, body, ([updates[i] for i in group], [nodes[j] for j in own]))


def _replaced(items: list[Any], places: list[int], new: Sequence[Any]) -> list[Any]:
    """A list with other items at some places."""
    known = dict(zip(places, new, strict=True))
    return [known.get(i, x) for i, x in enumerate(items)]


def shorter(x: Any, parts: int = 2) -> Any:
    """Return the shape of an array of which only a part of the first axis is left."""
    return jax.ShapeDtypeStruct((-(-x.shape[0] // parts), *x.shape[1:]), x.dtype) if x.shape else x


def _rows(shape: tuple[int, ...], nodes: list[Any], chunk: int) -> int:
    """How far a chunk reaches along the first axis; 0 where leaves of this shape stay whole."""
    if math.prod(shape) <= chunk or len(shape) == 0:
        return 0
    unit = 1
    for x in filter(is_quantized, nodes):
        if x.scale.ndim == 1 and (len(shape) > 1 or shape[0] % len(x.scale)):
            return 0  # its blocks do not begin with a row, or the last one is shorter
        if x.scale.ndim == 1:
            unit = shape[0] // len(x.scale)
            if unit * len(x.codes) % shape[0]:
                return 0  # a byte would belong to two blocks
    most = shape[0] // unit
    times = min(most, -(-math.prod(shape) // chunk))
    # Where chunks can be as large as each other, nothing is left over, which would be compiled for itself.
    times = next((n for n in range(times, 2 * times) if most % n == 0), times)
    return most // times * unit


def _slice(x: Any, k: Any, rows: int, n: int) -> Any:
    """Chunk k of an array, or of codes and scales, whose first axis goes with one of n entries."""

    def part(x: jax.Array) -> jax.Array:
        size = rows * len(x) // n
        return jax.lax.dynamic_slice_in_dim(x, k * size, size)

    return jax.tree.map(part, x)


def _written(whole: Any, part: Any, k: Any, rows: int, n: int) -> Any:
    """The inverse of `_slice`: an array with its chunk k replaced."""

    def put(x: jax.Array, new: jax.Array) -> jax.Array:
        return jax.lax.dynamic_update_slice_in_dim(x, new.astype(x.dtype), k * (rows * len(x) // n), 0)

    return jax.tree.map(put, whole, part)


def _none_of(x: Any) -> Any:
    """Nothing of an array; a scalar stays."""
    return jax.tree.map(lambda x: jnp.zeros((0, *x.shape[1:]), x.dtype) if jnp.ndim(x) else x, x)


def _rest(x: Any, done: int, shape: tuple[int, ...]) -> Any:
    """The part after the chunks."""
    return x if done == 0 else jax.tree.map(lambda x: x[done * len(x) // shape[0] :], x)


def _joined(whole: Any, rest: Any, done: int, shape: tuple[int, ...]) -> Any:
    """The chunks and what comes after them."""

    def put(x: jax.Array, new: jax.Array) -> jax.Array:
        if done == shape[0]:
            return x
        return jax.lax.dynamic_update_slice_in_dim(x, new.astype(x.dtype), done * len(x) // shape[0], 0)

    return jax.tree.map(put, whole, rest)
