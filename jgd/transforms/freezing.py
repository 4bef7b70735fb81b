"""Parameters that stay as they are: for good, or for the first steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record
from jgd.core.arguments import MASK, checked
from jgd.core.cost import Cost
from jgd.core.tree import increment, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.compose import Masked


@record
class FrozenLeaves:
    """Updates of zero, without a state, for which `fit` computes no gradients: the group "frozen" of `by_path`."""

    def init(self, params: Params) -> State:
        """Empty."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Zeros."""
        return jax.tree.map(jnp.zeros_like, grads), state

    def cost(self, params: Params) -> Cost:
        """Nothing moves."""
        return Cost()

    def fixed(self, params: Params) -> Any:
        """Everywhere."""
        return jax.tree.map(lambda _: True, params)

    def __repr__(self) -> str:
        return "'frozen'"


class FreezeUntilState(NamedTuple):
    """The number of steps taken."""

    count: jax.Array  # i32[]


@record
class FreezeUntil:
    """u = 0 until `steps` steps have been taken, then g. State: a counter."""

    steps: Scalar = hyper(interval="[0, inf)", whole=True)

    def init(self, params: Params) -> State:
        """A counter."""
        return FreezeUntilState(zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Zeros, or the gradients."""
        frozen = state.count < self.steps
        updates = jax.tree.map(lambda g: jnp.where(frozen, jnp.zeros_like(g), g), grads)
        return updates, FreezeUntilState(increment(state.count))


@checked(steps=None, mask=MASK)
def freeze_until(steps: Scalar, mask: Any) -> Masked:
    """Hold the leaves that `mask` fits as they are for the first `steps` steps: `freeze_until(500, "^backbone")`.

    Put it last, after the optimizer, in a chain. The links before it see the gradients from the start and keep their
    state for all leaves, so that
    moments are warm when the leaves are set free. `mask` is a pattern over their paths, a tree of flags or a function.
    """
    return Masked(FreezeUntil(steps), mask)
