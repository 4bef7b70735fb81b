"""Conditional gradients: steps towards the corners of a set, without a projection."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from jgd.core.record import record
from jgd.core.tree import ratio
from jgd.solvers.methods.backtracking import Backtracking
from jgd.solvers.methods.objective import Objective, Point


@record
class FrankWolfe(Backtracking):
    """Step towards the best corner of a set, which needs no projection.

    x+ = x + min(1, t gap / |d|^2) d, d = s - x, towards the point s of the set with the least g's.

    (Frank & Wolfe 1956.) Its optimality, `gradient_norm` of the solution, is the gap g'(x - s), in units of the value:
    for convex f the value exceeds the least by no more. 1/t is the curvature that backtracking finds (Pedregosa et al.
    2020). The gap falls as 1/k, and linearly where the set is curved or the solution lies within it; each step adds
    one entry, or one of rank 1, so that x is sparse. For solutions to many digits take `fista`. Needs a bounded set.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth"})
    needs: ClassVar[frozenset[str]] = takes

    def move(self, problem: Objective, point: Point, step: jax.Array) -> jax.Array:
        """The point on the way to s where the quadratic model is least."""
        d = problem.nonsmooth.lmo(point.grad) - point.params
        return point.params + jnp.minimum(1.0, ratio(-step * (point.grad @ d), d @ d)) * d

    def residual(self, problem: Objective, point: Point, trial: jax.Array, step: jax.Array) -> jax.Array:
        """The gap."""
        return jnp.maximum(point.grad @ (point.params - problem.nonsmooth.lmo(point.grad)), 0.0)


frank_wolfe = FrankWolfe
