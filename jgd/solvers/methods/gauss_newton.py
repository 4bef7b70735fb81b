"""Least squares by Gauss-Newton steps with a line search."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.solvers.methods.descent import Descent, steepest
from jgd.solvers.methods.line_searches import Armijo, LineSearch, rounding
from jgd.solvers.methods.linear_model import LinearModel, columns_of, scaled_gradient_norm
from jgd.solvers.methods.method import Iterate, status
from jgd.solvers.methods.objective import Objective, Point


@record
class GaussNewton(Descent):
    """d = -J^+ r, the least step that minimizes |J d + r|, with a line search along it (Gauss 1809).

    Quadratic convergence where the residuals are small at the solution; where they are large, or J loses rank on the
    way, use `levenberg_marquardt`. A search that finds nothing lower is repeated along the gradient, once. Without the
    line search the method diverges from many starts. The optimality is |J_j'r| / |J_j| over the parameters.
    """

    line_search: LineSearch = part(default=Armijo())
    takes = needs = frozenset({"residual"})

    def start(self, problem: Objective, point: Point) -> jax.Array:
        """Whether the next direction is the gradient's: after a search that found nothing."""
        return jnp.array(True)

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> jax.Array:
        """A step was found, so that the next is a Gauss-Newton one again."""
        return jnp.array(False)

    def direction(self, problem: Objective, model: jax.Array, point: Point) -> jax.Array:
        """-J^+ r."""
        columns = columns_of(point.jacobian)
        found = LinearModel.of(1 / columns, point.jacobian / columns[None], point.residual)
        return jnp.where(model, -point.grad, found.scale * found.step())

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """The first Gauss-Newton step."""
        never = jnp.array(False)
        own = (self.direction(problem, never, point), self.start(problem, point), 0.0)
        iterate = self._aim(problem, super().begin(problem, point), never, never, steepest(problem, point), own)
        return iterate._replace(optimality=scaled_gradient_norm(problem, point))

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Go on with the search. PRECISION where the model, by -d'g / 2, lowers the value by no more than rounding."""
        iterate = super().advance(problem, iterate, new)
        ray, point = iterate.memory, iterate.point
        flat = ~ray.model & (-ray.start.slope / 2 <= rounding(point.value))
        why = jnp.where(flat, status(Status.PRECISION), iterate.status)
        return iterate._replace(optimality=scaled_gradient_norm(problem, point), status=why)


gauss_newton = GaussNewton
