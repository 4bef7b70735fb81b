"""Clipping of the gradient of each example of a batch, and its private mean."""

import numbers
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.arguments import ARRAYS, FLAG, Kind, checked
from jgd.core.errors import InputError
from jgd.core.frozen import first_key, frozen_key, split_key
from jgd.core.pair import Pair
from jgd.core.tree import abs_sq, check_inexact, name_of, safe_sqrt, widen
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.clip import shrink
from jgd.transforms.noise import one_key

LIMIT = Kind(
    "be a number in [0, inf]",
    lambda x: isinstance(x, jax.Array) or (isinstance(x, numbers.Real) and not isinstance(x, bool) and float(x) >= 0),
)


@record
class DifferentiallyPrivateAggregate(Pair):
    """u = (sum over examples of g min(1, c / ||g||) + c s z) / batch, z standard normal (Abadi et al. 2016).

    (arXiv:1607.00133, Alg. 1.) It takes a gradient for each example, f[batch, ...] where the parameter is f[...], and
    comes first in a chain. `key` is a seed, or a random key that is known before compilation; 0 unless given. The draws
    are optax's, but for half-precision gradients, whose noise is drawn in float32. State: the key's data.
    """

    l2_norm_clip: Scalar = hyper(interval="[0, inf)")
    noise_multiplier: Scalar = hyper(interval="[0, inf)")
    key: Any = static(default=None, convert=frozen_key)
    called = "differentially_private_aggregate"

    def init(self, params: Params) -> State:
        """Return the first key."""
        return optax.contrib.DifferentiallyPrivateAggregateState(first_key(self.key))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the mean of the clipped gradients, with noise."""
        place, clip = "DifferentiallyPrivateAggregate.update", jnp.asarray(self.l2_norm_clip)
        batch, leaves = _batch(place, grads), jax.tree.leaves(grads)
        check_inexact(place, grads)
        kept, keys = split_key(self.key, state.rng_key, len(leaves) + 1)
        factors, deviation = _factors(grads, clip), clip * self.noise_multiplier
        updates = []
        for g, key in zip(leaves, keys, strict=True):
            x = _summed(factors, g)
            updates.append(_like((x + deviation * jax.random.normal(key, x.shape, x.dtype)) / batch, g))
        new = optax.contrib.DifferentiallyPrivateAggregateState(kept)
        return jax.tree.structure(grads).unflatten(updates), new


@checked(key=None, seed=None)
def differentially_private_aggregate(
    l2_norm_clip: Scalar, noise_multiplier: Scalar, key: Any = None, *, seed: Any = None
) -> DifferentiallyPrivateAggregate:
    """Clip the gradient of each example, and average them with noise; `seed` is another name of `key`."""
    key = one_key("differentially_private_aggregate", key, seed)
    return DifferentiallyPrivateAggregate(l2_norm_clip, noise_multiplier, key)


@checked(grads=ARRAYS, l2_norm_clip=LIMIT)
def per_example_global_norm_clip(grads: Grads, l2_norm_clip: Scalar) -> tuple[Updates, jax.Array]:
    """Sum the gradients g min(1, c / ||g||) of the examples, the norm of each taken over all leaves.

    The leaves are f[batch, ...]. Returns the sums, f[...], and the number of examples that were clipped, i32[].
    """
    _batch("per_example_global_norm_clip", grads)
    if not jax.tree.leaves(grads):
        return grads, jnp.zeros((), jnp.int32)
    factors = _factors(grads, l2_norm_clip)
    return jax.tree.map(lambda g: _like(_summed(factors, g), g), grads), jnp.sum(factors < 1)


@checked(grads=ARRAYS, global_l2_norm_clip=LIMIT, uniform=FLAG)
def per_example_layer_norm_clip(
    grads: Grads, global_l2_norm_clip: Scalar, uniform: bool = True
) -> tuple[Updates, Updates]:
    """Sum the gradients of the examples, each clipped leaf by leaf (McMahan et al. 2018, arXiv:1710.06963).

    The leaves are f[batch, ...]. The limit of a leaf is c / sqrt(leaves), or c sqrt(its share of the entries) without
    `uniform`. Returns the sums, f[...], and for each leaf the number of examples that were clipped, i32[].
    """
    batch = _batch("per_example_layer_norm_clip", grads)
    leaves, structure = jax.tree.flatten(grads)
    entries = sum(g.size for g in leaves) / max(batch, 1)
    shares = [1 / len(leaves) if uniform else g.size / max(batch, 1) / max(entries, 1) for g in leaves]
    rows = [
        per_example_global_norm_clip(g, global_l2_norm_clip * share**0.5)
        for g, share in zip(leaves, shares, strict=True)
    ]
    return structure.unflatten([row[0] for row in rows]), structure.unflatten([row[1] for row in rows])


def _batch(place: str, grads: Grads) -> int:
    """Return the number of examples, or the error that names the leaf that has another or none."""
    rows = [(path, jnp.shape(g)) for path, g in jax.tree_util.tree_leaves_with_path(grads)]
    batch = rows[0][1][:1] if rows else (1,)
    for path, shape in rows:
        if shape[:1] != batch or not shape:
            raise InputError(
                f"{place}: the gradient at {name_of(path)} has shape {shape}, expected (batch, ...) with one batch for "
                "all leaves; pass a gradient for each example, as jax.vmap of jax.grad returns them."
            )
    return batch[0]


def _factors(grads: Grads, limit: Scalar) -> jax.Array:
    """Compute min(1, limit / norm) for each example, f[batch]."""
    squares = [jnp.sum(abs_sq(widen(g)), tuple(range(1, g.ndim))) for g in jax.tree.leaves(grads)]
    return shrink(safe_sqrt(sum(squares, start=jnp.zeros((), jnp.float32))), limit)


def _summed(factors: jax.Array, g: jax.Array) -> jax.Array:
    return jnp.tensordot(factors, widen(g), axes=1, precision="highest")


def _like(x: jax.Array, g: jax.Array) -> jax.Array:
    """Cast to the gradient's dtype, unless that is one of integers."""
    return x.astype(g.dtype) if jnp.issubdtype(g.dtype, jnp.inexact) else x
