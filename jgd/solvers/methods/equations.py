"""Equations F(x) = 0 by a method that makes residuals small: |F| decides when, and whether, it has converged."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.solvers.methods.method import Iterate, Method, status
from jgd.solvers.methods.objective import Objective, Point

IDLE = 100
"""After so many evaluations in which |F| falls by less than SLOW the rest is rounding, or there is no root near."""
SLOW = 1e-3


class LeastResidual(NamedTuple):
    """The memory of the method, and the least |F| so far."""

    inner: Any
    least: jax.Array  # f[]
    idle: jax.Array  # i32[], evaluations since it fell


def root_rtol(dtype: Any) -> float:
    """Return eps^(3/4), the relative error of x within which equations hold: 1.8e-12 in f64, 6.4e-6 in f32."""
    return float(jnp.finfo(dtype).eps) ** 0.75


def is_root(point: Point) -> jax.Array:
    """Tell whether |F_i| <= root_rtol (|J| |x|)_i for all i, bool[]: so much comes of changing x by root_rtol of it.

    At a minimum of |F| that is no root, |F| is larger. Where no Jacobian is known, it counts as 1.
    """
    x, r = point.params, point.residual
    size = jnp.linalg.norm(x) if point.jacobian is None else jnp.abs(point.jacobian) @ jnp.abs(x)
    return jnp.all(jnp.abs(r) <= root_rtol(r.dtype) * size)


@record
class Equations(Method):
    """F(x) = 0 by a method for residuals or for equations, with |F| as the optimality.

    Where the method ends by itself, where a step moves every number by its rounding alone, or where |F| has not
    fallen by a thousandth in 100 evaluations, the status is PRECISION if F is as small as rounding allows, and
    NO_ROOT otherwise, as at a minimum of |F| that is no root.
    """

    method: Method = part()
    takes = needs = frozenset({"equations"})

    def before(self, problem: Objective, params: jax.Array) -> Iterate:
        """Begin as the method does."""
        found = self.method.before(problem, params)
        least = jnp.full_like(found.optimality, jnp.inf)
        return found._replace(memory=LeastResidual(found.memory, least, jnp.zeros((), jnp.int32)))

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Evaluate as the method does."""
        return self.method.evaluate(problem, iterate._replace(memory=iterate.memory.inner))

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Return the method's next iterate."""
        _, least, idle = iterate.memory
        found = self.method.turn(problem, iterate._replace(memory=iterate.memory.inner), new, first)
        size = jnp.linalg.norm(found.point.residual)
        fell = size < (1 - SLOW) * least
        idle = jnp.where(fell, 0, idle + 1)
        x, eps = found.point.params, jnp.finfo(size.dtype).eps
        still = ~first & found.accepted & jnp.all(jnp.abs(x - iterate.point.params) <= 2 * eps * jnp.abs(x))
        over = (found.status != Status.RUNNING) | (idle >= IDLE) | still
        why = jnp.where(is_root(found.point), status(Status.PRECISION), status(Status.NO_ROOT))
        return found._replace(
            optimality=size,
            status=jnp.where(over, why, status(Status.RUNNING)),
            memory=LeastResidual(found.memory, jnp.where(fell, size, least), idle),
        )
