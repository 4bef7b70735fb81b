"""Amos: Adam-like steps whose rate and weight decay fall by themselves, towards a scale that the shape tells."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, scalar_of, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, scale


@record
class ScaleByAmos(Rule):
    """Scale by a rate and a decay that fall by themselves.

    u = d (lr eta g / sqrt(v^) + (c + extra_l2) p / 2), with scalars v, b, c and d for each array.

    v^ = (v + eps) / (1 - beta^t), v = beta v + (1-beta) mean|g|^2, d = 1 / (1 + d_coef sqrt(lr eta) b),
    c = lr^2 mean|g|^2 / v^ / sqrt(1 + c_coef sqrt(lr) b), b = b + c (1 + b) from 0 (Tian & Parikh 2022,
    arXiv:2210.11693). eta is the size that entries are expected to have: sqrt(2 / inputs) of a matrix, sqrt(1 / inputs)
    of an array of more axes, the inputs being the last axis but one, and 1/2 of others, as in pytorch-optimizer, which
    however subtracts extra_l2, so that weights grow by it. The step is m = momentum m + (1-momentum) u.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    beta: Scalar = hyper(default=0.999, interval="[0, 1)")
    momentum: Scalar = hyper(default=0.0, interval="[0, 1)")
    extra_l2: Scalar = hyper(default=0.0, interval="[0, inf)")
    c_coef: Scalar = hyper(default=0.25, interval="[0, inf)")
    d_coef: Scalar = hyper(default=0.25, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-18, interval="[0, inf)")
    keeps_sign = True
    layout = ("m", "v", "b")
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), scalar_of(p), scalar_of(p)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return the rate, and the bias of v."""
        rate = at_count(self, "learning_rate", t - 1)
        return rate, one_minus_pow(self.beta, t)

    def step(
        self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, b: jax.Array, *, p: jax.Array
    ) -> tuple[jax.Array, ...]:
        rate, bias = shared
        square = jnp.sum(abs_sq(g)) / max(1, g.size)
        v = self.beta * v + (1 - self.beta) * square
        inverse, first = ratio(bias, v + self.eps), rate * _eta(p.shape)
        c = rate**2 * square * inverse / jnp.sqrt(1 + self.c_coef * safe_sqrt(rate) * b)
        d = 1 / (1 + self.d_coef * safe_sqrt(first) * b)
        u = d * (first * safe_sqrt(inverse) * g + (c + self.extra_l2) / 2 * p)
        m = self.momentum * m + (1 - self.momentum) * u
        return m, m, v, b + c * (1 + b)


scale_by_amos = ScaleByAmos


def _eta(shape: tuple[int, ...]) -> float:
    """Return the size that the entries of an array of this shape are expected to have."""
    return 0.5 if len(shape) < 2 else ((2 if len(shape) == 2 else 1) / max(1, shape[-2])) ** 0.5


@optimizer(rates=(1e-4, 1e0))
def amos(
    learning_rate: Rate,
    beta: Scalar = 0.999,
    momentum: Scalar = 0.0,
    extra_l2: Scalar = 0.0,
    c_coef: Scalar = 0.25,
    d_coef: Scalar = 0.25,
    eps: Scalar = 1e-18,
) -> Chain:
    """Amos: steps like Adam's whose rate and decay need no schedule (Tian & Parikh 2022, arXiv:2210.11693).

    State: 4 bytes a parameter and two scalars for each array.
    """
    return chain(ScaleByAmos(learning_rate, beta, momentum, extra_l2, c_coef, d_coef, eps), scale(-1.0))
