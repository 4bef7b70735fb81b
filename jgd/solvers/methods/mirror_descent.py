"""Mirror descent: gradient steps in the geometry of a set."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from jgd.core.record import record
from jgd.solvers.methods.backtracking import Backtracking
from jgd.solvers.methods.objective import Objective, Point


@record
class MirrorDescent(Backtracking):
    """Descend by steps that are short in a set's own geometry, without a projection.

    x+ minimises <g, x+> + D(x+, x) / t inside the set (Nemirovski & Yudin 1983; Beck & Teboulle 2003).

    D is the Bregman divergence of a map that the set has: on the simplex the relative entropy, so that x+ is
    proportional to x exp(-t g); on `non_negative` too, x exp(-t g); in a box a logistic step; in an l2 ball that of
    half a sphere; those of several sets, and plain steps of free leaves, by `jgd.nonsmooth.by_path`. t is found by
    backtracking against D(x+, x) / t (Lu, Freund & Nesterov 2018), so that the value never rises. Its optimality is
    |x - P(x - g)|, with P the projection. Bounds that hold at the solution are neared as fast as exp(-k), and met by
    rounding alone. On simplices of many dimensions it can be much faster than `projected_gradient`, as the curvature
    counts in the l1 norm; else take that or `fista`.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth"})
    needs: ClassVar[frozenset[str]] = takes

    def move(self, problem: Objective, point: Point, step: jax.Array) -> jax.Array:
        """Return the mirror step."""
        return problem.nonsmooth.mirror(point.params, point.grad, step)

    def distance(self, problem: Objective, new: jax.Array, old: jax.Array) -> jax.Array:
        """Return the divergence of the set's map."""
        return problem.nonsmooth.divergence(new, old).astype(old.dtype)

    def is_still(self, new: jax.Array, old: jax.Array) -> jax.Array:
        """Tell whether no entry changes by more than its own rounding: those that have been 0 grow from there."""
        return jnp.all(jnp.abs(new - old) <= 4 * jnp.finfo(old.dtype).eps * jnp.abs(old))

    def residual(self, problem: Objective, point: Point, trial: jax.Array, step: jax.Array) -> jax.Array:
        """Return the prox residual for a step of 1."""
        return jnp.linalg.norm(point.params - problem.nonsmooth.prox(point.params - point.grad, 1.0))


mirror_descent = MirrorDescent
