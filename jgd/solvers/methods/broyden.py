"""Equations by Broyden's method: Newton's with a Jacobian that is learned and not computed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.types import Params, Scalar
from jgd.solvers.methods.method import Iterate, Method, at_start, status
from jgd.solvers.methods.objective import Objective, Point


class Learned(NamedTuple):
    """An inverse Jacobian, and the step that is being tried."""

    inverse: jax.Array  # f[n, n]
    step: jax.Array  # f[], the share of the direction that is tried
    fresh: jax.Array  # bool[], `inverse` is that of the Jacobian at the point
    renew: jax.Array  # bool[], the trial is the point itself, for its Jacobian
    allowed: jax.Array  # f[], what the norm may still grow by in all, so that early steps are taken whole


@record
class Broyden(Method):
    """Solve equations by quasi-Newton steps from a single Jacobian.

    d = -H r; H+ = H + (s - H y) s'H / s'H y, where y is how r has changed along the step s (Broyden 1965, "good").

    H begins as the inverse of the Jacobian at the start; further evaluations need no derivatives. A step is halved
    until |r| falls or rises by no more than a budget, at first a tenth of it, that is used up (Li & Fukushima
    2000); after `max_halvings` the Jacobian is computed anew, and where four times as many halvings do not help
    either the method ends. Memory: f[n, n].
    """

    max_halvings: Scalar = hyper(default=6, interval="[1, inf)", whole=True)
    takes = needs = frozenset({"equations"})

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate."""
        no, size = jnp.array(False), jnp.ones_like(point.value)
        return at_start(point, point.params, Learned(point.jacobian.T, size, no, no, size))

    def before(self, problem: Objective, params: Params) -> Iterate:
        """Return the start, of which the Jacobian is wanted."""
        iterate = super().before(problem, params)
        return iterate._replace(memory=iterate.memory._replace(renew=jnp.array(True)))

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the residual alone, and the Jacobian where it is to be computed anew."""
        one = jnp.ones((), jnp.int32)

        def new() -> Point:
            return problem.evaluate(iterate.trial)

        def bare() -> Point:
            return problem.evaluate_residual_alone(iterate.trial, iterate.point)

        return jax.lax.cond(iterate.memory.renew, new, bare), one

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Take the step, halve it, or begin again with the Jacobian here."""
        old, known = iterate.point, iterate.memory
        size, was = jnp.linalg.norm(new.residual), jnp.linalg.norm(old.residual)
        excess = jnp.maximum(size - (1 - 1e-4 * known.step) * was, 0.0)
        good = ~known.renew & jnp.isfinite(size) & (excess <= known.allowed / 2)
        s, y = new.params - old.params, new.residual - old.residual
        Hy = known.inverse @ y
        pivot = s @ Hy
        safe = jnp.abs(pivot) > jnp.finfo(pivot.dtype).eps * (s @ s)
        learned = known.inverse + jnp.outer(s - Hy, s @ known.inverse) / jnp.where(safe, pivot, 1.0)
        inverse = jnp.where(good & safe, learned, known.inverse)
        inverse = jax.lax.cond(known.renew, lambda: jnp.linalg.pinv(new.jacobian), lambda: inverse)
        step = jnp.where(good | known.renew, 1.0, known.step / 2)
        rejected, least = ~good & ~known.renew, 0.5**self.max_halvings
        renew = rejected & (step < least) & ~known.fresh
        stuck = rejected & (step < least**4) & known.fresh  # a Newton step descends if it is short enough
        why = jnp.where(stuck, status(Status.LINE_SEARCH), status(Status.RUNNING))
        point = jax.tree.map(lambda a, b: jnp.where(good | known.renew, a, b), new, old)
        norm = jnp.where(good | known.renew, size, was)
        allowed = jnp.where(first, size / 10, jnp.where(good, known.allowed - excess, known.allowed))
        fresh = jnp.where(good, jnp.array(False), known.fresh | known.renew)
        memory = Learned(inverse, step, fresh, renew, allowed)
        return _try(Iterate(point, iterate.trial, good | first, norm, why), memory)


def _try(iterate: Iterate, memory: Learned) -> Iterate:
    """Return the iterate with its next trial: a step, or the point itself where its Jacobian is wanted."""
    point = iterate.point
    direction = jnp.where(memory.renew, 0.0, -(memory.inverse @ point.residual))
    return iterate._replace(trial=point.params + memory.step * direction, memory=memory)


broyden = Broyden
