"""Proximal gradient methods: a gradient step on the smooth part, then the prox of the other."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.tree import where
from jgd.core.types import Scalar
from jgd.solvers.methods.backtracking import LONGEST, Backtracking, StepProgress, ended, noted
from jgd.solvers.methods.method import Iterate
from jgd.solvers.methods.objective import Objective, Point

WINDOW, FALL = 5, 0.01
"""Below the largest of so many values a step ends, by this share of |s|^2 / t (Wright, Nowak & Figueiredo 2009)."""


@record
class ProxSteps(Backtracking):
    """x+ = prox(x - t g, t) of the non-smooth part h."""

    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth"})
    needs: ClassVar[frozenset[str]] = takes

    def move(self, problem: Objective, point: Point, step: jax.Array) -> jax.Array:
        """Return the prox of the gradient step."""
        return problem.nearest(point.params - step * point.grad, step)


@record
class ProxGradient(ProxSteps):
    """Descend on the smooth part, and take the prox of the other.

    x+ = prox(x - t g, t) of the non-smooth part h, with spectral steps (Wright, Nowak & Figueiredo 2009, SpaRSA).

    The first t that is tried after a step s = x+ - x is s's / s'y with y = g+ - g (Barzilai & Borwein 1988); where s'y
    is not positive, t grows by `increase_factor` at most. A trial is accepted where f + h is at least 0.01 |s|^2 / t
    below the largest of its last five values, so that it may rise on the way; that is their test, written as what f may
    exceed its tangent by, and no stricter where h is convex. Its optimality is the prox residual
    |x - prox(x - t g, t)| / t. One evaluation and one prox a turn.
    """

    def form(self, point: Point) -> jax.Array:
        """Return the values before the start, f[4]: none."""
        return jnp.full(WINDOW - 1, -jnp.inf, point.value.dtype)

    def aim(self, problem: Objective, point: Point, here: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the trial from a point, f[n], and the values before it."""
        return self.move(problem, point, step), jnp.roll(here, 1).at[0].set(point.value)

    def most(self, problem: Objective, iterate: Iterate, new: Point) -> Any:
        """Tell which share of D / t is accepted: the tangent and h fall by 2 D / t, and f + h may rise to the last."""
        value, memory = iterate.point.value, iterate.memory
        allowed = self.distance(problem, new.params, iterate.point.params) / memory.step
        room = jnp.maximum(jnp.max(memory.here) - value, 0.0)
        return 2 - 2 * FALL + jnp.where(allowed > 0, room / jnp.where(allowed > 0, allowed, 1.0), 0.0)

    def resized(
        self, progress: StepProgress, share: jax.Array, accepted: jax.Array, old: Point, new: Point
    ) -> StepProgress:
        """Return the progress with the spectral step after an accepted trial, if the curvature along it is positive."""
        s, y = new.params - old.params, new.grad - old.grad
        spectral = accepted & (s @ y > 0)
        step = jnp.minimum(s @ s / jnp.where(spectral, s @ y, 1.0), LONGEST)
        resized = super().resized(progress, share, accepted, old, new)
        return resized._replace(step=jnp.where(spectral, step, resized.step))


prox_gradient = ProxGradient


@record
class ProjectedGradient(ProxGradient):
    """Descend, and project each step on a set.

    x+ = P(x - t g), the projection on the bounds or on a set of `jgd.nonsmooth` (Goldstein 1964), with spectral steps.

    The proximal gradient method under the name that it has with sets. Without either it is gradient descent.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth", "bounds"})
    needs: ClassVar[frozenset[str]] = frozenset()


projected_gradient = ProjectedGradient


class Momentum(NamedTuple):
    """The progress of FISTA."""

    progress: StepProgress
    base: Point  # y, from which the trial x+ was made
    theta: jax.Array  # f[]
    extrapolated: jax.Array  # bool[], whether the trial is a new y, and no x+


@record
class Fista(ProxSteps):
    """Take proximal gradient steps from an extrapolated point.

    x+ = prox(y - t g(y), t), y+ = x+ + (theta - 1) / theta+ (x+ - x) (Beck & Teboulle 2009).

    theta+ = (1 + sqrt(1 + 4 theta^2 t / t+)) / 2, so that t may grow (Scheinberg, Goldfarb & Bai 2014); where it is
    shortened, y stays, for which theta is then on the safe side. Momentum restarts where (y - x+)'(x+ - x) > 0
    (O'Donoghue & Candes 2015, the gradient scheme), which makes it linear under strong convexity that need not be
    known. Two evaluations a step, at y and at x+, and one where the momentum has restarted; the solution is an x, with
    the exact zeros of the prox. The value may rise on the way. A large `increase_factor` excites the directions of
    the largest curvature, where momentum then restarts too early.
    """

    increase_factor: Scalar = hyper(default=1.02, interval="[1, inf)")

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the first step, which has no momentum."""
        iterate = super().begin(problem, point)
        return iterate._replace(
            memory=Momentum(iterate.memory, point, jnp.ones_like(iterate.optimality), jnp.array(False))
        )

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Go from a new y to x+, from an accepted x+ to the next y, else by a shorter step from y."""
        memory: Momentum = iterate.memory
        at_y, old, x = memory.extrapolated, memory.progress, iterate.point
        fine = jnp.isfinite(jnp.linalg.norm(new.grad)) & ~jnp.isnan(new.value)
        share = self.share(problem, memory.base, new, old.step)
        accepted = ~at_y & (share <= 1)
        progress = where(at_y, old, self.resized(old, share, accepted, memory.base, new))
        t = progress.step

        restart = (memory.base.params - new.params) @ (new.params - x.params) > 0
        theta = jnp.where(restart, 1.0, (1 + jnp.sqrt(1 + 4 * memory.theta**2 * old.step / t)) / 2)
        beta = jnp.where(restart, 0.0, (memory.theta - 1) / theta)
        onwards = accepted & (beta > 0)
        theta = jnp.where(accepted, theta, jnp.where(at_y & ~fine, 1.0, memory.theta))

        base = where(at_y, where(fine, new, x), where(accepted, new, memory.base))
        z = self.move(problem, base, t)
        optimality = jnp.where(accepted, self.residual(problem, new, z, t), iterate.optimality)
        progress = noted(progress, accepted, new.value, optimality)
        still = ~at_y & self.is_still(z, base.params)
        end = ended(progress, x, new, accepted, still)
        trial = jnp.where(onwards, new.params + beta * (new.params - x.params), z)
        memory = Momentum(progress, base, theta, onwards)
        return Iterate(where(accepted, new, x), trial, accepted, optimality, end, memory)


fista = Fista
