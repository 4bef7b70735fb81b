"""Sums of several batches' gradients in a chain, and the gradients that an accumulation leaves out."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record
from jgd.core.arguments import ARRAY, ARRAYS, checked
from jgd.core.pair import Pair
from jgd.core.tree import abs_sq, full_like, increment, map_unzip, widen, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole


@record
class ApplyEveryK(Pair):
    """Add up the gradients of several batches, and pass the sum on once in so many steps.

    u = the sum of the last k gradients in every k-th step, and 0 in the others.

    The other links of a chain run in each step; `multi_steps` lets an inner transform wait. A sum that became NaN is
    forgotten with the next round (optax multiplies it by zero, and keeps it). State: 4 bytes a parameter and a counter.
    """

    k: Scalar = hyper(default=1, interval="[1, inf)", whole=True)
    called = "apply_every"  # optax has a class ApplyEvery, the state

    def init(self, params: Params) -> State:
        """Return an empty sum."""
        return optax.ApplyEvery(zero_count(), full_like(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the sum after the last gradient of a round, zeros after the others."""
        sums, count = state.grad_acc, state.count  # every tuple has a method `count`
        k = as_whole(self.k)
        n = count % k

        def add(g: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
            a = g + jnp.where(n == 0, 0, a)
            return jnp.where(n == k - 1, a, 0), a

        updates, sums = map_unzip(add, grads, sums, place="ApplyEveryK.update")
        return updates, optax.ApplyEvery(increment(count) % k, sums)


apply_every = ApplyEveryK


@checked(updates=ARRAYS)
def skip_not_finite(updates: Updates, gradient_step: Any, params: Params) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Tell `multi_steps(should_skip_update_fn=...)` to leave out a gradient with an entry that is not finite.

    Returns the flag, and what `skip_state` keeps: it, and the number of such entries.
    """
    counts = [jnp.sum(~jnp.isfinite(u)) for u in jax.tree.leaves(updates)]
    found = sum(counts, start=zero_count())
    return found > 0, {"should_skip": found > 0, "num_not_finite": found}


@checked(updates=ARRAYS, max_squared_norm=ARRAY)
def skip_large_updates(
    updates: Updates, gradient_step: Any, params: Params, max_squared_norm: Scalar
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Tell `multi_steps` to leave out a gradient whose squared norm is `max_squared_norm` or more, or not a number.

    Bind the bound first: `functools.partial(skip_large_updates, max_squared_norm=1.0)`. Returns the flag, and what
    `skip_state` keeps: it, and the squared norm over all leaves, summed in float32 at least.
    """
    squares = [jnp.sum(abs_sq(widen(u))) for u in jax.tree.leaves(updates)]
    norm = sum(squares, start=jnp.zeros((), jnp.float32))
    skip = ~(norm < max_squared_norm)
    return skip, {"should_skip": skip, "norm_squared": norm}
