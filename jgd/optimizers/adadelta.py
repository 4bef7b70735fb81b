"""Adadelta: steps as long as past steps were, over the root of the gradient's mean square."""

from typing import Any

import jax
import optax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, add_decayed_weights, chain, scale_by_learning_rate


@record
class ScaleByAdadelta(Rule):
    """Scale gradients by the ratio of the sizes of past steps and gradients.

    s = rho s + (1-rho) |g|^2; u = g sqrt(x + eps) / sqrt(s + eps); x = rho x + (1-rho) |u|^2.

    (Zeiler 2012, arXiv:1212.5701, Alg. 1; as in `torch.optim.Adadelta`.) u is computed from the new x, as
    g sqrt(x + rho eps) / sqrt(rho (s + eps) + (1-rho) |g|^2), which is the same number and subtracts nothing: the old x
    need not outlive the step.
    """

    rho: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    layout = optax.ScaleByAdaDeltaState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, real=True), zeros(p, real=True)

    def step(self, t: Any, g: jax.Array, s: jax.Array, x: jax.Array) -> tuple[jax.Array, ...]:
        rest = 1 - self.rho
        squares = abs_sq(g)
        s = self.rho * s + rest * squares
        x = self.rho * x + rest * ratio(squares, s + self.eps) * (x + self.eps)
        top, bottom = x + self.rho * self.eps, self.rho * (s + self.eps) + rest * squares
        return g * ratio(safe_sqrt(top), safe_sqrt(bottom)), s, x


scale_by_adadelta = ScaleByAdadelta


@optimizer(rates=(1e-1, 1e3))
def adadelta(
    learning_rate: Rate = 1.0,
    rho: Scalar = 0.9,
    eps: Scalar = 1e-6,
    weight_decay: Rate = 0.0,
    weight_decay_mask: Any = None,
) -> Chain:
    """Adadelta: steps in the parameters' own units (Zeiler 2012, arXiv:1212.5701).

    Descends at a rate of 1 by default, as in the paper and torch; optax's default, None, adds the scaled gradient and
    ascends. The decay is an L2 penalty. First steps are near sqrt(eps), so that rates above 1 are worth a try.
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        ScaleByAdadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )
