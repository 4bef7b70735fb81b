"""Accelerated stochastic gradient methods with a second sequence: AccSGD and A2Grad."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.arguments import one_of
from jgd.core.tree import abs_sq, copied, moment_dtype, ratio, safe_sqrt, scalar_of, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer

VARIANTS = one_of("uni", "inc", "exp")


@record
class Accsgd(Rule):
    """Step by short steps, drawn to a mean w of long ones.

    w = a w + (1-a) (p - lr kappa / c g); p = (c (p - lr g) + (1-a) w) / (c + 1 - a), from w = p.

    c is `small_const`, and a = 1 - c^2 xi / kappa (Kidambi et al. 2018, arXiv:1803.05591). State: 4 bytes a parameter.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    kappa: Scalar = hyper(default=1000.0, interval="[1, inf)")
    xi: Scalar = hyper(default=10.0, interval="(0, inf)")
    small_const: Scalar = hyper(default=0.7, interval="(0, 1]")
    layout = ("w",)
    called = "accsgd"

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (copied(p, moment_dtype(p)),)

    def shared(self, t: jax.Array) -> Any:
        """Return the learning rate."""
        return at_count(self, "learning_rate", t - 1)

    def step(self, rate: Any, g: jax.Array, w: jax.Array, *, p: jax.Array) -> tuple[jax.Array, ...]:
        c = self.small_const
        b = c * c * self.xi / self.kappa
        w = w + b * (p - w - rate * self.kappa / c * g)
        return (b * (w - p) - c * rate * g) / (c + b), w


@record
class A2grad(Rule):
    """Average the steps of a sequence x, which shrink as gradients spread.

    x = x - s g; p = (1-a_k) p + a_k x - (1-a_k) a_(k-1) s g; s = 1 / (2 L / k + beta h), a_k = 2 / (k + 2).

    x begins at p, L is `lips`, k the number of the step, h^2 a measure of how far gradients are from their mean so far,
    over each leaf: with d = ||g - mean||^2 the sum of d (`uni`), v = ((k-1) / k)^2 v + d (`inc`), or k times the
    largest mean of d so far that `rho` decays (`exp`). (Deng et al. 2018, arXiv:1810.00553.) There is no
    learning rate: L and beta set the step s. State: 8 bytes a parameter and two scalars a leaf.
    """

    beta: Scalar = hyper(default=10.0, interval="[0, inf)")
    lips: Scalar = hyper(default=10.0, interval="(0, inf)")
    rho: Scalar = hyper(default=0.5, interval="[0, 1]")
    variant: str = static(default="uni", expect=VARIANTS)
    keeps_sign = False
    layout = ("mean", "x", "v", "largest")
    entrywise = False
    called = "a2grad"

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p), copied(p, moment_dtype(p)), scalar_of(p), scalar_of(p)

    def step(
        self, t: jax.Array, g: jax.Array, mean: jax.Array, x: jax.Array, v: jax.Array, largest: jax.Array, *, p: Any
    ) -> tuple[jax.Array, ...]:
        k = t.astype(v.dtype)
        mean = mean + (g - mean) / k
        v = self._spread(k, jnp.sum(abs_sq(g - mean)), v)
        largest = jnp.maximum(v, largest)
        h = safe_sqrt(k * largest if self.variant == "exp" else v)
        s = ratio(k, 2 * self.lips + self.beta * k * h)
        a, before = 2 / (k + 2), 2 / (k + 1)
        x = x - s * g
        return a * (x - p) - (1 - a) * before * s * g, mean, x, v, largest

    def _spread(self, k: jax.Array, d: jax.Array, v: jax.Array) -> jax.Array:
        if self.variant == "uni":
            return v + d
        if self.variant == "inc":
            return ((k - 1) / k) ** 2 * v + d
        return jnp.where(k == 1, d, self.rho * v + (1 - self.rho) * d)


@optimizer(rates=(1e-3, 1e1))
def accsgd(learning_rate: Rate, kappa: Scalar = 1000.0, xi: Scalar = 10.0, small_const: Scalar = 0.7) -> Accsgd:
    """Accelerated SGD: short steps, and a running mean of long ones (Kidambi et al. 2018, arXiv:1803.05591).

    `learning_rate` is that of the short steps; the long ones are kappa / small_const as long.
    """
    return Accsgd(learning_rate, kappa, xi, small_const)


@optimizer(rates=None)
def a2grad(beta: Scalar = 10.0, lips: Scalar = 10.0, rho: Scalar = 0.5, variant: str = "uni") -> A2grad:
    """Accelerated SGD whose steps shrink as gradients spread (Deng et al. 2018, arXiv:1810.00553).

    `lips` is the Lipschitz constant of the gradient; `rho` acts where `variant` is 'exp'.
    """
    return A2grad(beta, lips, rho, variant)
