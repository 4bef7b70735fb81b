"""AdamP and SGDP: steps without their part along the weights, where a normalisation makes it of no use."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByAdamp(Rule):
    """Scale by Adam's moments, without the part that only lengthens the weights.

    u = P(m^ / (sqrt(v^) + eps)) + wd p: Adam's step without its part along the weights, where P takes it away.

    m^ and v^ are the means of g and |g|^2 with decays b1 and b2, without their bias. P acts, and wd is
    `weight_decay_ratio` times `weight_decay`, where a normalisation seems to follow the weights of an array of two axes
    or more: each output's cosine between them and g is below delta / sqrt(their number), or else the whole array's is
    (Heo et al. 2021, arXiv:2006.08217). A kernel has its outputs on the last axis.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    delta: Scalar = hyper(default=0.1, interval="[0, inf)")
    weight_decay_ratio: Scalar = hyper(default=0.1, interval="[0, inf)")
    nesterov: bool = static(default=False)
    layout = ("m", "v")
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return the bias corrections."""
        return tuple(1 / one_minus_pow(b, t) for b in (self.b1, self.b2))

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, *, p: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2 = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        look = self.b1 * m + (1 - self.b1) * g if self.nesterov else m
        u = ratio(r1 * look, safe_sqrt(r2 * v) + self.eps)
        k, found = _along(u, g, p, self.delta, self.eps)
        return u + (self.weight_decay * jnp.where(found, self.weight_decay_ratio, 1.0) - k) * p, m, v


@record
class ScaleBySgdp(Rule):
    """Step by a momentum without the part that only lengthens the weights.

    u = P(m) + wd / (1 - momentum) p, m = momentum m + (1 - dampening) g; P and wd are those of `ScaleByAdamp`.

    (Heo et al. 2021, arXiv:2006.08217.) With `nesterov`, P(g + momentum m).
    """

    momentum: Scalar = hyper(default=0.0, interval="[0, 1)")
    dampening: Scalar = hyper(default=0.0, interval="[0, 1]")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    delta: Scalar = hyper(default=0.1, interval="[0, inf)")
    weight_decay_ratio: Scalar = hyper(default=0.1, interval="[0, inf)")
    nesterov: bool = static(default=False)
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m",)
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p),)

    def step(self, t: Any, g: jax.Array, m: jax.Array, *, p: jax.Array) -> tuple[jax.Array, ...]:
        m = self.momentum * m + (1 - self.dampening) * g
        look = g + self.momentum * m if self.nesterov else m
        k, found = _along(look, g, p, self.delta, self.eps)
        decay = self.weight_decay / (1 - self.momentum)
        return look + (decay * jnp.where(found, self.weight_decay_ratio, 1.0) - k) * p, m


scale_by_adamp = ScaleByAdamp
scale_by_sgdp = ScaleBySgdp


@optimizer(rates=(3e-5, 3e-1))
def adamp(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    delta: Scalar = 0.1,
    weight_decay_ratio: Scalar = 0.1,
    nesterov: bool = False,
) -> Chain:
    """AdamP: Adam that does not lengthen weights which a normalisation follows (Heo et al. 2021, arXiv:2006.08217).

    The part of a step along such weights, which are found by their gradients, is taken away.
    """
    return descend(ScaleByAdamp(b1, b2, eps, weight_decay, delta, weight_decay_ratio, nesterov), learning_rate)


@optimizer(rates=(1e-3, 1e1))
def sgdp(
    learning_rate: Rate,
    momentum: Scalar = 0.0,
    dampening: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    delta: Scalar = 0.1,
    weight_decay_ratio: Scalar = 0.1,
    nesterov: bool = False,
    eps: Scalar = 1e-8,
) -> Chain:
    """SGDP: momentum that does not lengthen weights which a normalisation follows (Heo et al. 2021, arXiv:2006.08217).

    The part of a step along such weights, which are found by their gradients, is taken away. The decay is
    lr weight_decay / (1 - momentum), as in the authors' code.
    """
    rule = ScaleBySgdp(momentum, dampening, weight_decay, delta, weight_decay_ratio, nesterov, eps)
    return descend(rule, learning_rate)


def _along(u: jax.Array, g: jax.Array, p: jax.Array, delta: Any, eps: Any) -> tuple[Any, Any]:
    """Give the k by which u - k p has no part along the weights `p`, and whether a normalisation seems to follow them.

    k is 0 where none does, and of an array of less than two axes; else each output's, or the whole array's.
    """
    k, found = jnp.zeros(()), jnp.array(False)
    if p.ndim < 2:
        return k, found
    k = k.reshape((1,) * p.ndim)
    pairs = ((g, p), (p, u), (g, g), (p, p))
    outputs = [jnp.sum((x.conj() * y).real, tuple(range(p.ndim - 1)), keepdims=True) for x, y in pairs]
    whole = [jnp.sum(x, keepdims=True) for x in outputs]
    for gp, pu, gg, pp in (whole, outputs):  # the outputs' last, for they come first
        norm = safe_sqrt(pp)
        cosine = jnp.abs(gp) / (jnp.maximum(safe_sqrt(gg), eps) * jnp.maximum(norm, eps))
        fan_in = max(1, p.size // max(1, gp.size))
        fits = jnp.max(cosine, initial=0.0) < delta / fan_in**0.5
        k, found = jnp.where(fits, pu / (norm + eps) / (norm + eps), k), found | fits
    return k, found
