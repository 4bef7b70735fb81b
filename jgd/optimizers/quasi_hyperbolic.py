"""Quasi-hyperbolic momentum and Adam: a mean of the gradients beside the gradient itself."""

from typing import Any

import jax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByQhm(Rule):
    """Average the gradient with its momentum.

    u = (1-nu) g + nu m; m = b1 m + (1-b1) g, from zero and not corrected for it (arXiv:1810.06801).
    """

    b1: Scalar = hyper(default=0.999, interval="[0, 1)")
    nu: Scalar = hyper(default=0.7)
    layout = ("m",)

    def step(self, t: Any, g: jax.Array, m: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        return (1 - self.nu) * g + self.nu * m, m


scale_by_qhm = ScaleByQhm


@record
class ScaleByQhadam(Rule):
    """Scale by Adam's rule with a share of the plain gradient.

    u = ((1-nu1) g + nu1 m^) / (sqrt((1-nu2) |g|^2 + nu2 v^) + eps), Adam's moments m^ and v^ (arXiv:1810.06801).
    """

    b1: Scalar = hyper(default=0.995, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    nu1: Scalar = hyper(default=0.7)
    nu2: Scalar = hyper(default=1.0, interval="[0, 1]")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("m", "v")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return the bias corrections."""
        return 1 / one_minus_pow(self.b1, t), 1 / one_minus_pow(self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2 = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        squares = (1 - self.nu2) * abs_sq(g) + self.nu2 * r2 * v
        return ratio((1 - self.nu1) * g + self.nu1 * r1 * m, safe_sqrt(squares) + self.eps), m, v


scale_by_qhadam = ScaleByQhadam


@optimizer(rates=(1e-3, 1e1))
def qhm(learning_rate: Rate, b1: Scalar = 0.999, nu: Scalar = 0.7) -> Chain:
    """Descend by the gradient and a mean of the gradients together (Ma & Yarats 2019, arXiv:1810.06801)."""
    return descend(ScaleByQhm(b1, nu), learning_rate)


@optimizer(rates=(3e-5, 3e-1))
def qhadam(
    learning_rate: Rate,
    b1: Scalar = 0.995,
    b2: Scalar = 0.999,
    nu1: Scalar = 0.7,
    nu2: Scalar = 1.0,
    eps: Scalar = 1e-8,
) -> Chain:
    """Adam whose moments are blended with the gradient and its square (Ma & Yarats 2019, arXiv:1810.06801)."""
    return descend(ScaleByQhadam(b1, b2, nu1, nu2, eps), learning_rate)
