"""Least squares by Gauss-Newton steps with a line search."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.solvers.methods.descent import Descent
from jgd.solvers.methods.line_searches import LINE_SEARCH, Armijo, LineSearch, rounding
from jgd.solvers.methods.linear_model import LinearModel, columns_of, scaled_gradient_norm
from jgd.solvers.methods.method import Iterate, status
from jgd.solvers.methods.objective import Objective, Point


class StepRegion(NamedTuple):
    """Where the linearised residuals are trusted: |D d| <= radius."""

    columns: jax.Array  # f[n], the diagonal of D: the largest norms of the Jacobian's columns so far
    radius: jax.Array  # f[]


@record
class GaussNewton(Descent):
    """Solve the linearised least squares problem at each step.

    d = -J^+ r, the least step that minimizes |J d + r|, with a line search along it (Gauss 1809); after a step s, the
    minimizer of |J d + r| among |D d| <= R, where D are the largest norms that J's columns have had. R is |D s|,
    twice that where the value fell by more than 3/4 of what the linear model says, half of it below 1/4 (as in Moré
    1978), so that a J of low rank, or a large residual, makes no direction across the gradient.

    Quadratic convergence where the residuals are small at the solution; where they are large use
    `levenberg_marquardt`. A search that finds nothing lower is repeated along the gradient, once, and the radius
    forgotten. The optimality is |J_j'r| / |J_j| over the parameters.
    """

    line_search: LineSearch = part(default=Armijo(), expect=LINE_SEARCH)
    takes = needs = frozenset({"residual"})
    knows_at_once = True

    def start(self, problem: Objective, point: Point) -> StepRegion:
        """Reach as far as the parameters' own size, or as any of them alone must go to undo the residual."""
        columns = columns_of(point.jacobian)
        size = jnp.linalg.norm(columns * point.params)
        return StepRegion(columns, jnp.maximum(size, jnp.linalg.norm(point.residual)))

    def learn(self, problem: Objective, model: StepRegion, old: Point, new: Point) -> StepRegion:
        """Reach about as far as the last step went, by how well the linear model foretold it."""
        s = new.params - old.params
        change = old.jacobian @ s
        share = (new.value - old.value) / (old.residual @ change + change @ change / 2)
        factor = jnp.where(share > 0.75, 2.0, jnp.where(share < 0.25, 0.5, 1.0))
        return StepRegion(
            jnp.maximum(model.columns, columns_of(new.jacobian)), factor * jnp.linalg.norm(model.columns * s)
        )

    def direction(self, problem: Objective, model: StepRegion, point: Point) -> jax.Array:
        """Return -J^+ r, or the best step inside the region."""
        columns, radius = model
        found = LinearModel.of(1 / columns, point.jacobian / columns[None], point.residual)
        return found.scale * found.within(radius)[0]

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Go on with the search. PRECISION where the whole step, by -d'g / 2, lowers the value by rounding alone."""
        iterate = super().turn(problem, iterate, new, first)
        ray, point = iterate.memory, iterate.point
        whole = jnp.linalg.norm(ray.model.columns * ray.direction) < 0.9 * ray.model.radius
        flat = ~ray.fresh & whole & (-ray.slope / 2 <= rounding(point.value))
        why = jnp.where(flat, status(Status.PRECISION), iterate.status)
        return iterate._replace(optimality=scaled_gradient_norm(problem, point, columns_of(point.jacobian)), status=why)


gauss_newton = GaussNewton
