"""Hyperball: matrices that keep the norm with which they began, so that the rate is an angle."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, hyper, part, record
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import abs_sq, check_inexact, check_params, map_unzip, moment_dtype, safe_sqrt, tree_bytes, widen
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.transforms.scale import as_rule, init_rate, next_rate


class HyperballState(NamedTuple):
    """The counter of a schedule, the radius of each leaf, and the state of the rule."""

    rate: State
    radius: Params  # f32[] for each leaf; 0 where it is none of a ball
    inner_state: State


@record
class Hyperball(Pair):
    """Keep the norm of each matrix, and let `inner` only turn it.

    W = R n(W - lr R n(u)), with n(x) = x / max(||x||, eps), R = ||W|| at first, and u the updates of `inner`.

    (Wen et al. 2025, tinyurl.com/muonh, as heavyball's HyperBallAdamW and NVIDIA's MuonHyperball have it.) Norms are
    Frobenius norms of leaves. `hyperball(scale_by_muon(), 0.02)` is MuonH, `hyperball(scale_by_adam(), 0.02)` AdamH;
    `inner` is a rule, and only the direction of its update counts. A decay would have no effect on the norm: leave it
    out, or have it turn the update as heavyball does, by `chain(scale_by_adam(), add_decayed_weights(0.1))`.

    Leaves with fewer than two axes, and matrices that begin at zero, which have no radius, take plain steps: -lr u, as
    with heavyball. `partition` and `by_path` give them, or an embedding, another optimizer with a rate of its own.
    A leaf is one ball: a stack of matrices keeps its norm as a whole. State: the rule's, and a number for each leaf.
    """

    inner: Transform = part(convert=as_rule)
    learning_rate: Rate = hyper(interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="(0, inf)")

    def init(self, params: Params) -> State:
        """Return the radii and the rule's state."""
        check_inexact("Hyperball.init", params)
        return HyperballState(init_rate(self.learning_rate), jax.tree.map(_radius, params), self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the way to the next point of each ball."""
        check_params("Hyperball.update", params)
        updates, inner = self.inner.update(grads, state.inner_state, params, **extra)
        lr, rate = next_rate(self, "learning_rate", state.rate)
        lr, eps = jnp.asarray(lr), jnp.asarray(self.eps)

        def turn(u: jax.Array, radius: jax.Array, p: jax.Array) -> tuple[jax.Array, jax.Array]:
            if p.ndim < 2:
                return -lr * u, radius
            there = p - lr * radius * _normalized(u, eps)
            there = radius * _normalized(there, eps)
            return jnp.where(radius > 0, there - p, -lr * u), radius

        updates, radius = map_unzip(
            turn, updates, state.radius, place="Hyperball.update", read=(params,), what="update", entrywise=False
        )
        return updates, HyperballState(rate, radius, inner)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the updates, for their norms, and one over both for those of the next points."""
        large = [p for p in jax.tree.leaves(params) if jnp.ndim(p) > 1]
        return total([Cost(3 * tree_bytes(large)), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Tell where the rule's updates are zero."""
        return fixed_leaves(self.inner, params)


hyperball = Hyperball


def _norm(x: jax.Array) -> jax.Array:
    return safe_sqrt(jnp.sum(abs_sq(x)))


def _normalized(x: jax.Array, eps: jax.Array) -> jax.Array:
    """Return x / max(||x||, eps); of zeros the slope is zero, as 1 / eps would leave float16 on the way back."""
    norm = _norm(x)
    return x * jnp.where(norm > 0, 1 / jnp.maximum(norm, eps), 0.0)


def _radius(p: Any) -> jax.Array:
    return _norm(widen(p)) if jnp.ndim(p) > 1 else jnp.zeros((), moment_dtype(p, real=True))
