"""Nonlinear conjugate gradients: directions from the gradient and the last direction alone, without a matrix."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import one_of
from jgd.core.record import hyper, part, record, static
from jgd.core.types import Scalar
from jgd.solvers.methods.descent import Descent
from jgd.solvers.methods.line_searches import LINE_SEARCH, LineSearch, StrongWolfe, rounding
from jgd.solvers.methods.objective import Objective, Point
from jgd.transforms.line_search import RayPoint

BETAS = ("fr", "pr+", "hs", "dy", "hz")


@record
class NonlinearCG(Descent):
    """Descend along conjugate directions.

    d+ = -g+ + beta d (Hestenes & Stiefel 1952; Fletcher & Reeves 1964), where beta is one of five, y = g+ - g.

    "fr"   g+'g+ / g'g (Fletcher & Reeves 1964)       "pr+"  max(0, g+'y / g'g) (Polak & Ribière 1969; Powell 1984)
    "hs"   g+'y / d'y (Hestenes & Stiefel 1952)       "dy"   g+'g+ / d'y (Dai & Yuan 1999)
    "hz"   (y - 2 d |y|^2 / d'y)'g+ / d'y, at least -1 / (|d| min(0.01, |g|)) (Hager & Zhang 2005).

    beta is 0 where |g+'g| >= `restart_rtol` |g+|^2, when directions have lost their conjugacy (Powell 1977): by default
    0.2 for "fr" and "dy", while the others begin anew by themselves, and None stands for never. The first step is the
    one that would change the value as the last step did (Nocedal & Wright 2006, 3.60). Memory: three vectors.
    """

    beta: str = static(default="pr+", expect=one_of(*BETAS))
    line_search: LineSearch = part(default=StrongWolfe(curv_rtol=0.4), expect=LINE_SEARCH)
    restart_rtol: Scalar | None = hyper(default=None, interval="(0, inf)")

    def start(self, problem: Objective, point: Point) -> jax.Array:
        """Return the gradient's opposite."""
        return -point.grad

    def direction(self, problem: Objective, model: jax.Array, point: Point) -> jax.Array:
        """Return the model itself."""
        return model

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> jax.Array:
        """Return the next direction."""
        beta = self._beta(model, old.grad, new.grad)
        rtol = 0.2 if self.restart_rtol is None and self.beta in ("fr", "dy") else self.restart_rtol
        if rtol is not None:
            beta = jnp.where(jnp.abs(new.grad @ old.grad) >= rtol * (new.grad @ new.grad), 0.0, beta)
        return -new.grad + jnp.where(jnp.isfinite(beta), beta, 0.0) * model

    def _beta(self, d: jax.Array, g: jax.Array, new: jax.Array) -> jax.Array:
        y = new - g
        if self.beta == "fr":
            return (new @ new) / (g @ g)
        if self.beta == "pr+":
            return jnp.maximum(0.0, (new @ y) / (g @ g))
        dy = d @ y
        if self.beta == "hs":
            return (new @ y) / dy
        if self.beta == "dy":
            return (new @ new) / dy
        norm = jnp.linalg.norm
        return jnp.maximum((y @ new - 2 * (y @ y) * (d @ new) / dy) / dy, -1 / (norm(d) * jnp.minimum(0.01, norm(g))))

    def first_step(self, model: Any, last: RayPoint, start: RayPoint) -> Scalar:
        """Return the minimum of a parabola that falls by as much as the value did.

        Where that is rounding, the slopes decide.
        """
        fall = last.value - start.value
        by_slopes = last.step * last.slope / start.slope
        return jnp.where(fall > rounding(start.value), -2 * fall / start.slope, by_slopes)


nonlinear_cg = NonlinearCG
