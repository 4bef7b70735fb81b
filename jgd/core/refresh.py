"""Rare and expensive work on a batch, a few members at a time: which are due, and how not to do it for the others."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.batches import in_any_lane, seldom_batched
from jgd.core.tree import where


class Turns(NamedTuple):
    """When the members of a batch are due, of work that comes round every f steps.

    All at once at 0, f, 2 f, ..., or spread evenly with those of other batches: member i of `total` is due at the steps
    that are floor(i f / total) modulo f, so that a step renews at most ceil(total / f) of all.
    """

    count: int
    start: Any = 0  # the number of the first among all
    total: int | None = None  # of all batches; None: all at once


def renewed(s: jax.Array, every: int, turns: Turns, renew: Callable[..., Any], kept: Any, read: Any) -> Any:
    """Give `kept`, f[n, ...] in each leaf, with `renew(kept, read)` in those of its members that are due at step s > 0.

    Under `vmap` a step costs what it costs its most expensive lane, and nothing where no lane has a member due.
    """
    n, phase = turns.count, s % every
    if turns.total is None:
        at_once, begin, end = n, jnp.zeros_like(s), jnp.where(phase == 0, n, 0)
    else:
        at_once = min(n, -(-turns.total // every))
        # Members of earlier turns come before.
        begin, end = (jnp.clip(-(-turn * turns.total // every) - turns.start, 0, n) for turn in (phase, phase + 1))
    end = jnp.where(s > 0, end, begin)

    def some(kept: Any, read: Any) -> Any:
        at = jnp.minimum(begin, n - at_once)
        picked, beside = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, at, at_once), (kept, read))
        index = at + jnp.arange(at_once)
        due = (index >= begin) & (index < end)
        new = seldom_batched(lambda due, old, beside: where(due, renew(old, beside), old), due, picked, beside)
        return jax.tree.map(lambda x, y: jax.lax.dynamic_update_slice_in_dim(x, y, at, 0), kept, new)

    return jax.lax.cond(in_any_lane(end > begin), some, lambda kept, read: kept, kept, read)
