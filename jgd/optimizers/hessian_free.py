"""Hessian-free optimization: Gauss-Newton steps by conjugate gradients, with a damping that adapts itself."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import COUNT, WHOLE
from jgd.core.forward_mode import forward_mode_only
from jgd.core.frozen import first_key, frozen_key, split_key
from jgd.core.pair import Pair
from jgd.core.tree import (
    all_finite,
    cast_like,
    check_extra,
    check_fits,
    full_like,
    global_dot,
    increment,
    scalar_of,
    where,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.optimizers.curvature import loss_metric, model_at, squared_gradients
from jgd.optimizers.damped_cg import NO_LOOP, damped_cg, updates_along

SHRINK = 2 / 3
"""The damping's factor after a step that the model foretold well; its inverse follows a bad one."""
ENOUGH = 1e-2
"""The share of the slope that a step must gain."""


class HessianFreeState(NamedTuple):
    """The state of Hessian-free optimization."""

    count: jax.Array  # i32[]
    damping: jax.Array  # f[]
    step: Params  # the solution of the last system
    key: jax.Array  # u32[words]


@record
class HessianFree(Pair):
    """p <- p + lr t d, d the minimum of g'd + d'(G + damping I) d / 2 by conjugate gradients (Martens 2010).

    G = J' H J is Gauss-Newton's matrix on the batch of the step: J of the model's outputs, H the Hessian of the loss of
    them. rho is the fall of the loss over what the quadratic foretold: the damping is multiplied by 2/3 where rho > 3/4
    and by 3/2 where rho < 1/4, Levenberg and Marquardt's rule. The system begins at `warm_start` times the last
    solution (Martens & Sutskever 2012) and is preconditioned by (D + damping)^`preconditioner_power`, D an estimate of
    the mean square of the examples' gradients (Chapelle & Erhan 2011); `cg_steps` and `cg_tolerance` end it, see
    Martens, section 4.4. t is halved up to `max_backtracking_steps` times, until the loss falls enough, else 0.

    `update` needs the model as `outputs_fn(params)` and the loss of its outputs as `loss_fn(outputs)`, which `jgd.fit`
    passes where the task's loss is a `jgd.loss_of_outputs`; large batches pay. First in a chain, so that g is the
    gradient of that loss. Cost: about two gradients a CG step. State: 4 bytes a parameter, a damping and a key.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    damping: Scalar = hyper(default=1.0, interval="[0, inf)")
    cg_tolerance: Scalar = hyper(default=5e-4, interval="[0, inf)")
    warm_start: Scalar = hyper(default=0.95, interval="[0, 1]")
    preconditioner_power: Scalar = hyper(default=0.75, interval="[0, 1]")
    cg_steps: int = static(default=50, expect=WHOLE)
    max_backtracking_steps: int = static(default=10, expect=COUNT)
    key: Any = static(default=None, convert=frozen_key)
    called = "hessian_free"

    def init(self, params: Params) -> State:
        """Return the damping, and no step yet."""
        damping = scalar_of(params, self.damping)
        return HessianFreeState(zero_count(), damping, full_like(params), first_key(self.key))

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        outputs_fn: Any = None,
        loss_fn: Any = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return the step to the quadratic's minimum, shortened until the loss falls."""
        place = "HessianFree.update"
        check_fits(place, grads, state.step)
        model = model_at(place, grads, params, outputs_fn)
        check_extra(place, "loss_fn", loss_fn)
        kept, (key,) = split_key(self.key, state.key)
        value, slope = jax.value_and_grad(loss_fn)(model.outputs)
        squares = squared_gradients(key, model, slope)

        def scale(r: Params) -> Params:
            def divided(r: jax.Array, d: jax.Array) -> jax.Array:
                d = d + state.damping
                return r / jnp.where(d > 0, d, 1.0) ** self.preconditioner_power

            return jax.tree.map(divided, r, squares)

        start = jax.tree.map(lambda d: self.warm_start * d, state.step)
        found, foretold = damped_cg(
            place,
            model.product(loss_metric(loss_fn, model.outputs)),
            state.damping,
            grads,
            start,
            steps=self.cg_steps,
            tolerance=self.cg_tolerance,
            scale=scale,
        )
        step = where(jnp.isfinite(foretold), found, jax.tree.map(jnp.zeros_like, found))

        def gained(share: Any) -> jax.Array:
            moved = jax.tree.map(lambda p, d: (widen(p) + share * d).astype(jnp.result_type(p)), params, step)
            return loss_fn(outputs_fn(moved)) - value

        whole = gained(1.0)
        share = self._backtracked(gained, whole, global_dot(grads, step))
        damping = state.damping * self._factor(value, whole, foretold)
        length = at_count(self, "learning_rate", state.count) * share
        updates = updates_along(step, length, params, all_finite(grads))
        return updates, cast_like(HessianFreeState(increment(state.count), damping, step, kept), state)

    def _factor(self, value: jax.Array, gain: jax.Array, foretold: jax.Array) -> jax.Array:
        """Return the factor of the damping; nothing is learned where the gain is lost in the loss's rounding."""
        rho = gain / jnp.where(foretold < 0, foretold, -jnp.inf)
        factor = jnp.where(rho > 0.75, SHRINK, jnp.where(rho >= 0.25, 1.0, 1 / SHRINK))
        rounding = 10 * jnp.finfo(value.dtype).eps * jnp.abs(value)
        return jnp.where(jnp.abs(foretold) <= rounding, 1.0, factor)

    def _backtracked(self, gained: Any, whole: jax.Array, slope: jax.Array) -> jax.Array:
        """Return the share of the step that is taken."""

        def is_low(share: jax.Array, gain: jax.Array) -> jax.Array:
            return gain <= ENOUGH * share * slope

        def going(at: tuple[jax.Array, ...]) -> jax.Array:
            share, gain, tries = at
            return ~is_low(share, gain) & (tries < self.max_backtracking_steps)

        def shorter(at: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            share, _, tries = at
            return share / 2, gained(share / 2).astype(whole.dtype), tries + 1

        found = jax.lax.while_loop(going, shorter, (jnp.ones_like(whole), whole, zero_count()))
        share, gain, _ = forward_mode_only("HessianFree.update", found, NO_LOOP)
        return jnp.where(is_low(share, gain), share, 0.0)


@optimizer(rates=None, needs=("outputs_fn", "loss_fn"))
def hessian_free(
    learning_rate: Rate = 1.0,
    damping: Scalar = 1.0,
    cg_tolerance: Scalar = 5e-4,
    warm_start: Scalar = 0.95,
    preconditioner_power: Scalar = 0.75,
    cg_steps: int = 50,
    max_backtracking_steps: int = 10,
    key: Any = None,
) -> HessianFree:
    """Gauss-Newton steps by conjugate gradients, with adaptive damping (Martens 2010)."""
    numbers = (learning_rate, damping, cg_tolerance, warm_start, preconditioner_power)
    return HessianFree(*numbers, cg_steps, max_backtracking_steps, key)
