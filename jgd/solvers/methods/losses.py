"""Losses of residuals that outliers pull on less than squares do."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jgd.core.arguments import POSITIVE, Kind, admits, one_of
from jgd.core.record import hyper, record, static
from jgd.core.types import Scalar

Outliers = tuple[jax.Array, jax.Array, jax.Array]


def _soft_l1(z: jax.Array) -> Outliers:
    root = jnp.sqrt(1 + z)
    return 2 * (root - 1), 1 / root, -0.5 / root**3


def _huber(z: jax.Array) -> Outliers:
    inside, root = z <= 1, jnp.sqrt(jnp.maximum(z, 1))
    return jnp.where(inside, z, 2 * root - 1), 1 / root, jnp.where(inside, 0.0, -0.5 / root**3)


def _cauchy(z: jax.Array) -> Outliers:
    return jnp.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2


def _arctan(z: jax.Array) -> Outliers:
    slope = 1 / (1 + z**2)
    return jnp.arctan(z), slope, -2 * z * slope**2


RHO: dict[str, Callable[[jax.Array], Outliers]] = {
    "soft_l1": _soft_l1,
    "huber": _huber,
    "cauchy": _cauchy,
    "arctan": _arctan,
}
"""z -> rho, rho', rho''."""
LOSS = one_of("linear", *RHO)
LOSS_SCALE = Kind("be a positive number", lambda x: admits(POSITIVE, x) or getattr(x, "shape", None) == ())


@record
class RobustLoss:
    """Half the sum of s^2 rho(z), z = (r/s)^2, over the residuals; those far above `scale`, s, weigh less.

    soft_l1: 2 (sqrt(1 + z) - 1). huber: z up to 1, then 2 sqrt(z) - 1. cauchy: ln(1 + z). arctan: arctan(z).
    Only the first two are convex in r; from a bad start the others may keep to the wrong points.
    """

    kind: str = static(expect=LOSS)
    scale: Scalar = hyper(default=1.0, interval="(0, inf)")

    def value(self, residual: jax.Array) -> jax.Array:
        """Return half the sum, f[]."""
        return self.scale**2 * jnp.sum(RHO[self.kind]((residual / self.scale) ** 2)[0]) / 2

    def weights(self, residual: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Weigh the residuals and the Jacobian's rows, so that J'r is the loss's gradient.

        The rows' are `rows`, but for a floor of a quarter of rho', which is the weight of reweighted least squares:
        far from the data the loss is hardly curved, and J'J alone would ask for steps of any length.
        """
        z = (residual / self.scale) ** 2
        _, first, _ = RHO[self.kind](z)
        rows = jnp.maximum(self.rows(residual), jnp.sqrt(first / 4))
        return first / rows, rows

    def rows(self, residual: jax.Array) -> jax.Array:
        """Return the weights of the Jacobian's rows for which J'J is the loss's own curvature (Triggs 2000).

        sqrt(rho' + 2 z rho''), with a floor above 0 where the loss is concave.
        """
        z = (residual / self.scale) ** 2
        _, first, second = RHO[self.kind](z)
        return jnp.sqrt(jnp.maximum(first + 2 * z * second, jnp.finfo(z.dtype).eps))


def robust_loss(kind: str, scale: Scalar) -> RobustLoss | None:
    """Return the loss of this name; None for half the sum of squares."""
    return None if kind == "linear" else RobustLoss(kind, scale)
