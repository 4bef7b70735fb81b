"""Clipping by running statistics of the gradients' norms, so that no threshold need be guessed."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record
from jgd.core.cost import Cost
from jgd.core.pair import Pair
from jgd.core.tree import (
    abs_sq,
    check_inexact,
    global_norm,
    increment,
    map_unzip,
    map_updates,
    moment_dtype,
    safe_sqrt,
    scalar_of,
    tree_bytes,
    zero_count,
)
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.clip import shrink


class AdagcState(NamedTuple):
    """The number of steps, and the running norm of each leaf, 0 before its first gradient that is not zero."""

    count: jax.Array  # i32[]
    norm: Params  # f32[] for each leaf


@record
class Adagc(Pair):
    """Clip each leaf's gradient by a running mean of its own norms.

    u = g min(1, clip_relative n / ||g||) for each leaf; n = decay n + (1-decay) ||u||.

    (Wang et al. 2025, arXiv:2502.11034.) At the first `warmup_steps` - 1 steps, and at the first of all, u = g min(1,
    clip_absolute / ||G||) with ||G|| the norm over all leaves, and n is the least ||u|| so far. A gradient of zeros,
    which would hold n and the leaf at zero ever after, is not counted, unlike in the source. State: a number for each
    leaf, and a counter.
    """

    decay: Scalar = hyper(default=0.98, interval="[0, 1)")
    clip_absolute: Scalar = hyper(default=1.0, interval="(0, inf]")
    clip_relative: Scalar = hyper(default=1.05, interval="(0, inf)")
    warmup_steps: Scalar = hyper(default=100, interval="[0, inf)", whole=True)
    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return a state that has seen no norms."""
        check_inexact("Adagc.init", params)
        norms = jax.tree.map(lambda p: jnp.zeros((), moment_dtype(p, real=True)), params)
        return AdagcState(zero_count(), norms)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the clipped gradients, and the norms that they have."""
        rule, count = jax.tree.map(jnp.asarray, self), increment(state.count)
        warming = (count < jnp.round(rule.warmup_steps)) | (count == 1)
        of_all = shrink(global_norm(grads), rule.clip_absolute)

        def clip(g: jax.Array, n: jax.Array) -> tuple[jax.Array, jax.Array]:
            size, known = safe_sqrt(jnp.sum(abs_sq(g))), n > 0
            factor = jnp.where(warming | ~known, of_all, shrink(size, rule.clip_relative * n))
            now = factor * size
            then = jnp.where(warming, jnp.minimum(n, now), rule.decay * n + (1 - rule.decay) * now)
            return factor * g, jnp.where(now == 0, n, jnp.where(known, then, now))

        updates, norms = map_unzip(clip, grads, state.norm, place="Adagc.update", entrywise=False)
        return updates, AdagcState(count, norms)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients, for the norm of all of them."""
        return Cost(tree_bytes(params))


adagc = Adagc


class ZclipState(NamedTuple):
    """The number of steps, and the mean and the variance of the norms."""

    count: jax.Array  # i32[]
    mean: jax.Array  # f32[]
    variance: jax.Array  # f32[]


@record
class Zclip(Pair):
    """Clip the whole gradient where its norm is unusual for this run.

    u = g c / ||g|| where ||g|| > c, with c = min(v, max_norm), over all leaves.

    (Kumar et al. 2025, arXiv:2504.02507.) With z = (||g|| - mean) / (std + eps), v is clip_factor (mean + z_threshold^2
    std / z) where z exceeds z_threshold: the larger the spike, the less is left of it; else v is ||g||. Then mean =
    alpha mean + (1-alpha) v, and var so of (v - mean)^2 with the new mean. At the first `warmup_steps` steps v is
    ||g||, and mean and variance are those of all norms so far. `max_norm` is `jnp.inf` for none. As in the authors'
    package the factor is c / (||g|| + 1e-6). State: two numbers and a counter.
    """

    alpha: Scalar = hyper(default=0.97, interval="[0, 1]")
    z_threshold: Scalar = hyper(default=2.5, interval="(0, inf)")
    warmup_steps: Scalar = hyper(default=25, interval="[1, inf)", whole=True)
    max_norm: Scalar = hyper(default=1.0, interval="(0, inf]")
    eps: Scalar = hyper(default=1e-6, interval="(0, inf)")
    clip_factor: Scalar = hyper(default=1.0, interval="(0, inf)")
    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return a state that has seen no norms."""
        check_inexact("Zclip.init", params)
        return ZclipState(zero_count(), scalar_of(params), scalar_of(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the clipped gradients."""
        rule, t, norm = jax.tree.map(jnp.asarray, self), increment(state.count), global_norm(grads)
        mean, std = state.mean, safe_sqrt(state.variance)
        warming = t <= jnp.round(rule.warmup_steps)
        z = (norm - mean) / (std + rule.eps)
        spike = ~warming & (z > rule.z_threshold)
        less = rule.clip_factor * (mean + rule.z_threshold**2 * std / jnp.where(spike, z, 1.0))
        value = jnp.where(spike, less, norm)
        limit = jnp.minimum(value, rule.max_norm)
        factor = jnp.where(norm > limit, limit / (norm + 1e-6), jnp.where(jnp.isnan(norm), norm, 1.0))
        kept = jnp.where(warming, 1 - 1 / t.astype(norm.dtype), rule.alpha)
        new = kept * mean + (1 - kept) * value
        # Of all norms so far, one factor is of the old mean (Welford); of a running one both are of the new.
        variance = kept * state.variance + (1 - kept) * (value - new) * (value - jnp.where(warming, mean, new))
        updates = map_updates(lambda g: factor * g, grads, place="Zclip.update")
        return updates, ZclipState(t, new.astype(mean.dtype), variance.astype(mean.dtype))

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients: none may be scaled before all have been seen."""
        return Cost(tree_bytes(params))


zclip = Zclip
