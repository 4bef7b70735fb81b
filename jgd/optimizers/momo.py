"""MoMo: momentum methods whose rate is Polyak's step for a model of the loss."""

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.pair import Pair
from jgd.core.tree import (
    abs_sq,
    check_extra,
    check_params,
    full_like,
    global_dot,
    increment,
    map_unzip,
    one_minus_pow,
    ratio,
    safe_sqrt,
    scalar_of,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer


class MomoAdamState(NamedTuple):
    """The state of `MomoAdam`; the fields are optax's."""

    exp_avg: State
    exp_avg_sq: State
    barf: jax.Array  # f32[], a mean of losses
    gamma: jax.Array  # f32[], a mean of <g, x>
    lb: jax.Array  # f32[], the bound below the loss
    count: jax.Array  # i32[]


@record
class Momo(Pair):
    """Momentum at the rate min(lr, t), over all leaves (Schaipp et al. 2023, arXiv:2305.07583, Alg. 1).

    m, f and c are means of g, the loss and <g, x> that begin at their first values; with s = 1 + lr wd,
    t = max(s (f - lower_bound - c) + <m, x>, 0) / ||m||^2 and x = (x - min(lr, t) m) / s. Without `divide_step`,
    x = x / s - min(lr, t) m, which is optax's form. `update` needs the loss as `value`. State: 4 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    beta: Scalar = hyper(default=0.9, interval="[0, 1)")
    lower_bound: Scalar = hyper(default=0.0)
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    adapt_lower_bound: bool = static(default=False)
    _: KW_ONLY
    divide_step: bool = static(default=True)
    called = "momo"

    def init(self, params: Params) -> State:
        """Return no means, and the given bound."""
        scalars = scalar_of(params), scalar_of(params), scalar_of(params, self.lower_bound)
        return optax.contrib.MomoState(full_like(params), *scalars, zero_count())

    def update(
        self, grads: Grads, state: State, params: Params = None, *, value: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Return the step, and the next means and bound."""
        place, rule = "Momo.update", jax.tree.map(jnp.asarray, self)
        check_params(place, params)
        check_extra(place, "value", value)
        b = jnp.where(state.count == 0, 0.0, rule.beta)
        _, m = map_unzip(lambda g, m: (g, b * m + (1 - b) * g), grads, state.exp_avg, place=place)
        f = (b * state.barf + (1 - b) * jnp.asarray(value)).astype(state.barf.dtype)
        c = (b * state.gamma + (1 - b) * global_dot(grads, params)).astype(f.dtype)
        rate, square = at_count(rule, "learning_rate", state.count), global_dot(m, m)
        size, bound = _step_size(rule, rate, 1.0, f, c, global_dot(m, params), square, state.lb)

        def step(g: Any, m: Any, p: Any) -> tuple[Any, ...]:
            return _decayed(rule, rate, size * m, p), m

        updates, m = map_unzip(step, grads, m, place=place, read=(params,))
        return updates, optax.contrib.MomoState(m, f, c, bound, increment(state.count))


@record
class MomoAdam(Pair):
    """Adam at the rate min(lr / r, t), over all leaves (Schaipp et al. 2023, arXiv:2305.07583, Alg. 2).

    m, v, f and c are means of g, |g|^2, the loss and <g, x> from zero; r = 1 - b1^t, D = eps + sqrt(v / (1 - b2^t)).
    With s = 1 + lr wd, t = max(s (f - r lower_bound - c) + <m, x>, 0) / <m, m / D> and
    x = (x - min(lr / r, t) m / D) / s. Without `divide_step` the decay leaves the step as it is, which is optax's form.
    `update` needs the loss as `value`. State: 8 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1e-2, interval="[0, inf)")
    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    lower_bound: Scalar = hyper(default=0.0)
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    adapt_lower_bound: bool = static(default=False)
    _: KW_ONLY
    divide_step: bool = static(default=True)
    called = "momo_adam"

    def init(self, params: Params) -> State:
        """Return no means, and the given bound."""
        scalars = scalar_of(params), scalar_of(params), scalar_of(params, self.lower_bound)
        return MomoAdamState(full_like(params), full_like(params, real=True), *scalars, zero_count())

    def update(
        self, grads: Grads, state: State, params: Params = None, *, value: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Return the step, and the next means and bound."""
        place, rule = "MomoAdam.update", jax.tree.map(jnp.asarray, self)
        check_params(place, params)
        check_extra(place, "value", value)
        b1, b2, t = rule.b1, rule.b2, increment(state.count)
        r1, r2 = one_minus_pow(b1, t), one_minus_pow(b2, t)

        def gather(g: Any, m: Any, v: Any) -> tuple[Any, ...]:
            return g, b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * abs_sq(g)

        def direction(m: Any, v: Any) -> jax.Array:
            return ratio(widen(m), rule.eps + safe_sqrt(widen(v) / r2))

        _, m, v = map_unzip(gather, grads, state.exp_avg, state.exp_avg_sq, place=place)
        f = (b1 * state.barf + (1 - b1) * jnp.asarray(value)).astype(state.barf.dtype)
        c = (b1 * state.gamma + (1 - b1) * global_dot(grads, params)).astype(f.dtype)
        rate, square = at_count(rule, "learning_rate", state.count), global_dot(m, jax.tree.map(direction, m, v))
        size, bound = _step_size(rule, rate, r1, f, c, global_dot(m, params), square, state.lb)

        def step(g: Any, m: Any, v: Any, p: Any) -> tuple[Any, ...]:
            return _decayed(rule, rate, size * direction(m, v), p), m, v

        updates, m, v = map_unzip(step, grads, m, v, place=place, read=(params,))
        return updates, MomoAdamState(m, v, f, c, bound, t)


def _step_size(
    rule: Any, rate: Any, weight: Any, f: Any, c: Any, inner: Any, square: Any, bound: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the rate, and the next bound; `weight` is the sum of the weights of the means, `inner` <m, x>."""
    s = 1 + rate * rule.weight_decay
    reach, before = s * (f - c) + inner, bound
    if rule.adapt_lower_bound:
        lowered = jnp.maximum(reach / (2 * s * weight), rule.lower_bound)
        before = jnp.where(reach < s * weight * bound, lowered, bound)
    size = jnp.minimum(rate / weight, ratio(jnp.maximum(reach - s * weight * before, 0.0), square))
    if not rule.adapt_lower_bound:
        return size, bound
    after = jnp.maximum((f + inner - c - size * square / 2) / weight, rule.lower_bound)
    return size, after.astype(bound.dtype)


def _decayed(rule: Any, rate: Any, step: Any, p: Any) -> Any:
    """Return the update that takes a step down and decays, proximally."""
    decay = rate * rule.weight_decay
    return -(decay * p + step) / (1 + decay) if rule.divide_step else -(decay / (1 + decay) * p + step)


@optimizer(rates=(1e-2, 1e2), needs=("value",))
def momo(
    learning_rate: Rate = 1.0,
    beta: Scalar = 0.9,
    lower_bound: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    adapt_lower_bound: bool = False,
    *,
    divide_step: bool = True,
) -> Momo:
    """Momentum with Polyak's step up to the learning rate (Schaipp et al. 2023, arXiv:2305.07583).

    `update` needs the loss as `value`.
    """
    return Momo(learning_rate, beta, lower_bound, weight_decay, adapt_lower_bound, divide_step=divide_step)


@optimizer(rates=(1e-4, 1.0), needs=("value",))
def momo_adam(
    learning_rate: Rate = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    lower_bound: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    adapt_lower_bound: bool = False,
    *,
    divide_step: bool = True,
) -> MomoAdam:
    """Adam with Polyak's step up to the learning rate (Schaipp et al. 2023, arXiv:2305.07583).

    `update` needs the loss as `value`.
    """
    return MomoAdam(learning_rate, b1, b2, eps, lower_bound, weight_decay, adapt_lower_bound, divide_step=divide_step)
