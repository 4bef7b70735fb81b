"""Least squares by Gauss-Newton steps with a line search."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.solvers.methods.descent import Descent
from jgd.solvers.methods.line_searches import LINE_SEARCH, Armijo, LineSearch, rounding
from jgd.solvers.methods.linear_model import LinearModel, columns_of, scaled_gradient_norm
from jgd.solvers.methods.method import Iterate, status
from jgd.solvers.methods.objective import Objective, Point


@record
class GaussNewton(Descent):
    """Solve the linearised least squares problem at each step.

    d = -J^+ r, the least step that minimizes |J d + r|, with a line search along it (Gauss 1809).

    Quadratic convergence where the residuals are small at the solution; where they are large, or J loses rank on the
    way, use `levenberg_marquardt`. A search that finds nothing lower is repeated along the gradient, once. Without the
    line search the method diverges from many starts. The optimality is |J_j'r| / |J_j| over the parameters.
    """

    line_search: LineSearch = part(default=Armijo(), expect=LINE_SEARCH)
    takes = needs = frozenset({"residual"})
    knows_at_once = True

    def start(self, problem: Objective, point: Point) -> tuple[()]:
        """Nothing is learned from steps."""
        return ()

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> tuple[()]:
        """Nothing."""
        return ()

    def direction(self, problem: Objective, model: Any, point: Point) -> jax.Array:
        """-J^+ r."""
        columns = columns_of(point.jacobian)
        found = LinearModel.of(1 / columns, point.jacobian / columns[None], point.residual)
        return found.scale * found.step()

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Go on with the search. PRECISION where the model, by -d'g / 2, lowers the value by no more than rounding."""
        iterate = super().turn(problem, iterate, new, first)
        ray, point = iterate.memory, iterate.point
        flat = ~ray.fresh & (-ray.start.slope / 2 <= rounding(point.value))
        why = jnp.where(flat, status(Status.PRECISION), iterate.status)
        return iterate._replace(optimality=scaled_gradient_norm(problem, point), status=why)


gauss_newton = GaussNewton
