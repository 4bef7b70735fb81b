"""The rate and a weight decay that depends on it, in one: the last link of a chain."""

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, hyper, record, static
from jgd.core.arguments import COUNT, MASK
from jgd.core.frozen import frozen
from jgd.core.leaves import check_patterns, leaf_flags
from jgd.core.pair import Pair
from jgd.core.tree import check_params, increment, map_updates, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count


class CorrectedDecayState(NamedTuple):
    """The number of steps taken."""

    count: jax.Array  # i32[]


@record
class ScaleWithCorrectedDecay(Pair):
    """Step by the learning rate, and decay by its square over the peak.

    u = -lr (g + wd (lr / peak) p), and -lr g where `mask` is not true: rate and decay in one, last in a chain.

    (AdamC, Defazio 2025, arXiv:2506.02285, who decays so the layers that a normalisation follows.) `peak` is the
    schedule's largest value; one that has a `peak_value` needs none. State: an i32 counter.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")
    mask: Any = static(default=None, convert=frozen, expect=MASK)
    peak: Scalar | None = hyper(default=None, interval="(0, inf)")

    def init(self, params: Params) -> State:
        """Return a counter."""
        if isinstance(self.mask, str):
            check_patterns("ScaleWithCorrectedDecay(mask)", [self.mask], params)
        return CorrectedDecayState(zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return a step down the gradient and the decay."""
        place = "ScaleWithCorrectedDecay.update"
        check_params(place, params)
        rate, decay = (at_count(self, name, state.count) for name in ("learning_rate", "weight_decay"))
        decay = decay * rate / self.largest_rate()
        # Where nothing decays the compiler drops what is added, a multiple of the constant zero.
        decayed = jax.tree.map(lambda keep, p: p if keep else jnp.zeros_like(p), leaf_flags(self.mask, params), params)
        updates = map_updates(lambda g, p: -rate * (g + decay * p), grads, decayed, place=place)
        return updates, CorrectedDecayState(increment(state.count))

    def largest_rate(self) -> Scalar:
        """Return `peak`, or else that of the schedule."""
        peak = getattr(self.learning_rate, "peak_value", None) if self.peak is None else self.peak
        if peak is None:
            raise InputError(
                f"ScaleWithCorrectedDecay(learning_rate={self.learning_rate!r}): its largest value is not known; pass "
                "peak, or a schedule that has a peak_value."
            )
        return peak


scale_with_corrected_decay = ScaleWithCorrectedDecay


class ScaleThenDecayState(NamedTuple):
    """The number of steps taken."""

    count: jax.Array  # i32[]


@record
class ScaleThenDecay(Pair):
    """Step by the learning rate, and then decay the weights.

    p <- (p - lr g)(1 - lr wd), and p - lr g where `mask` is not true: rate and decay in one, last in a chain.

    Decay comes after the step and shrinks it as well, as SOAP, SPlus, GaLore, Fira and APOLLO have it: lr^2 wd g more
    than decoupled decay. In the first `start` steps nothing decays. A record that inherits from it may multiply lr by a
    `rate_of_shape`. State: an i32 counter.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")
    mask: Any = static(default=None, convert=frozen, expect=MASK)
    _: KW_ONLY
    start: int = static(default=0, expect=COUNT)

    def init(self, params: Params) -> State:
        """Return a counter."""
        if isinstance(self.mask, str):
            check_patterns("ScaleThenDecay(mask)", [self.mask], params)
        return ScaleThenDecayState(zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return a step down the gradient, then the decay."""
        place = "ScaleThenDecay.update"
        check_params(place, params)
        rate, decay = (at_count(self, name, state.count) for name in ("learning_rate", "weight_decay"))
        shrink = jnp.where(state.count < self.start, 0.0, rate * decay) if self.start else rate * decay
        # Constants, which the compiler folds.
        flags = jax.tree.map(lambda keep, p: jnp.full(jnp.shape(p), keep), leaf_flags(self.mask, params), params)

        def step(g: jax.Array, p: jax.Array, keep: jax.Array) -> jax.Array:
            size = self.rate_of_shape(jnp.shape(p))
            step = size * rate * g
            return -step - jnp.where(keep, size * shrink * (p - step), 0)

        updates = map_updates(step, grads, params, flags, place=place)
        return updates, ScaleThenDecayState(increment(state.count))

    def rate_of_shape(self, shape: tuple[int, ...]) -> Scalar:
        """Return the rate of leaves of a shape over the learning rate."""
        return 1.0

    def rate_factors(self, params: Params) -> list[tuple[Scalar, int] | None]:
        """Return for each leaf its size and the power of it, 1; `None` where the size is 1."""
        sizes = [self.rate_of_shape(jnp.shape(x)) for x in jax.tree.leaves(params)]
        return [None if isinstance(size, float) and size == 1 else (size, 1) for size in sizes]


scale_then_decay = ScaleThenDecay
