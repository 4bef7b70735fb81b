"""Lookahead: slow parameters that follow those of another optimizer every few steps."""

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, check_params, copied, increment, map_unzip, tree_bytes, where, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.transforms.as_transform import as_transform


class LookaheadSlowState(NamedTuple):
    """The state of the fast optimizer, the steps since the two met, and the slow parameters."""

    fast_state: State
    steps_since_sync: jax.Array  # i32[]
    slow: Params


@record
class Lookahead(Pair):
    """Let `fast_optimizer` step; after each k = `sync_period` steps s = s + alpha (p - s), and p = s.

    alpha is `slow_step_size` (Zhang et al. 2019, arXiv:1907.08610). The slow parameters s, which `jgd.eval_params`
    returns, are kept in the state: 4 bytes a parameter, beside a counter and the fast state. With `reset_state` the
    fast state begins anew whenever they meet. Put it around everything that changes the updates.

    Where `init` is given an `optax.LookaheadParams` of fast and slow parameters, the slow ones are kept there, as in
    optax: `update` takes the gradient at the fast parameters and returns updates of both. Without `slow_in_state` this
    is the only form, and `init` may be given the fast parameters alone.
    """

    fast_optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    sync_period: Scalar = hyper(interval="[1, inf)", whole=True)
    slow_step_size: Scalar = hyper(interval="[0, inf)")
    reset_state: bool = static(default=False)
    _: KW_ONLY
    slow_in_state: bool = static(default=True)

    def init(self, params: Params) -> State:
        """Return the fast state, a counter, and a copy of the parameters unless they are a pair."""
        if isinstance(params, optax.LookaheadParams):
            params = params.fast
        elif self.slow_in_state:
            return LookaheadSlowState(self.fast_optimizer.init(params), zero_count(), copied(params))
        return optax.LookaheadState(fast_state=self.fast_optimizer.init(params), steps_since_sync=zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the fast updates, or those that lead both to one point."""
        check_params("Lookahead.update", params)
        before, steps = state.fast_state, state.steps_since_sync
        fast, slow = self._split(state, params)
        updates, inner = self.fast_optimizer.update(grads, before, fast, **extra)
        period = as_whole(self.sync_period)
        meet, rate = steps >= period - 1, jnp.asarray(self.slow_step_size)

        def step(u: jax.Array, s: jax.Array, p: jax.Array) -> tuple[jax.Array, jax.Array]:
            new = s + rate * (p + u - s)
            return jnp.where(meet, new - p, u), jnp.where(meet, new, s)

        updates, new_slow = map_unzip(step, updates, slow, place="Lookahead.update", read=(fast,))
        if self.reset_state:
            inner = where(meet, cast_like(self.fast_optimizer.init(fast), inner), inner)
        inner, steps = cast_like(inner, before), jnp.where(meet, 0, increment(steps))
        if isinstance(state, LookaheadSlowState):
            return updates, LookaheadSlowState(inner, steps, new_slow)
        moved = jax.tree.map(jnp.subtract, new_slow, slow)
        return optax.LookaheadParams(fast=updates, slow=moved), optax.LookaheadState(
            fast_state=inner, steps_since_sync=steps
        )

    def eval_params(self, state: State, params: Params) -> Params:
        """Return the slow parameters."""
        return self._split(state, params)[1]

    def cost(self, params: Params) -> Cost:
        """Count the slow parameters read and written, beside the fast optimizer's cost."""
        fast = params.fast if isinstance(params, optax.LookaheadParams) else params
        return total([Cost(2 * tree_bytes(fast)), cost(self.fast_optimizer, fast)])

    def fixed(self, params: Params) -> Any:
        """Tell where the fast updates are zero."""
        if isinstance(params, optax.LookaheadParams):
            flags = self.fixed(params.fast)
            return optax.LookaheadParams(fast=flags, slow=flags)
        return fixed_leaves(self.fast_optimizer, params)

    def _split(self, state: State, params: Params) -> tuple[Params, Params]:
        """Return the fast and the slow parameters."""
        in_state, paired = isinstance(state, LookaheadSlowState), isinstance(params, optax.LookaheadParams)
        if in_state == paired:
            ours = "keeps the slow parameters" if in_state else "keeps no slow parameters"
            theirs = "an optax.LookaheadParams" if paired else "the fast ones alone"
            raise InputError(
                f"Lookahead.update: the state {ours}, but params is {theirs}; call init and update with parameters of "
                "one kind."
            )
        return (params.fast, params.slow) if paired else (params, state.slow)  # pyright: ignore


lookahead = Lookahead
