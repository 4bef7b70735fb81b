"""Mirror descent: gradient steps in the geometry of a set."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from jgd.core.record import record
from jgd.solvers.methods.backtracking import Backtracking
from jgd.solvers.methods.objective import Objective, Point


@record
class MirrorDescent(Backtracking):
    """Descend on the simplex by multiplicative steps.

    x+ proportional to x exp(-t g) on the simplex: steps near in relative entropy (Beck & Teboulle 2003).

    t is found by backtracking against KL(x+, x) / t (Lu, Freund & Nesterov 2018), so that the value never rises. Its
    optimality is |x - P(x - g)|, with P the projection. No entry is ever 0; those that are 0 at the solution get there
    as fast as exp(-k). In many dimensions it can be much faster than `projected_gradient`, as the curvature counts in
    the l1 norm. Needs `jgd.nonsmooth.simplex(radius, axis)`.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth"})
    needs: ClassVar[frozenset[str]] = takes

    def move(self, problem: Objective, point: Point, step: jax.Array) -> jax.Array:
        """The mirror step."""
        return problem.nonsmooth.mirror(point.params, point.grad, step)

    def distance(self, new: jax.Array, old: jax.Array) -> jax.Array:
        """KL(new, old), summed from terms that are not negative, so that near steps keep their digits."""
        least = jnp.finfo(old.dtype).tiny
        old = jnp.maximum(old, least)
        change = (new - old) / old
        # (1 + c) log(1 + c) - c, which is c^2 / 2 - c^3 / 6 where rounding would be larger than it.
        near = change**2 / 2 - change**3 / 6
        far = (1 + change) * jnp.log1p(jnp.maximum(change, -1 + jnp.finfo(old.dtype).epsneg)) - change
        return jnp.sum(old * jnp.where(jnp.abs(change) < 1e-3, near, far))

    def is_still(self, new: jax.Array, old: jax.Array) -> jax.Array:
        """Whether no entry changes by more than its own rounding: those that have been 0 grow from there."""
        return jnp.all(jnp.abs(new - old) <= 4 * jnp.finfo(old.dtype).eps * old)

    def residual(self, problem: Objective, point: Point, trial: jax.Array, step: jax.Array) -> jax.Array:
        """The prox residual for a step of 1."""
        return jnp.linalg.norm(point.params - problem.nonsmooth.prox(point.params - point.grad, 1.0))


mirror_descent = MirrorDescent
