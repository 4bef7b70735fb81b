"""Penalties on each entry alone: l1, elastic net, half the square, Huber's."""

import jax
import jax.numpy as jnp

from jgd.core import part, record
from jgd.core.tree import abs_sq, ratio
from jgd.core.types import Weights
from jgd.nonsmooth.nonsmooth import Nonsmooth, number


@record
class L1Norm(Nonsmooth):
    """Penalise h(x) = scale sum |x|, the lasso: prox(v) = sign(v) max(|v| - step scale, 0) makes entries exactly zero.

    `scale` is a number, an array of weights that broadcasts to each leaf, or a tree of both. Of complex entries the
    modulus shrinks. Cost: one pass. (Donoho 1995, soft thresholding; Parikh & Boyd 2014, section 6.5.2.)
    """

    scale: Weights = part(convert=number("[0, inf)"))
    called = "l1"
    separable = True

    def value_of(self, x: jax.Array, scale: jax.Array) -> jax.Array:
        """Return the penalty of one array."""
        return jnp.sum(scale * jnp.abs(x))

    def prox_of(self, v: jax.Array, t: jax.Array, scale: jax.Array) -> jax.Array:
        """Apply soft thresholding."""
        return shrunk(v, t * scale)


l1 = L1Norm


@record
class ElasticNet(Nonsmooth):
    """Penalise h(x) = sum l1 |x| + l2 |x|^2 / 2: prox(v) = sign(v) max(|v| - step l1, 0) / (1 + step l2).

    Both numbers are as in `l1`. scikit-learn's ElasticNet(alpha, l1_ratio) has l1 = alpha l1_ratio and
    l2 = alpha (1 - l1_ratio). Cost: one pass. (Zou & Hastie 2005.)
    """

    l1: Weights = part(convert=number("[0, inf)"))
    l2: Weights = part(convert=number("[0, inf)"))
    separable = True

    def value_of(self, x: jax.Array, l1: jax.Array, l2: jax.Array) -> jax.Array:
        """Return the penalty of one array."""
        return jnp.sum(l1 * jnp.abs(x) + 0.5 * l2 * abs_sq(x))

    def prox_of(self, v: jax.Array, t: jax.Array, l1: jax.Array, l2: jax.Array) -> jax.Array:
        """Apply soft thresholding, then the shrinkage of ridge regression."""
        return shrunk(v, t * l1) / (1 + t * l2)


elastic_net = ElasticNet


@record
class SquaredL2(Nonsmooth):
    """Penalise h(x) = scale |x|^2 / 2, ridge: prox(v) = v / (1 + step scale). Cost: one pass."""

    scale: Weights = part(convert=number("[0, inf)"))
    separable = True

    def value_of(self, x: jax.Array, scale: jax.Array) -> jax.Array:
        """Return the penalty of one array."""
        return 0.5 * jnp.sum(scale * abs_sq(x))

    def prox_of(self, v: jax.Array, t: jax.Array, scale: jax.Array) -> jax.Array:
        """Return the shrinkage."""
        return v / (1 + t * scale)


squared_l2 = SquaredL2


@record
class Huber(Nonsmooth):
    """Penalise by scale times the sum of |x|^2 / 2 where |x| <= delta and of delta (|x| - delta / 2) beyond.

    prox(v) = v / (1 + step scale) where |v| <= delta (1 + step scale), else v less step scale delta of its modulus.
    Cost: one pass. (Huber 1964; Beck 2017, section 6.9.)
    """

    scale: Weights = part(convert=number("[0, inf)"))
    delta: Weights = part(default=1.0, convert=number("(0, inf)"))
    separable = True

    def value_of(self, x: jax.Array, scale: jax.Array, delta: jax.Array) -> jax.Array:
        """Return the penalty of one array."""
        near = jnp.minimum(jnp.abs(x), delta)
        return jnp.sum(scale * near * (jnp.abs(x) - 0.5 * near))

    def prox_of(self, v: jax.Array, t: jax.Array, scale: jax.Array, delta: jax.Array) -> jax.Array:
        """Return the step down the penalty's slope at the answer."""
        t = t * scale
        if jnp.iscomplexobj(v):
            return v * jnp.maximum(1 / (1 + t), 1 - ratio(t * delta, jnp.abs(v)))
        return v - t * jnp.clip(v / (1 + t), -delta, delta)


huber = Huber


def shrunk(v: jax.Array, t: jax.Array) -> jax.Array:
    """Return `v` with its modulus less `t`, and zero where that is negative."""
    if jnp.iscomplexobj(v):
        return v * ratio(jnp.maximum(jnp.abs(v) - t, 0), jnp.abs(v))
    return v - jnp.clip(v, -t, t)
