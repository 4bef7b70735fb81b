"""AdaGrad and RMSProp: steps divided by the root of a sum or a mean of squared gradients."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.tree import abs_sq, full_like, increment, map_unzip, one_minus_pow, safe_sqrt, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates


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
class ScaleByRss:
    """s = s + |g|^2; u = g / sqrt(s + eps), or g / (sqrt(s) + eps) without `eps_in_sqrt`; 0 where s is 0.

    AdaGrad (Duchi et al. 2011, JMLR 12). `initial_accumulator_value` and the place of eps are optax's; for
    `torch.optim.Adagrad` use 0, eps=1e-10 and `eps_in_sqrt=False`. State: 4 bytes a parameter.
    """

    initial_accumulator_value: Scalar = hyper(default=0.1, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-7, interval="[0, inf)")
    eps_in_sqrt: bool = static(default=True)

    def init(self, params: Params) -> State:
        """The initial sum."""
        return optax.ScaleByRssState(full_like(params, self.initial_accumulator_value, real=True))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The gradients over the root of their squares' sum."""

        def rule(g: jax.Array, s: jax.Array) -> tuple[jax.Array, jax.Array]:
            s = s + abs_sq(g)
            return g / _root(s, self.eps, self.eps_in_sqrt), s

        updates, new = map_unzip(rule, grads, state.sum_of_squares, place="ScaleByRss.update")
        return updates, optax.ScaleByRssState(new)


@record
class ScaleByRms:
    """v = decay v + (1-decay) |g|^2; u = g / sqrt(v + eps), or g / (sqrt(v) + eps) without `eps_in_sqrt`.

    RMSProp (Tieleman & Hinton 2012). The place of eps is optax's; for `torch.optim.RMSprop` use
    `decay=0.99, eps_in_sqrt=False`. State: 4 bytes a parameter, and a counter with `bias_correction`.
    """

    decay: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    initial_scale: Scalar = hyper(default=0.0, interval="[0, inf)")
    eps_in_sqrt: bool = static(default=True)
    bias_correction: bool = static(default=False)

    def init(self, params: Params) -> State:
        """The initial mean of squares."""
        nu = full_like(params, self.initial_scale, real=True)
        return ScaleByRmsWithCountState(zero_count(), nu) if self.bias_correction else optax.ScaleByRmsState(nu)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The gradients over the root of their mean square."""
        decay = jnp.asarray(self.decay)
        count, c = _correction(self.bias_correction, decay, state)

        def rule(g: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
            v = decay * v + (1 - decay) * abs_sq(g)
            return g / _root(v / c, self.eps, self.eps_in_sqrt), v

        updates, nu = map_unzip(rule, grads, state.nu, place="ScaleByRms.update")
        return updates, ScaleByRmsWithCountState(count, nu) if self.bias_correction else optax.ScaleByRmsState(nu)


@record
class ScaleByStddev:
    """m, v = means of g and |g|^2; u = g / sqrt(v - |m|^2 + eps), eps outside the root without `eps_in_sqrt`.

    Centred RMSProp (Graves 2013, arXiv:1308.0850). The variance is held at 0 or above, where rounding makes it
    negative and optax and torch give NaN. State: 8 bytes a parameter, and a counter with `bias_correction`.
    """

    decay: Scalar = hyper(default=0.9, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    initial_scale: Scalar = hyper(default=0.0, interval="[0, inf)")
    eps_in_sqrt: bool = static(default=True)
    bias_correction: bool = static(default=False)

    def init(self, params: Params) -> State:
        """A zero mean and the initial mean of squares."""
        mu, nu = full_like(params), full_like(params, self.initial_scale, real=True)
        if self.bias_correction:
            return ScaleByStddevWithCountState(zero_count(), mu, nu)
        return optax.ScaleByRStdDevState(mu, nu)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The gradients over their standard deviation."""
        decay = jnp.asarray(self.decay)
        count, c = _correction(self.bias_correction, decay, state)

        def rule(g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
            m = decay * m + (1 - decay) * g
            v = decay * v + (1 - decay) * abs_sq(g)
            variance = jnp.maximum(v / c - abs_sq(m / c), 0.0)
            return g / _root(variance, self.eps, self.eps_in_sqrt), m, v

        updates, mu, nu = map_unzip(rule, grads, state.mu, state.nu, place="ScaleByStddev.update")
        if self.bias_correction:
            return updates, ScaleByStddevWithCountState(count, mu, nu)
        return updates, optax.ScaleByRStdDevState(mu, nu)


def scale_by_rss(
    initial_accumulator_value: Scalar = 0.1, eps: Scalar = 1e-7, *, eps_in_sqrt: bool = True
) -> ScaleByRss:
    """Divide by the root of the sum of squared gradients."""
    return ScaleByRss(initial_accumulator_value, eps, eps_in_sqrt)


def scale_by_rms(
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> ScaleByRms:
    """Divide by the root of the mean of squared gradients."""
    return ScaleByRms(decay, eps, initial_scale, eps_in_sqrt, bias_correction)


def scale_by_stddev(
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> ScaleByStddev:
    """Divide by the standard deviation of the gradients."""
    return ScaleByStddev(decay, eps, initial_scale, eps_in_sqrt, bias_correction)


def _root(square: jax.Array, eps: Scalar, eps_in_sqrt: bool) -> jax.Array:
    """The root of a mean of squares, kept away from zero by eps inside or outside; 1 where both are zero."""
    root = safe_sqrt(square + eps) if eps_in_sqrt else safe_sqrt(square) + eps
    return jnp.where(root > 0, root, 1.0)


def _correction(wanted: bool, decay: jax.Array, state: State) -> tuple[Any, Any]:
    """The next counter and 1 - decay^t, or neither where bias correction is off."""
    if not wanted:
        return None, 1.0
    count = increment(state.count)
    return count, one_minus_pow(decay, count)
