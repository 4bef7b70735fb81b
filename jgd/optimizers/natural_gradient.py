"""The natural gradient: steps that are short in the distance between the model's distributions."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import WHOLE, one_of
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, check_extra, check_fits, full_like, increment, where, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.optimizers.curvature import FAMILIES, empirical_metric, family_metric, model_at
from jgd.optimizers.damped_cg import damped_cg, updates_along

FISHER = one_of(*FAMILIES, "empirical")


class NaturalGradientState(NamedTuple):
    """The state of the natural gradient."""

    count: jax.Array  # i32[]
    step: Params  # the solution of the last system


@record
class NaturalGradient(Pair):
    """p <- p - lr (F + damping I)^-1 g, F the Fisher matrix on the batch of the step (Amari 1998; Martens 2020).

    F = mean of J' F_z J, J of the model's outputs and F_z the Fisher matrix of the targets' distribution, of which they
    are the natural parameters: `fisher` is "categorical" (logits along the last axis), "bernoulli" (a logit in each
    entry) or "normal" (a mean in each entry); for cross-entropy and squared errors F is Gauss-Newton's matrix. With
    "empirical" it is the mean of the products of the examples' own gradients, which is another matrix away from a
    perfect fit (Kunstner, Balles & Hennig 2019); the loss must then be a mean over the first axis of the outputs. The
    system is solved by conjugate gradients from the last solution; `cg_steps` and `cg_tolerance` end it.

    `update` needs the model as `outputs_fn(params)`, and for "empirical" the loss as `loss_fn(outputs)`, which
    `jgd.fit` passes where the task's loss is a `jgd.loss_of_outputs`. Cost: about two gradients a CG step. State: 4
    bytes a parameter.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    fisher: str = static(default="categorical", expect=FISHER)
    damping: Scalar = hyper(default=1e-3, interval="(0, inf)")
    cg_tolerance: Scalar = hyper(default=5e-4, interval="[0, inf)")
    cg_steps: int = static(default=20, expect=WHOLE)
    called = "natural_gradient"

    def init(self, params: Params) -> State:
        """Return a state that has seen no step."""
        return NaturalGradientState(zero_count(), full_like(params))

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
        """Return a step down the natural gradient."""
        place = "NaturalGradient.update"
        check_fits(place, grads, state.step)
        model = model_at(place, grads, params, outputs_fn)
        if self.fisher == "empirical":
            check_extra(place, "loss_fn", loss_fn)
            metric = empirical_metric(jax.grad(loss_fn)(model.outputs))
        else:
            metric = family_metric(self.fisher, model.outputs)
        step, least = damped_cg(
            place,
            model.product(metric),
            self.damping,
            grads,
            state.step,
            steps=self.cg_steps,
            tolerance=self.cg_tolerance,
        )
        sound = jnp.isfinite(least)
        updates = updates_along(step, at_count(self, "learning_rate", state.count), params, sound)
        new = NaturalGradientState(increment(state.count), where(sound, step, state.step))
        return updates, cast_like(new, state)


@optimizer(rates=(1e-3, 1e1), needs=("outputs_fn", "loss_fn"))
def natural_gradient(
    learning_rate: Rate,
    fisher: str = "categorical",
    damping: Scalar = 1e-3,
    cg_tolerance: Scalar = 5e-4,
    cg_steps: int = 20,
) -> NaturalGradient:
    """Descend along the inverse Fisher matrix times the gradient, by conjugate gradients (Amari 1998)."""
    return NaturalGradient(learning_rate, fisher, damping, cg_tolerance, cg_steps)
