"""Wrappers that decide when an inner transform steps: after several batches, or when the gradient is finite."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, as_function, hyper, part, record, static
from jgd.core.arguments import function_of
from jgd.core.cost import Cost, cost, total
from jgd.core.frozen import dtype_name
from jgd.core.leaves import fixed_leaves, moving_leaves, with_moving
from jgd.core.pair import Pair
from jgd.core.tree import all_finite, full_like, increment, map_unzip, tree_bytes, where, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import as_whole, at_count
from jgd.transforms.as_transform import as_transform

SKIP = function_of("(grads, gradient_step, params) -> (skip, info)")


@record
class MultiSteps(Pair):
    """Accumulate the gradients of `every_k_schedule` batches, then let `opt` step with their mean (or sum).

    The other updates are zero, and `opt` does not run for them (under `vmap` it runs and is discarded).
    `every_k_schedule` is a number or a schedule of the steps taken. `should_skip_update_fn(grads, gradient_step,
    params) -> (skip, info)` drops a batch whole, e.g. `optax.skip_not_finite`. State: the accumulator, 4 bytes a
    parameter that `opt` may change, two counters, `info` and the inner state.
    """

    opt: Transform = part(convert=as_transform)
    every_k_schedule: Rate = hyper(interval="[1, inf)", whole=True)
    use_grad_mean: bool = static(default=True)
    should_skip_update_fn: Callable[..., Any] | None = part(default=None, convert=as_function, expect=SKIP)
    accumulator_dtype: Any = static(default="float32", convert=dtype_name)

    def init(self, params: Params) -> State:
        """Return an empty accumulator and the inner state."""
        sums = full_like(moving_leaves(self.opt, params, params), dtype=self.accumulator_dtype)
        _, info = self._skip(with_moving(sums, params), zero_count(), params)
        return optax.MultiStepsState(zero_count(), zero_count(), self.opt.init(params), sums, info)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates after the last batch of a round, zeros after the others."""
        n, sums = state.mini_step, state.acc_grads
        skip, info = self._skip(grads, state.gradient_step, params)

        def add(g: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
            # A running mean stays in range where a sum would overflow.
            return g, a + (g - a) / (n + 1) if self.use_grad_mean else a + g

        moving = moving_leaves(self.opt, grads if params is None else params, grads)
        _, sums = map_unzip(add, moving, sums, place="MultiSteps.update")
        sums = where(skip, state.acc_grads, sums)
        every = as_whole(at_count(self, "every_k_schedule", state.gradient_step))
        emit = ~skip & (n >= every - 1)
        mean = with_moving(jax.tree.map(lambda a, g: a.astype(jnp.result_type(g)), sums, moving), grads)
        updates, inner = step_if(emit, self.opt, mean, state.inner_opt_state, params, **extra)
        return updates, optax.MultiStepsState(
            mini_step=jnp.where(emit, 0, jnp.where(skip, n, increment(n))),
            gradient_step=jnp.where(emit, increment(state.gradient_step), state.gradient_step),
            inner_opt_state=inner,
            acc_grads=jax.tree.map(lambda a: jnp.where(emit, jnp.zeros_like(a), a), sums),
            skip_state=info,
        )

    def cost(self, params: Params) -> Cost:
        """Count the sums each time, and the inner transform's cost once a round; a schedule's first round counts."""
        moving = moving_leaves(self.opt, params, params)
        sums = jax.eval_shape(lambda: full_like(moving, dtype=self.accumulator_dtype))
        every = float(jnp.asarray(at_count(self, "every_k_schedule", zero_count())))
        return total([Cost(2 * tree_bytes(sums)), total([cost(self.opt, params)], share=1 / every)])

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.opt, params)

    def has_updated(self, state: State) -> jax.Array:
        """Tell whether the step that returned `state` let the inner transform step."""
        return (state.mini_step == 0) & (state.gradient_step > 0)

    @property
    def inner_opt(self) -> Transform:
        """The inner transform, by the name of optax's property."""
        return self.opt

    def gradient_transformation(self) -> "MultiSteps":
        """Return itself; optax's class needs a conversion here."""
        return self

    def _skip(self, grads: Grads, step: jax.Array, params: Params) -> tuple[jax.Array, Any]:
        if self.should_skip_update_fn is None:
            return jnp.array(False), ()
        return self.should_skip_update_fn(grads, step, params)


@record
class ApplyIfFinite(Pair):
    """Step only when every entry of the gradient is finite; else the update is zero and the inner state is kept.

    After `max_consecutive_errors` such gradients in a row it gives up and lets them through, until one is finite
    again: optax's rule. State: two counters, a flag and the inner state.
    """

    inner: Transform = part(convert=as_transform)
    max_consecutive_errors: Scalar = hyper(interval="[0, inf]", whole=True)

    def init(self, params: Params) -> State:
        """Return a state that has seen no errors."""
        return optax.ApplyIfFiniteState(zero_count(), jnp.array(True), zero_count(), self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates, or zeros."""
        finite = all_finite(grads)
        row = jnp.where(finite, 0, increment(state.notfinite_count))
        step = finite | (row > self.max_consecutive_errors)
        updates, inner = step_if(step, self.inner, grads, state.inner_state, params, **extra)
        errors = jnp.where(finite, state.total_notfinite, increment(state.total_notfinite))
        return updates, optax.ApplyIfFiniteState(row, finite, errors, inner)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients, before anything is written, and the inner transform's cost."""
        return total([Cost(tree_bytes(params)), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


multi_steps = MultiSteps
apply_if_finite = ApplyIfFinite


def step_if(
    condition: jax.Array,
    inner: Transform,
    grads: Grads,
    state: State,
    params: Params,
    *,
    otherwise: Updates | None = None,
    **extra: Any,
) -> tuple[Updates, State]:
    """Return `inner.update` where the scalar `condition` holds, else `otherwise`, or zeros, and the same state.

    A `lax.cond`: only one side runs, except under `vmap` with a batched condition.
    """

    def step() -> tuple[Updates, State]:
        updates, new = inner.update(grads, state, params, **extra)
        # A foreign transform may change dtypes; the two sides of a cond may not differ.
        return updates, jax.tree.map(lambda x, old: jnp.asarray(x).astype(jnp.result_type(old)), new, state)

    def wait() -> tuple[Updates, State]:
        shapes = jax.eval_shape(step)[0]
        old = jax.tree.map(jnp.asarray, state)
        if otherwise is None:
            return jax.tree.map(jnp.zeros_like, shapes), old
        return jax.tree.map(lambda x, like: jnp.asarray(x).astype(like.dtype), otherwise, shapes), old

    return jax.lax.cond(condition, step, wait)
