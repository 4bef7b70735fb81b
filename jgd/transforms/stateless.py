"""Transforms made of a function, and what plain pairs of functions need to join a chain."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from jgd.core import Transform, as_function, part, record
from jgd.core.arguments import TRANSFORM, checked, function_of
from jgd.core.pair import Pair
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform


@record
class Stateless(Pair):
    """Make a transform of a function of whole trees.

    u = f(g, params), f a function of whole trees. No state; each new lambda compiles anew.
    """

    f: Callable[..., Any] = part(convert=as_function, expect=function_of("(updates, params) -> updates", 2))

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the function's value."""
        return self.f(grads, params), optax.EmptyState()


stateless = Stateless


@record
class StatelessWithTreeMap(Pair):
    """Make a transform of a function of single arrays.

    u = f(g, p), f a function of two arrays, leaf by leaf; p is None where `update` got no parameters.
    """

    f: Callable[..., Any] = part(convert=as_function, expect=function_of("(update, param) -> update", 2))

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the function's values."""
        if params is None:
            return jax.tree.map(lambda g: self.f(g, None), grads), optax.EmptyState()
        return jax.tree.map(self.f, grads, params), optax.EmptyState()


stateless_with_tree_map = StatelessWithTreeMap


def init_empty_state(params: Params) -> State:
    """Return the state of a transform that has none: an `init` for `optax.GradientTransformation(init, update)`."""
    return optax.EmptyState()


@checked(tx=TRANSFORM)
def with_extra_args_support(tx: Any) -> Transform:
    """Let a transform's `update` be given any extra arguments; those that it does not take are dropped."""
    return as_transform(tx)
