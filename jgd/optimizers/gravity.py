"""Gravity: a mean of gradients whose large entries are damped."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.rule import RuleState
from jgd.core.tree import abs_sq, ratio, zeros
from jgd.core.types import Params, Rate, Scalar, State
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer


@record
class Gravity(Rule):
    """Step along a mean of gradients whose large entries are damped.

    v = b_t v + (1-b_t) g / (1 + |g max |g||^2); u = -lr v; b_t = (beta t + 1) / (t + 2), the maximum over a leaf.

    v begins as normal noise of deviation alpha / lr, of a key that is always the same (Bahrami & Zadeh 2021,
    arXiv:2101.09192). State: 4 bytes a parameter and a counter.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    beta: Scalar = hyper(default=0.9, interval="[0, 1]")
    alpha: Scalar = hyper(default=0.0, interval="[0, inf)")
    layout = ("v",)
    called = "gravity"

    def init(self, params: Params) -> State:
        """Return a counter and the first velocities."""
        state = Rule.init(self, params)
        leaves, structure = jax.tree.flatten(state.slots["v"])
        size = ratio(jnp.asarray(self.alpha), jnp.asarray(at_count(self, "learning_rate", 0)))
        keys = jax.random.split(jax.random.key(0), max(len(leaves), 1))
        drawn = [
            (v + size * jax.random.normal(k, v.shape, v.dtype)).astype(v.dtype)  # v, so that it lies as the leaf does
            for k, v in zip(keys, leaves, strict=False)
        ]
        return RuleState(state.count, {"v": structure.unflatten(drawn)})

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p),)

    def shared(self, t: jax.Array) -> Any:
        """Return the rate and the decay at this step."""
        return at_count(self, "learning_rate", t - 1), (self.beta * t + 1) / (t + 2)

    def step(self, shared: Any, g: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        rate, decay = shared
        largest = jnp.max(jnp.abs(g), initial=0.0)
        v = decay * v + (1 - decay) * g / (1 + abs_sq(g * largest))
        return -rate * v, v


@optimizer(rates=(1e-3, 1e1))
def gravity(learning_rate: Rate, beta: Scalar = 0.9, alpha: Scalar = 0.0) -> Gravity:
    """Descend by a mean of gradients whose large entries are damped (Bahrami & Zadeh 2021, arXiv:2101.09192).

    `alpha` makes the first velocities random, as in the paper; 0, the default, begins at rest.
    """
    return Gravity(learning_rate, beta, alpha)
