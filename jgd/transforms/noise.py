"""Gaussian noise on gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.arguments import checked
from jgd.core.errors import InputError
from jgd.core.frozen import first_key, frozen_key, split_key
from jgd.core.pair import Pair
from jgd.core.tree import check_inexact, increment, safe_sqrt, widen, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class AddNoise(Pair):
    """u = g + sqrt(eta / t^gamma) z with standard normal z (Neelakantan et al. 2015, arXiv:1511.06807).

    `key` is a seed, or a random key that is known before compilation; 0 unless given. The draws are optax's, but for
    half-precision gradients, whose noise is drawn in float32. State: an i32 counter and the key's data.
    """

    eta: Scalar = hyper(interval="[0, inf)")
    gamma: Scalar = hyper(interval="[0, inf)")
    key: Any = static(default=None, convert=frozen_key)
    called = "add_noise"

    def init(self, params: Params) -> State:
        """Return a counter at zero, and the first key."""
        return optax.AddNoiseState(zero_count(), first_key(self.key))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients with noise."""
        t = increment(state.count)
        deviation = safe_sqrt(jnp.asarray(self.eta) / t**self.gamma)
        kept, (key,) = split_key(self.key, state.rng_key)
        leaves, structure = jax.tree.flatten(grads)
        check_inexact("AddNoise.update", grads)
        keys = jax.random.split(key, max(len(leaves), 1))
        updates = [
            (widen(g) + deviation * jax.random.normal(k, jnp.shape(g), widen(g).dtype)).astype(jnp.result_type(g))
            for g, k in zip(leaves, keys, strict=False)
        ]
        return structure.unflatten(updates), optax.AddNoiseState(t, kept)


@checked(eta=None, key=None, seed=None)  # eta is a variance here
def add_noise(eta: Scalar, gamma: Scalar, key: Any = None, *, seed: Any = None) -> AddNoise:
    """Add Gaussian noise of the variance eta / t^gamma; `seed` is another name of `key`."""
    return AddNoise(eta, gamma, one_key("add_noise", key, seed))


def one_key(place: str, key: Any, seed: Any) -> Any:
    """Return the key or the seed that was given; refuse both together."""
    if key is not None and seed is not None:
        raise InputError(f"{place}(key={key!r}, seed={seed!r}): key and seed are one thing; pass key alone.")
    return seed if key is None else key
