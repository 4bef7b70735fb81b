"""Schedule-free learning: any optimizer with a constant rate, whose averaged parameters need no decay of it."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM
from jgd.core.cost import Cost, cost, total
from jgd.core.frozen import dtype_name
from jgd.core.pair import Pair
from jgd.core.tree import (
    abs_sq,
    check_inexact,
    check_params,
    increment,
    map_unzip,
    moment_dtype,
    one_minus_pow,
    ratio,
    safe_sqrt,
    scalar_of,
    tree_bytes,
    widen,
    zeros,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.radam import rectification
from jgd.optimizers.rmsprop import scale_by_rms
from jgd.optimizers.sgd import sgd
from jgd.schedules import linear_warmup_schedule, warmup_constant_schedule
from jgd.transforms import add_decayed_weights, as_transform, chain


@record
class ScheduleFree(Pair):
    """Train without a schedule, between fast parameters and their average.

    z = z + u(y); x = (1-c) x + c z; y = (1-b1) z + b1 x, with c = w / (w_1 + ... + w_t) and w = t^r max(lr)^k.

    (Defazio et al. 2024, arXiv:2405.15682.) The parameters are y, where gradients are taken, and u is the step of
    `base_optimizer`, which should have no momentum; x, the average, is what to evaluate: `jgd.eval_params`. k is
    `weight_lr_power`. `learning_rate` is the base's, constant but for a warm-up, and only weighs the average. It is
    computed as y = y + c (z - y) + (1 - b1 (1-c)) u with the old z, which divides by nothing.

    optax gives the schedule of the weights the number of the step, which is 1 at first, while the base's sees 0:
    `weights_ahead`. The state is optax's and holds b1 and z; z is in the parameters' dtypes or in `state_dtype`.
    State: 4 bytes a parameter and the base's.
    """

    base_optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    learning_rate: Rate = hyper(interval="[0, inf)")
    b1: Scalar = hyper(default=0.9, interval="(0, 1]")
    weight_lr_power: Scalar = hyper(default=2.0, interval="[0, inf)")
    state_dtype: Any = static(default=None, convert=dtype_name)
    _: KW_ONLY
    weights_ahead: bool = static(default=False)
    r: Scalar = hyper(default=0.0, interval="[0, inf)")

    def init(self, params: Params) -> State:
        """Return z, which begins at the parameters as y and x do, the base's state, and no weights."""
        check_inexact("ScheduleFree.init", params)
        return optax.contrib.ScheduleFreeState(
            b1=scalar_of(params, self.b1),
            weight_sum=scalar_of(params),
            step_count=jnp.ones((), jnp.int32),
            max_lr=scalar_of(params),
            base_optimizer_state=self.base_optimizer.init(params),
            z=jax.tree.map(self._copy, params),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of y; z takes the base's own."""
        check_params("ScheduleFree.update", params)
        z, base_state = state.z, state.base_optimizer_state
        steps, base_state = self.base_optimizer.update(grads, base_state, params, **extra)
        b1 = jnp.asarray(self.b1)
        count = state.step_count if self.weights_ahead else state.step_count - 1
        rate = at_count(self, "learning_rate", count)
        largest = jnp.maximum(state.max_lr, widen(rate))
        weight = state.step_count ** jnp.asarray(self.r) * _power(largest, jnp.asarray(self.weight_lr_power))
        total_weight = state.weight_sum + weight
        c = ratio(weight, total_weight)

        def move(u: jax.Array, z: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
            return c * (z - y) + (1 - b1 * (1 - c)) * u, z + u

        updates, z = map_unzip(move, steps, z, place="ScheduleFree.update", read=(params,))
        return updates, optax.contrib.ScheduleFreeState(
            b1=b1.astype(state.b1.dtype),
            weight_sum=total_weight.astype(state.weight_sum.dtype),
            step_count=increment(state.step_count),
            max_lr=largest.astype(state.max_lr.dtype),
            base_optimizer_state=base_state,
            z=z,
        )

    def cost(self, params: Params) -> Cost:
        """Count the sequence z in and out, and the base's cost."""
        z = jax.eval_shape(lambda p: jax.tree.map(self._copy, p), params)
        return total([Cost(2 * tree_bytes(z)), cost(self.base_optimizer, params)])

    def _copy(self, p: Any) -> jax.Array:
        return jnp.array(p, moment_dtype(p, self.state_dtype) if self.state_dtype else jnp.result_type(p), copy=True)


schedule_free = ScheduleFree


@record
class ScaleByRectifiedRms(Rule):
    """Scale by RMSProp's second moment once it can be trusted.

    u = g / (sqrt(v^) + eps), RMSProp's with bias correction, from the step on at which RAdam trusts v; else u = g.

    (Liu et al. 2020, arXiv:1908.03265, with a threshold of 4.) State: 4 bytes a parameter and a counter.
    """

    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("nu",)

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p, real=True),)

    def shared(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the bias correction, and whether v is trusted."""
        return 1 / one_minus_pow(self.b2, t), rectification(self.b2, t, 4.0)[0]

    def step(self, shared: Any, g: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        correction, trusted = shared
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        return g / jnp.where(trusted, safe_sqrt(correction * v) + self.eps, 1.0), v


scale_by_rectified_rms = ScaleByRectifiedRms


@record
class RectifiedRate:
    """Rectify a rate as RAdam does: lr r_t; while r_t is not yet defined 0 with `silent_sgd_phase`, else lr."""

    learning_rate: Scalar = hyper(interval="[0, inf)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    silent_sgd_phase: bool = static(default=True)

    def __call__(self, count: Any) -> jax.Array:
        """Return the rate of the step before which `count` were taken."""
        rate, b2 = widen(self.learning_rate), widen(self.b2)
        rectified, r = rectification(b2, jnp.asarray(count) + 1, 4.0)
        return rate * (jnp.where(rectified, r, 0.0) if self.silent_sgd_phase else r)


rectified_rate = RectifiedRate


@optimizer(rates=(1e-3, 1e1))
def schedule_free_sgd(
    learning_rate: Scalar = 1.0,
    warmup_steps: Scalar | None = None,
    b1: Scalar = 0.9,
    weight_decay: Rate | None = None,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
    *,
    warmup_from_zero: bool = False,
) -> ScheduleFree:
    """SGD without a schedule, evaluated at the average of its steps (Defazio et al. 2024, arXiv:2405.15682).

    `jgd.eval_params(optimizer, state, params)` is what to evaluate. The weight decay is part of the gradient, taken
    where that is. The warm-up begins at learning_rate / warmup_steps, as the authors' package has it; optax's begins at
    0 for the steps, though not for the weights of the average.
    """
    rate = _warmed(learning_rate, warmup_steps, warmup_from_zero)
    base = sgd(rate) if weight_decay is None else chain(add_decayed_weights(weight_decay), sgd(rate))
    return ScheduleFree(base, rate, b1, weight_lr_power, state_dtype, weights_ahead=warmup_from_zero)


@optimizer(rates=(1e-4, 1e0))
def schedule_free_adamw(
    learning_rate: Scalar = 0.0025,
    warmup_steps: Scalar | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
    *,
    warmup_from_zero: bool = False,
) -> ScheduleFree:
    """AdamW without a schedule, evaluated at the average of its steps (Defazio et al. 2024, arXiv:2405.15682).

    `jgd.eval_params(optimizer, state, params)` is what to evaluate. The warm-up begins at learning_rate / warmup_steps,
    as the authors' package has it; optax's begins at 0 for the steps, though not for the weights of the average.
    """
    rate = _warmed(learning_rate, warmup_steps, warmup_from_zero)
    base = descend(scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True), rate, weight_decay)
    return ScheduleFree(base, rate, b1, weight_lr_power, state_dtype, weights_ahead=warmup_from_zero)


@optimizer(rates=(1e-3, 1e1))
def schedule_free_radam(
    learning_rate: Scalar = 0.0025,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    r: Scalar = 0.0,
    weight_lr_power: Scalar = 2.0,
    silent_sgd_phase: bool = True,
) -> ScheduleFree:
    """RAdam without a schedule, evaluated at the average of its steps (Defazio et al. 2024, arXiv:2405.15682).

    `jgd.eval_params(optimizer, state, params)` is what to evaluate. As in the authors' package the first steps, four
    with the defaults, in which the second moment cannot be trusted yet, are none; where `silent_sgd_phase` is off they
    are of plain gradient descent at the whole rate. The decay is of the parameters where gradients are taken.
    """
    rate = RectifiedRate(learning_rate, b2, silent_sgd_phase)
    base = descend(ScaleByRectifiedRms(b2, eps), rate, weight_decay)
    return ScheduleFree(base, rate, b1, weight_lr_power, r=r)


def _warmed(rate: Scalar, steps: Scalar | None, from_zero: bool) -> Rate:
    if steps is None:
        return rate
    return warmup_constant_schedule(0.0, rate, steps) if from_zero else linear_warmup_schedule(rate, steps)


def _power(rate: jax.Array, power: jax.Array) -> jax.Array:
    """Compute rate^power, with 0^0 = 1 and zero slopes at a rate of zero."""
    positive = rate > 0
    return jnp.where(positive, jnp.where(positive, rate, 1.0) ** power, jnp.where(power == 0, 1.0, 0.0))
