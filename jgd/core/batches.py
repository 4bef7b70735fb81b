"""Batches of matrices of one shape: put together, taken apart, and run through a function."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.by_platform import by_platform

SMALL_BYTES = 1 << 22  # of a batch whose temporaries are of no account
CACHE_BYTES = 1 << 16  # of matrices that a CPU works on at a time: more of them leave its cache between products


@jax.custom_batching.custom_vmap
def in_any_lane(due: jax.Array) -> jax.Array:
    """Return `due`, and under `vmap` whether it is so in any lane: one answer for all of them.

    A `lax.cond` on it stays a branch, where one on `due` would become a selection that runs both sides each step.
    """
    return due


@in_any_lane.def_vmap
def _(axis_size: int, in_batched: list[bool], due: jax.Array) -> tuple[jax.Array, bool]:
    return in_any_lane(jnp.any(due, axis=0)), False


def concatenated(arrays: Sequence[jax.Array]) -> jax.Array:
    """Put batches together as one."""
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)


def batched(step: Callable[..., Any], *row: Any) -> Any:
    """Take `step` on each member of a batch, arrays or trees of them, f[batch, ...].

    One batch, but on a CPU a few members after another: XLA (jaxlib 0.10) runs a product there on one thread, in a
    batch too, unless its left side is transposed, and hands work to another thread only where more than eight
    operations are ready. So a batch gains no core, and neither do two or four loops side by side.
    """
    return by_platform(functools.partial(_in_cache, step), jax.vmap(step), *row)


def _in_cache(step: Callable[..., Any], *row: Any) -> Any:
    """Take `step` on each of the matrices f[batch, m, n], as many side by side as fit into a CPU's cache.

    It takes 0.7 of the time of all at once for Muon's 48 of 128 x 128.
    """
    leaves = jax.tree.leaves(row)
    count, largest = len(leaves[0]), max(x.dtype.itemsize * math.prod(x.shape[1:]) for x in leaves)
    at_a_time = CACHE_BYTES // max(1, largest)
    if at_a_time < 2 or count == 1:  # not even in a batch of one, whose products XLA computes more slowly there
        return jax.lax.map(lambda one: step(*one), row)
    if at_a_time >= count:
        return jax.vmap(step)(*row)
    return jax.lax.map(lambda one: step(*one), row, batch_size=at_a_time)


def seldom_batched(step: Callable[..., Any], *row: Any) -> Any:
    """Do rare work as `batched` does: where the batch is small it is one everywhere, and the program is half as large.

    A large one has temporaries as large as the state, and a CPU pays for them at each step, whether the work is done
    or not: from 32 MiB on glibc takes fresh pages for a program's temporaries each time.
    """
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(row))
    return jax.vmap(step)(*row) if size <= SMALL_BYTES else batched(step, *row)


def parted(tree: Any, counts: Sequence[int], t: jax.Array) -> list[Any]:
    """Undo `concatenated`: return the members of each part, of which there are `counts`, in step t > 0.

    Places are `unfolded`: 48 matrices take 0.1 s to compile in place of 1.5 s, and run as fast.
    """
    places = [int(n) for n in np.cumsum([0, *counts])[:-1]]

    def at(places: Sequence[Any], tree: Any) -> list[Any]:
        return [
            jax.tree.map(lambda x, place=place, n=n: jax.lax.dynamic_slice_in_dim(x, place, n), tree)
            for place, n in zip(places, counts, strict=True)
        ]

    if len(counts) == 1:
        return [tree]
    return by_platform(lambda tree, t: at(_of_a_branch(places, t), tree), lambda tree, t: at(places, tree), tree, t)


def unfolded(numbers: Sequence[int], t: jax.Array) -> list[jax.Array]:
    """Make whole numbers i32[] that a CPU's compiler does not know, in step t > 0.

    It compiles a kernel for each constant that differs, as a slice's place does, and equal kernels once. So they are
    what a branch returns, and no constants.
    """
    return by_platform(lambda t: _of_a_branch(numbers, t), lambda t: [jnp.int32(n) for n in numbers], t)


def _of_a_branch(numbers: Sequence[int], t: jax.Array) -> list[jax.Array]:
    known = [jnp.int32(n) for n in numbers]
    return jax.lax.cond(in_any_lane(t > 0), lambda: known, lambda: [jnp.int32(0)] * len(known))
