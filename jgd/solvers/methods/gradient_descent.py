"""Steps along the gradient: steepest descent with a line search, and Barzilai and Borwein's steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import whole_from
from jgd.core.record import hyper, part, record, static
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.bounds import steepest
from jgd.solvers.methods.descent import Descent
from jgd.solvers.methods.line_searches import LINE_SEARCH, Armijo, LineSearch, contradiction, rounding
from jgd.solvers.methods.method import Iterate, Method, at_start, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import UNKNOWN, Stalls
from jgd.transforms.line_search import RayPoint

SHORTEST, LONGEST = 1e-10, 1e10
"""Between these lie Barzilai and Borwein's steps, and the least share of one that is tried."""


@record
class SteepestDescent(Descent):
    """Descend along the gradient, by steps that a line search finds.

    d = -g, a step that lowers the value enough (Cauchy 1847; Armijo 1966), and twice the last as the first tried.

    To compare with, and to learn from: Barzilai and Borwein's steps cost the same, and are faster by far.
    """

    line_search: LineSearch = part(default=Armijo(), expect=LINE_SEARCH)

    def start(self, problem: Objective, point: Point) -> tuple[()]:
        """Return nothing: there is nothing to learn."""
        return ()

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> tuple[()]:
        """Return nothing."""
        return ()

    def direction(self, problem: Objective, model: Any, point: Point) -> jax.Array:
        """Return -g."""
        return -point.grad

    def first_step(self, model: Any, last: RayPoint, start: RayPoint) -> Scalar:
        """Return twice the last step."""
        return 2 * last.step


steepest_descent = SteepestDescent


class Spectral(NamedTuple):
    """The memory of Barzilai and Borwein's method."""

    values: jax.Array  # f[window], the last ones, the newest first
    direction: jax.Array  # f[n]
    share: jax.Array  # f[], of the direction, that is tried
    steps: jax.Array  # i32[]
    noise: jax.Array  # f[], by how much a trial was higher where the slopes say lower, since the value fell
    stalls: Stalls


@record
class BarzilaiBorwein(Method):
    """Descend by steps whose length comes from the last change of the gradient.

    d = P(x - a g) - x, where a is s's / y's and y's / y'y in turn (Barzilai & Borwein 1988; Birgin et al. 2000).

    s = x+ - x and y = g+ - g. A step t d is taken where f(x + t d) <= max of the last `window` values + c1 t g'd, t = 1
    first and then by a parabola (Grippo, Lampariello & Lucidi 1986; Raydan 1997); c1 is `slope_rtol`. So the value may
    rise on the way. With bounds every evaluated point obeys them, and the optimality is the norm of P(x - g) - x.
    Where the curvature along s is not positive, a is such that the step is twice as long as s. Where `window` steps in
    a row lower neither f nor |g|, or none is short enough, it ends: with PRECISION where ten times what they promised,
    -g'd / 2, is rounding of f, else with LINE_SEARCH; a step that is lost in the rounding of x promises what the first
    one of a search from there would. Memory: two vectors.
    """

    takes = frozenset({"bounds"})
    window: int = static(default=10, expect=whole_from(1))
    slope_rtol: Scalar = hyper(default=1e-4, interval="(0, 1)")

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return a step along the gradient, of length at most 1."""
        size = jnp.linalg.norm(steepest(problem, point))
        values = jnp.full(self.window, -jnp.inf, point.value.dtype).at[0].set(point.value)
        direction = _first_direction(problem, point, size)
        zero, none = jnp.zeros((), jnp.int32), jnp.zeros_like(size)
        memory = Spectral(values, direction, jnp.ones_like(size), zero, none, Stalls.none(point.value, size))
        trial = problem.inside(point.params + direction)
        return at_start(point, trial, memory)._replace(optimality=size)

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return a new direction, or a shorter step along the old."""
        old, memory = iterate.point, iterate.memory
        slope, t = memory.direction @ old.grad, memory.share
        most = jnp.max(memory.values) + self.slope_rtol * t * slope + rounding(old.value)
        taken = is_finite(new) & (new.value <= most)
        parabola = -slope * t**2 / (2 * (new.value - old.value - t * slope))
        shorter = jnp.clip(jnp.where(parabola > 0, parabola, 0.0), 0.1 * t, 0.5 * t)  # 0.1 t where it is NaN
        point = where(taken, new, old)
        size = jnp.linalg.norm(steepest(problem, point))
        steps = memory.steps + taken
        step = self._step(old, point, steps, size)
        direction = jnp.where(taken, steepest(problem, point, step), memory.direction)
        share = jnp.where(taken, 1.0, shorter)
        stalls = where(taken, memory.stalls.after(point.value, size, old.value), memory.stalls)
        values = jnp.where(taken, jnp.roll(memory.values, 1).at[0].set(new.value), memory.values)
        start = RayPoint(jnp.zeros_like(t), old.value, slope)
        found = RayPoint(t, new.value, new.grad @ memory.direction)
        noise = jnp.maximum(memory.noise, contradiction(start, found))
        fell = taken & (old.value - new.value > rounding(old.value))
        over = (share < SHORTEST) | (stalls.count >= self.window)
        lost = taken & jnp.all(new.params == old.params)  # in rounding: the next length means nothing
        hoped = jnp.where(lost, _first_direction(problem, point, size), direction)
        stalls = stalls.along(jnp.where(taken, -UNKNOWN * (hoped @ point.grad) / 2, 0.0))
        why = jnp.where(over, stalls.status(old.value, noise), status(Status.RUNNING))
        trial = problem.inside(point.params + share * direction)
        memory = Spectral(values, direction, share, steps, jnp.where(fell, 0.0, noise), stalls)
        return cast_like(Iterate(point, trial, taken, size, why, memory), iterate)

    def _step(self, old: Point, new: Point, steps: jax.Array, size: jax.Array) -> jax.Array:
        s, y = new.params - old.params, new.grad - old.grad
        ys = y @ s
        step = jnp.where(steps % 2 == 1, s @ s / ys, ys / (y @ y))
        longer = 2 * jnp.linalg.norm(s) / size
        return jnp.clip(jnp.where(ys > 0, step, longer), SHORTEST, LONGEST)


barzilai_borwein = BarzilaiBorwein


def _first_direction(problem: Objective, point: Point, size: jax.Array) -> jax.Array:
    """Return the direction of a search that knows nothing: steepest descent, of this size, by a length of at most 1."""
    return steepest(problem, point, 1 / jnp.maximum(1.0, size))
