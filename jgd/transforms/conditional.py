"""Transforms that act in some steps only: a function of the step decides."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, as_function, part, record, static
from jgd.core.arguments import function_of
from jgd.core.cost import Cost, cost
from jgd.core.pair import Pair
from jgd.core.tree import increment, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.wrappers import step_if

CONDITION = function_of("(step, **extra) -> whether to act, a boolean scalar")


@record
class ConditionallyTransform(Pair):
    """Apply `inner` in the steps for which `should_transform_fn(step)` holds; in others gradients pass unchanged.

    `step` is the number of calls before this one. The inner state is kept meanwhile, and `inner` does not run (under
    `vmap` it runs and is discarded). With `forward_extra_args` the function is given the extra arguments of `update`.
    """

    inner: Transform = part(convert=as_transform)
    should_transform_fn: Callable[..., Any] = part(convert=as_function, expect=CONDITION)
    forward_extra_args: bool = static(default=False)

    def init(self, params: Params) -> State:
        """Return a counter and the inner state."""
        return optax.ConditionallyTransformState(inner_state=self.inner.init(params), step=zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates, or the gradients."""
        act, old = _acts(self, state, extra), state.inner_state
        updates, inner = step_if(act, self.inner, grads, old, params, otherwise=grads, **extra)
        return updates, optax.ConditionallyTransformState(inner_state=inner, step=increment(state.step))

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform."""
        return cost(self.inner, params)


conditionally_transform = ConditionallyTransform


@record
class ConditionallyMask(Pair):
    """Apply `inner` in the steps for which `should_transform_fn(step)` holds; in others the updates are zero.

    Otherwise as `conditionally_transform`.
    """

    inner: Transform = part(convert=as_transform)
    should_transform_fn: Callable[..., Any] = part(convert=as_function, expect=CONDITION)
    forward_extra_args: bool = static(default=False)

    def init(self, params: Params) -> State:
        """Return a counter and the inner state."""
        return optax.ConditionallyMaskState(step=zero_count(), inner_state=self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates, or zeros."""
        updates, inner = step_if(_acts(self, state, extra), self.inner, grads, state.inner_state, params, **extra)
        return updates, optax.ConditionallyMaskState(step=increment(state.step), inner_state=inner)

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform."""
        return cost(self.inner, params)


conditionally_mask = ConditionallyMask


def _acts(opt: ConditionallyTransform | ConditionallyMask, state: State, extra: dict[str, Any]) -> jax.Array:
    """Tell whether the condition holds in this step."""
    return jnp.asarray(opt.should_transform_fn(state.step, **(extra if opt.forward_extra_args else {})), bool)
