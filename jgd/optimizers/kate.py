"""KATE: AdaGrad without the root, whose predictions do not depend on the scale of the data."""

from typing import Any

import jax

from jgd.core import Rule, hyper, record
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


@record
class ScaleByKate(Rule):
    """Scale by a sum of squares without its root.

    u = sqrt(n) g / b; b = b + |g|^2 + eps; n = n + delta |g|^2 + |g|^2 / b.

    (Choudhury et al. 2024, arXiv:2403.02648.) As in pytorch-optimizer eps is added at every step; the authors' code,
    github.com/nazya/KATE, adds it once, to the b that divides. State: 8 bytes a parameter.
    """

    delta: Scalar = hyper(default=0.0, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ("b", "n")

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, real=True), zeros(p, real=True)

    def step(self, t: Any, g: jax.Array, b: jax.Array, n: jax.Array) -> tuple[jax.Array, ...]:
        square = abs_sq(g)
        b = b + (square + self.eps)
        n = n + (self.delta * square + ratio(square, b))
        return ratio(safe_sqrt(n), b) * g, b, n


scale_by_kate = ScaleByKate


@optimizer(rates=(1e-5, 1e-1))
def kate(learning_rate: Rate, delta: Scalar = 0.0, eps: Scalar = 1e-8) -> Chain:
    """Descend by AdaGrad's steps without their root, invariant to scale (Choudhury et al. 2024, arXiv:2403.02648).

    The price of that invariance is that the first step of an entry is about lr / g, which throws those far whose
    gradients are near sqrt(eps), and that later steps fall like 1 / t. In a network, whose gradients have all sizes,
    try eps = 1e-4 (the authors take 1e-3 for it and for delta on CIFAR-10): on digits it reaches an accuracy of 0.97 in
    21 steps, and 1e-8 at no rate from 1e-9 to 10 in 300.
    """
    return descend(ScaleByKate(delta, eps), learning_rate)
