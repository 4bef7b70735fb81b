"""RAdam: Adam whose first steps wait until the second moment can be trusted."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adam import bias_corrections, corrected_mean
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByRadam(Rule):
    """Scale by Adam's moments once the second one can be trusted.

    u = r m^ / (sqrt(v^ + eps_root) + eps) where rho >= threshold, else m^; Adam's moments m^ and v^.

    n = 2 / (1-b2) - 1; rho = n - 2 t b2^t / (1 - b2^t); r^2 = (rho-4) (rho-2) n / ((n-4) (n-2) rho) (Liu et al. 2020,
    arXiv:1908.03265, Alg. 2). The paper's threshold is 4, optax's and torch's 5; a rho of 4 or less, at which r means
    nothing and optax gives NaN, is never rectified. torch adds eps before bias correction. `nesterov` is Adam's
    look-ahead.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    threshold: Scalar = hyper(default=5.0, interval="[0, inf)")
    _: KW_ONLY
    nesterov: bool = static(default=False)
    layout = optax.ScaleByAdamState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Return Adam's corrections, whether steps are rectified, and the factor r."""
        return bias_corrections(self.b1, self.b2, t), *rectification(self.b2, t, self.threshold)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        corrections, rectified, r = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        look = corrected_mean(corrections, self.b1, g, m, nesterov=self.nesterov)
        root = safe_sqrt(corrections[1] * v + self.eps_root) + self.eps
        return ratio(look * r, jnp.where(rectified, root, 1.0)), m, v


scale_by_radam = ScaleByRadam


def rectification(b2: Scalar, t: jax.Array, threshold: Scalar) -> tuple[jax.Array, jax.Array]:
    """Return whether the second moment can be trusted at step t, and the factor r of the step, 1 where it cannot."""
    weight = one_minus_pow(b2, t)
    n = 2 / (1 - b2) - 1
    rho = n - 2 * t * (1 - weight) / weight
    rectified = (rho >= threshold) & (rho > 4)
    below = jnp.where(rectified, (n - 4) * (n - 2) * rho, 1.0)
    return rectified, safe_sqrt(jnp.where(rectified, (rho - 4) * (rho - 2) * n / below, 1.0))


@optimizer(rates=(3e-5, 3e-1))
def radam(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    threshold: Scalar = 5.0,
    *,
    nesterov: bool = False,
) -> Chain:
    """Rectified Adam: a warm-up derived from the variance of its steps (Liu et al. 2020, arXiv:1908.03265).

    Its first steps, five with the defaults, are of momentum alone and as large as the gradient.
    """
    return descend(ScaleByRadam(b1, b2, eps, eps_root, threshold, nesterov=nesterov), learning_rate)
