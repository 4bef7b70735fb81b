"""Symmetric rank one: the Hessian from gradients, indefinite where the function is, in a trust region."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.tree import where
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import equal_rtol
from jgd.solvers.methods.method import is_finite
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.subproblem import truncated_cg
from jgd.solvers.methods.trust_region import Region, TrustRegion


class LearnedHessian(NamedTuple):
    """The matrix that has learned from pairs."""

    matrix: jax.Array  # f[n, n]
    pairs: jax.Array  # i32[], how many pairs it has learned


@record
class SR1(TrustRegion):
    """Take trust-region steps by a symmetric update of rank 1.

    B+ = B + r r' / r's with r = y - Bs, skipped where |r's| < `skip` |s| |r| (Nocedal & Wright 2006, 6.2).

    For smooth functions whose Hessian is too expensive: B may be indefinite as the Hessian is, and learns from rejected
    steps as well. It is |g| / radius times the identity at first, so that the first step has the length of the radius,
    by default min(1, |g|), and y'y / y's times the identity before it learns its first pair. Steps are conjugate
    gradients' to `forcing` |g|. Since B is as old as the steps that it has learned from, its promises prove nothing: it
    ends with PRECISION only where the value is 0 to rounding. Memory: n^2.
    """

    takes: ClassVar[frozenset[str]] = frozenset()

    unknown: ClassVar[float] = float("inf")
    skip: Scalar = hyper(default=1e-8, interval="(0, 1)")
    forcing: Scalar = hyper(default=1e-6, interval="(0, 1)")

    def model(self, problem: Objective, point: Point) -> LearnedHessian:
        """Return a multiple of the identity."""
        norm, n = jnp.linalg.norm(point.grad), point.params.size
        scale = norm / self.first_radius(problem, None, point)
        return LearnedHessian(scale * jnp.eye(n, dtype=point.grad.dtype), jnp.zeros((), jnp.int32))

    def first_radius(self, problem: Objective, model: Any, point: Point) -> Any:
        """Return 1, or the gradient's norm if that is less: nothing is known of the curvature."""
        norm = jnp.linalg.norm(point.grad)
        return jnp.where(norm > 0, jnp.minimum(1.0, norm), 1.0) if self.radius is None else self.radius

    def solve(self, problem: Objective, model: LearnedHessian, point: Point, radius: jax.Array) -> tuple[Any, Any]:
        """Solve it by conjugate gradients."""
        return truncated_cg(lambda d: model.matrix @ d, point.grad, self.forcing, radius)

    def learn(self, problem: Objective, region: Region, old: Point, new: Point, accepted: jax.Array) -> LearnedHessian:
        """Return B after the trial, taken or not; not where f rose by more than 4 |g's|, or s is x's rounding."""
        B, pairs = region.model
        s, y = new.params - old.params, new.grad - old.grad
        ys, yy = y @ s, y @ y
        begins = (pairs == 0) & (ys > 0)
        B = jnp.where(begins, yy / jnp.where(begins, ys, 1.0) * jnp.eye(s.size, dtype=s.dtype), B)
        off = y - B @ s
        bottom = off @ s
        fine = is_finite(new) & (jnp.abs(bottom) >= self.skip * jnp.linalg.norm(s) * jnp.linalg.norm(off))
        fine = fine & (jnp.linalg.norm(s) > equal_rtol(ys) * jnp.linalg.norm(old.params))
        fine = fine & (bottom != 0) & (new.value - old.value <= 4 * jnp.abs(old.grad @ s))
        learned = LearnedHessian(B + jnp.outer(off, off) / jnp.where(fine, bottom, 1.0), pairs + 1)
        return where(region.radius > 0, where(fine, learned, region.model), self.model(problem, new))


sr1 = SR1
