"""Hypergradient descent and online scaled gradients: rates that learn from the gradient after each step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record
from jgd.core.pair import Pair
from jgd.core.tree import (
    all_finite,
    check_extra,
    check_fits,
    check_params,
    full_like,
    global_dot,
    increment,
    map_unzip,
    map_updates,
    ratio,
    safe_sqrt,
    scalar_of,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import apply_updates


@record
class HypergradientDescent(Pair):
    """Descend at a rate that grows while successive gradients agree.

    a = a + beta <g_t, g_(t-1)>; u = -(lr + a) g_t, beta the hyper learning rate (arXiv:1703.04782, Alg. 4).

    The inner product is over all leaves, and minus the slope of the loss at t by the rate at t-1. State: 4 bytes a
    parameter, a and a counter.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    hyper_learning_rate: Scalar = hyper(default=1e-4, interval="[0, inf)")
    called = "hypergradient_descent"

    def init(self, params: Params) -> State:
        """Return no gradient, and no change of the rate."""
        return HypergradientDescentState(full_like(params), scalar_of(params), zero_count())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step at the new rate."""
        rate: Any = at_count(self, "learning_rate", state.count)
        check_fits("HypergradientDescent.update", grads, state.grads)
        change = state.change + self.hyper_learning_rate * global_dot(grads, state.grads)
        updates, kept = map_unzip(
            lambda g, old: (-(rate + change) * g, g), grads, state.grads, place="HypergradientDescent.update"
        )
        return updates, HypergradientDescentState(kept, change.astype(state.change.dtype), increment(state.count))


class HypergradientDescentState(NamedTuple):
    """The state of hypergradient descent."""

    grads: State  # of the step before
    change: jax.Array  # f32[], of the rate since the beginning
    count: jax.Array  # i32[]


@record
class Osgm(Pair):
    """Learn a rate for each entry from trial steps.

    p+ = p - P g for a diagonal P; h = -g(p+) g / ||g||^2; G = G + h^2; P = P - lr h / sqrt(G + eps).

    OSGM-H (Gao et al. 2024, arXiv:2411.01803, with AdaGrad as its online learner): h is the slope of
    (f(p+) - f(p)) / ||g||^2 by P, and the step to p+ is taken only if f falls. P begins at `init_step_size`, and is
    halved where f or its gradient at p+ is not finite. `update` needs `value` and `value_fn`, as line searches do, and
    costs one more value and gradient. State: 8 bytes a parameter.
    """

    learning_rate: Scalar = hyper(interval="[0, inf)")
    init_step_size: Scalar = hyper(default=0.0)
    eps: Scalar = hyper(default=1e-20, interval="[0, inf)")
    called = "osgm"

    def init(self, params: Params) -> State:
        """Return the first scales, and no squares."""
        return OsgmState(full_like(params, self.init_step_size, real=True), full_like(params, real=True))

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        value: Any = None,
        value_fn: Callable[[Params], Any] | None = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return the step to the trial point or none, and the scales that would have been better."""
        place = "Osgm.update"
        check_params(place, params)
        check_extra(place, "value", value)
        check_extra(place, "value_fn", value_fn)
        fn: Any = value_fn
        rule: Osgm = jax.tree.map(jnp.asarray, self)
        updates, _ = map_unzip(lambda g, scale, p: (-scale * g, scale), grads, state.scale, place=place, read=(params,))
        trial, slopes = jax.value_and_grad(fn)(apply_updates(params, updates))
        finite = jnp.isfinite(trial) & all_finite(slopes)
        squares = global_dot(grads, grads)

        def learn(g: Any, scale: Any, total: Any, slope: Any) -> tuple[Any, ...]:
            h = ratio(-(slope * g).real, squares)  # JAX conjugates: this is the inner product
            h = jnp.where(finite, h, 0.0)
            total = total + h * h
            better = scale - rule.learning_rate * ratio(h, safe_sqrt(total + rule.eps))
            return g, jnp.where(finite, better, scale / 2), total

        _, scale, total = map_unzip(learn, grads, state.scale, state.total, place=place, read=(slopes,))
        # A gradient that is not finite stays one: zeros would hide it.
        taken = (finite & (widen(trial) < widen(value))) | ~jnp.isfinite(squares)
        return map_updates(lambda u: jnp.where(taken, u, 0.0), updates, place=place), OsgmState(scale, total)


class OsgmState(NamedTuple):
    """The state of online scaled gradients."""

    scale: State  # P, real
    total: State  # G, of squares


@optimizer(rates=(1e-3, 1e1))
def hypergradient_descent(learning_rate: Rate, hyper_learning_rate: Scalar = 1e-4) -> HypergradientDescent:
    """Gradient descent that learns its rate from successive gradients (Baydin et al. 2018, arXiv:1703.04782).

    No reference runs; held to a transcription of the paper. A schedule moves the rate that the changes are added to.
    """
    return HypergradientDescent(learning_rate, hyper_learning_rate)


@optimizer(rates=(1e-3, 1e1), needs=("value", "value_fn"))
def osgm(learning_rate: Scalar, init_step_size: Scalar = 0.0, eps: Scalar = 1e-20) -> Osgm:
    """Gradient descent that learns a rate for each entry by trial steps (Gao et al. 2024, arXiv:2411.01803).

    No reference runs; held to a transcription of the paper. `update` needs `value` and `value_fn`, as optax's line
    searches do. The learning rate is that of the rates: in its first steps each of them moves by about that much.
    """
    return Osgm(learning_rate, init_step_size, eps)
