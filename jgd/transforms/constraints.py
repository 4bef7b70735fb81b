"""Constraints on updates: none at all, none that is NaN, none that makes a parameter negative."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, record
from jgd.core.cost import Cost
from jgd.core.pair import Pair
from jgd.core.types import Grads, Params, State, Updates


@record
class SetToZero(Pair):
    """Replace every update by zero.

    u = 0, for leaves of any dtype: what is in charge of parameters that stay as they are, "frozen" in `by_path`.

    No state. `fit` computes no gradients for its leaves, which a norm before it then does not count.
    """

    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return zeros."""
        return jax.tree.map(jnp.zeros_like, grads), state

    def cost(self, params: Params) -> Cost:
        """Count nothing: nothing moves."""
        return Cost()

    def fixed(self, params: Params) -> Any:
        """Tell that updates are zero everywhere."""
        return jax.tree.map(lambda _: True, params)


set_to_zero = SetToZero


@record
class ZeroNans(Rule):
    """Replace entries that are not a number by zero.

    u = g, and 0 where g is NaN. State: a flag for each leaf, whether its last gradient had a NaN.
    """

    layout = optax.ZeroNansState
    keeps_zeros = True
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (jnp.zeros((), bool),)

    def step(self, t: Any, g: jax.Array, found: jax.Array) -> tuple[jax.Array, ...]:
        nan = jnp.isnan(g)
        return jnp.where(nan, 0, g), jnp.any(nan)


zero_nans = ZeroNans


@record
class KeepParamsNonnegative(Rule):
    """Keep the parameters from becoming negative.

    u = g, and -p where p + g is negative: after the step such a parameter is zero. The last link of a chain.
    """

    real = "no complex number is negative"

    def step(self, t: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        return jnp.where(p + g < 0, -p, g)


keep_params_nonnegative = KeepParamsNonnegative
