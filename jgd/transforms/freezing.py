"""Parameters that stay as they are: for good, or for the first steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import MASK
from jgd.core.frozen import frozen
from jgd.core.leaves import check_patterns, leaf_flags
from jgd.core.pair import Pair
from jgd.core.tree import increment, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates


class FreezeUntilState(NamedTuple):
    """The number of steps taken."""

    count: jax.Array  # i32[]


@record
class FreezeUntil(Pair):
    """Hold the leaves that `mask` fits for the first `steps` steps: `chain(adamw(1e-3), freeze_until(9, "^body"))`.

    u = 0 there, and g afterwards. Put it after the optimizer, whose state is kept for all leaves and sees their
    gradients from the start, so that moments are warm when the leaves are set free. `mask` is a pattern over the
    leaves' paths, a tree of flags or a function of the parameters. State: an i32 counter.
    """

    steps: Scalar = hyper(interval="[0, inf)", whole=True)
    mask: Any = static(convert=frozen, expect=MASK)
    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return a counter."""
        if isinstance(self.mask, str):
            check_patterns("FreezeUntil(mask)", [self.mask], params)
        return FreezeUntilState(zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return zeros where leaves are held, the gradients elsewhere."""
        is_held = state.count < self.steps
        held = leaf_flags(self.mask, grads if params is None else params)
        updates = jax.tree.map(lambda flag, g: jnp.where(is_held, jnp.zeros_like(g), g) if flag else g, held, grads)
        return updates, FreezeUntilState(increment(state.count))


freeze_until = FreezeUntil
