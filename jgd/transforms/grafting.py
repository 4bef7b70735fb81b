"""Grafting: the direction of one optimizer and the size of another's step."""

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, part, record, static
from jgd.core.arguments import WHOLE
from jgd.core.block_rule import BlockRule
from jgd.core.pair import Pair
from jgd.core.tree import abs_sq, increment, map_unzip, safe_sqrt, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform

TINY = 1e-16  # keeps a direction of length zero


class GraftState(NamedTuple):
    """The states of both transforms."""

    count: jax.Array  # i32[]
    magnitude: State
    direction: State


@record
class Graft(Pair):
    """Step in one transform's direction by the length of another's step.

    u = d |s| / (|d| + 1e-16) for each leaf, d the update of `direction` and s that of `magnitude`.

    (Agarwal et al. 2020, arXiv:2002.11803.) Both see the gradient. It is s before step `start`, and in leaves that a
    `direction` on blocks, such as Shampoo, does not precondition. State: both states, and an i32 counter.
    """

    magnitude: Transform = part(convert=as_transform)
    direction: Transform = part(convert=as_transform)
    _: KW_ONLY
    start: int = static(default=1, expect=WHOLE)

    def init(self, params: Params) -> State:
        """Return both states."""
        return GraftState(zero_count(), self.magnitude.init(params), self.direction.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the direction, as long as the other's step."""
        t = increment(state.count)
        sizes, magnitude = self.magnitude.update(grads, state.magnitude, params, **extra)
        directions, direction = self.direction.update(grads, state.direction, params, **extra)

        def grafted(d: jax.Array, s: jax.Array) -> tuple[jax.Array]:
            if isinstance(self.direction, BlockRule) and not self.direction.acts_on(d.shape):
                return (s,)
            length, wanted = (safe_sqrt(jnp.sum(abs_sq(x))) for x in (d, s))
            u = d * (wanted / (length + TINY))
            return (u if self.start == 1 else jnp.where(t < self.start, s, u),)

        updates = map_unzip(grafted, directions, place="Graft.update", read=(sizes,), entrywise=False)[0]
        return updates, GraftState(t, magnitude, direction)


graft = Graft
