"""RMSProp: steps divided by the root of a mean of squared gradients."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, filled, one_minus_pow, zeros
from jgd.core.types import Rate, Scalar, State
from jgd.optimizers.adagrad import root_above
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, identity, scale_by_learning_rate, trace


class ScaleByRmsWithCountState(NamedTuple):
    """The state of `ScaleByRms` with bias correction; the fields are optax's."""

    count: jax.Array  # i32[]
    nu: State


class ScaleByStddevWithCountState(NamedTuple):
    """The state of `ScaleByStddev` with bias correction; the fields are optax's."""

    count: jax.Array  # i32[]
    mu: State
    nu: State


@record
class ScaleByRms(Rule):
    """Scale by a running root mean square of the gradients.

    v = decay v + (1-decay) |g|^2; u = g / sqrt(v + eps), or g / (sqrt(v) + eps) without `eps_in_sqrt`.

    RMSProp (Tieleman & Hinton 2012). The place of eps is optax's; for `torch.optim.RMSprop` use
    `decay=0.99, eps_in_sqrt=False`.
    """

    decay: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    initial_scale: Scalar = hyper(default=0.0, interval="[0, inf)")
    eps_in_sqrt: bool = static(default=True)
    bias_correction: bool = static(default=False)

    @property
    def layout(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ScaleByRmsWithCountState if self.bias_correction else optax.ScaleByRmsState

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (filled(p, self.initial_scale, real=True),)

    def shared(self, t: Any) -> Any:
        return one_minus_pow(self.decay, t) if self.bias_correction else 1.0

    def step(self, weight: Any, g: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        v = self.decay * v + (1 - self.decay) * abs_sq(g)
        return g / root_above(v / weight, self.eps, self.eps_in_sqrt), v


scale_by_rms = ScaleByRms


@record
class ScaleByStddev(ScaleByRms):
    """Scale by the running standard deviation of the gradients.

    m, v = means of g and |g|^2; u = g / sqrt(v - |m|^2 + eps), eps outside the root without `eps_in_sqrt`.

    Centred RMSProp (Graves 2013, arXiv:1308.0850). The variance is held at 0 or above, where rounding makes it
    negative and optax and torch give NaN.
    """

    @property
    def layout(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ScaleByStddevWithCountState if self.bias_correction else optax.ScaleByRStdDevState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), filled(p, self.initial_scale, real=True)

    def step(self, weight: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        m = self.decay * m + (1 - self.decay) * g
        v = self.decay * v + (1 - self.decay) * abs_sq(g)
        variance = jnp.maximum(v / weight - abs_sq(m / weight), 0.0)
        return g / root_above(variance, self.eps, self.eps_in_sqrt), m, v


scale_by_stddev = ScaleByStddev


@optimizer(rates=(3e-5, 3e-1))
def rmsprop(
    learning_rate: Rate,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> Chain:
    """RMSProp (Tieleman & Hinton 2012), centred by `ScaleByStddev` if asked for.

    Momentum comes after the learning rate, as in optax: under a schedule, past steps keep the rate of their time.
    `torch.optim.RMSprop` scales the momentum by the present rate; with a constant rate they are the same.
    """
    rule = ScaleByStddev if centered else ScaleByRms
    return chain(
        rule(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )
