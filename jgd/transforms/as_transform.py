"""Transforms from elsewhere: anything with optax's two functions, taken in as a record."""

from collections.abc import Callable
from typing import Any, cast

import jax
import optax

from jgd.core import Transform, record, static
from jgd.core.arguments import TRANSFORM, admits, shown
from jgd.core.errors import ExpectationError
from jgd.core.pair import Pair
from jgd.core.types import Grads, Params, State, Updates


@record
class Foreign(Pair):
    """A pair of `init` and `update` functions, such as `optax.sgd(0.1)`, as structure.

    Its numbers are closed over: they are no leaves, and each new pair compiles anew. `jgd.interop.FromOptax` keeps
    them as leaves. Extra arguments reach the pair if it takes them.
    """

    init_fn: Callable[..., Any] = static()
    update_fn: Callable[..., Any] = static()
    takes_extra: bool = static(default=True)

    def init(self, params: Params) -> State:
        """Return the pair's own state."""
        return self.init_fn(params)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the pair's own update."""
        return self.update_fn(grads, state, params, **(extra if self.takes_extra else {}))


def as_transform(value: Any) -> Transform:
    """Make `value` a record: jgd's pass unchanged, optax's pairs and other objects become `Foreign`."""
    if isinstance(value, Pair):
        return cast(Transform, value)
    if not admits(TRANSFORM, value):
        raise ExpectationError(shown(value), TRANSFORM.expected)
    if isinstance(value, optax.GradientTransformation) or jax.tree_util.all_leaves([value]):
        # Not optax.with_extra_args_support, whose new function each time would compile anew each time.
        return Foreign(value.init, value.update, isinstance(value, optax.GradientTransformationExtraArgs))
    return value
