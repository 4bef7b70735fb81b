"""Newton's method with a line search: with the Hessian's eigenvalues, or by conjugate gradients."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, part, record
from jgd.core.status import Status
from jgd.core.types import Scalar
from jgd.solvers.methods.descent import Descent, Ray, promises_nothing, rounding
from jgd.solvers.methods.line_searches import Armijo, LineSearch, StrongWolfe
from jgd.solvers.methods.method import FALLS, Iterate, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.subproblem import Spectrum, spectrum, truncated_cg


class _NewtonDescent(Descent):
    """Methods that learn nothing on the way, so that a search without success is the last."""

    takes: ClassVar[frozenset[str]] = frozenset({"hess"})

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> Any:
        """Nothing."""
        return model

    def first_step(self, model: Any, point: Point, ray: Ray, slope: jax.Array, fresh: jax.Array) -> Scalar:
        """Newton's own length."""
        return 1.0

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Go on, unless a step has changed the value by its rounding, and has not lowered the gradient either."""
        after, old, ray = super().advance(problem, iterate, new), iterate.point, iterate.memory
        flat = jnp.abs(after.point.value - old.value) <= rounding(old.value)
        still = jnp.linalg.norm(after.point.grad) >= FALLS * jnp.linalg.norm(old.grad)
        ends = after.accepted & flat & still & (after.status == status(Status.RUNNING))
        why = jnp.where(promises_nothing(ray), status(Status.PRECISION), status(Status.LINE_SEARCH))
        return after._replace(status=jnp.where(ends, why, after.status))

    def _aim(self, problem: Objective, iterate: Iterate, model: Any, fresh: jax.Array) -> Iterate:
        """The ray along this point's direction."""
        return super()._aim(problem, iterate, model, jnp.array(True))


@record
class Newton(_NewtonDescent):
    """d = -|B|^-1 g, where |B| is the Hessian with its eigenvalues' absolute values (Greenstadt 1967).

    Along each eigenvector d is at most `longest` (1 + |x|) long, since B may be singular. Where an eigenvalue is
    negative and d shorter than `escape` (1 + |x|) / 10, d gets that eigenvector, `escape` (1 + |x|) long: saddle points
    are left, also where g = 0, and are no solutions, for the optimality is the larger of |g| and of minus the least
    eigenvalue. Cost: n products with the Hessian and about 10 n^3 a step. Memory: n^2.
    """

    line_search: LineSearch = part(default=Armijo())
    escape: Scalar = hyper(default=0.1, interval="(0, inf)")
    longest: Scalar = hyper(default=100.0, interval="(0, inf)")

    def start(self, problem: Objective, point: Point) -> Spectrum:
        """No curvature, until it is computed at the point where the ray starts."""
        n, dtype = point.params.size, point.grad.dtype
        return Spectrum(jnp.eye(n, dtype=dtype), jnp.ones(n, dtype), jnp.zeros(n, dtype))

    def direction(self, problem: Objective, model: Spectrum, point: Point) -> jax.Array:
        """Newton's with absolute values, and the eigenvector of negative curvature at saddle points."""
        sizes = jnp.abs(model.values)
        far = 1 + jnp.linalg.norm(point.params)
        h = jnp.clip(-model.grad / jnp.where(sizes > 0, sizes, 1.0), -self.longest * far, self.longest * far)
        length = self.escape * far
        stays = (model.values[0] < 0) & (jnp.linalg.norm(h) < length / 10)
        h = h.at[0].set(jnp.where(stays, jnp.where(model.grad[0] > 0, -length, length), h[0]))
        return model.basis @ h

    def _aim(self, problem: Objective, iterate: Iterate, model: Spectrum, fresh: jax.Array) -> Iterate:
        point = iterate.point
        model = spectrum(problem.hessian(point.params), point.grad)
        return super()._aim(problem, iterate._replace(optimality=model.optimality(point)), model, fresh)


newton = Newton


@record
class NewtonCG(_NewtonDescent):
    """d from conjugate gradients on B d = -g, which end at negative curvature (Nocedal & Wright 2006, Alg. 7.1).

    For many parameters: a step costs up to 2 n products with the Hessian, most often far fewer, and memory for a few
    vectors. `forcing` is how small |Bd + g| / |g| must get, if not smaller than sqrt|g|.
    """

    line_search: LineSearch = part(default=StrongWolfe())
    forcing: Scalar = hyper(default=0.01, interval="(0, 1)")

    def start(self, problem: Objective, point: Point) -> tuple[()]:
        """Nothing: products are computed when they are needed."""
        return ()

    def direction(self, problem: Objective, model: Any, point: Point) -> jax.Array:
        """By conjugate gradients."""
        return truncated_cg(problem.curvature(point.params), point.grad, self.forcing)[0]


newton_cg = NewtonCG
