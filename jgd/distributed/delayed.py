"""Gradients that arrive late, as from workers that nobody waits for."""

import math
import numbers
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, hyper, part, record, static
from jgd.core.arguments import COUNT, TRANSFORM, Kind, checked, shown
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import check_fits, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.transforms.as_transform import as_transform
from jgd.transforms.wrappers import step_if

LONGEST = Kind(f"{COUNT.expected}, or None for the delay itself", lambda x: x is None or COUNT.admits(x))


class DelayedState(NamedTuple):
    """The gradients that wait, a ring: how many, where the next one goes, and they; and the inner state."""

    count: jax.Array  # i32[], at most longest
    place: jax.Array  # i32[], below longest
    waiting: Grads  # [longest, ...]
    inner_state: State


@record
class Delayed(Pair):
    """Let `inner` step at the gradient of `steps` steps ago; `delayed` makes it."""

    called = "delayed"

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    steps: Scalar = hyper(interval="[0, inf)", whole=True)
    longest: int = static(expect=COUNT)

    def check_fields(self) -> None:
        """Refuse a delay for which there is no room."""
        if isinstance(self.steps, float) and self.steps > self.longest:
            raise InputError(
                f"delayed(steps={self.steps:g}, longest={self.longest}): steps must be at most longest, the number of "
                "gradients that are kept."
            )

    def init(self, params: Params) -> State:
        """Return room for the gradients, and the inner state."""
        waiting = jax.tree.map(lambda p: jnp.zeros((self.longest, *jnp.shape(p)), jnp.result_type(p)), params)
        return DelayedState(zero_count(), zero_count(), waiting, self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates at the gradient that is due, zeros until there is one."""
        check_fits("Delayed.update", grads, state.waiting, shaped=False)
        late, room = as_whole(self.steps), max(self.longest, 1)

        def due(g: jax.Array, waiting: jax.Array) -> jax.Array:
            if not self.longest:
                return g
            old = jax.lax.dynamic_index_in_dim(waiting, (state.place - late) % room, keepdims=False)
            return jnp.where(late == 0, g, old.astype(g.dtype))

        def kept(g: jax.Array, waiting: jax.Array) -> jax.Array:
            return waiting.at[state.place].set(g.astype(waiting.dtype)) if self.longest else waiting

        old = jax.tree.map(due, grads, state.waiting)
        updates, inner = step_if(state.count >= late, self.inner, old, state.inner_state, params, **extra)
        waiting = jax.tree.map(kept, grads, state.waiting)
        count = jnp.minimum(state.count + 1, self.longest)
        return updates, DelayedState(count, (state.place + 1) % room, waiting, inner)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


@checked(inner=TRANSFORM, steps=None, longest=LONGEST)
def delayed(inner: Any, steps: Scalar, longest: int | None = None) -> Delayed:
    """Let `inner` step at time t with the gradient of time t - steps, at the parameters of time t.

    It shows on one device what an asynchronous or pipelined run would do: p_{t+1} = p_t + inner(g(p_{t - steps})).
    There are no updates until the first gradient is due. `steps` is a leaf, at most `longest`, which is `steps` itself
    unless given: a sweep over delays needs `longest`, and tries them in one program. Gradient descent with the rate r
    on a curvature a is stable below r a = 2 sin(pi / (2 (2 steps + 1))): 2, 1, 0.62, 0.45 and 0.35 for 0 to 4 steps.
    Extra arguments, such as `value`, are those of time t.

    State: `longest` gradients in the parameters' dtypes, a counter, and the inner state.
    """
    if longest is None:
        if isinstance(steps, bool) or not isinstance(steps, numbers.Real) or not math.isfinite(steps):
            raise InputError(
                f"delayed(steps={shown(steps)}): steps must be a whole number, at least 0, or the largest one must be "
                "given as longest."
            )
        longest = max(int(steps), 0)
    return Delayed(inner, steps, longest)  # pyright: ignore
