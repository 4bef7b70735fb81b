"""Newton's method with a line search: with the Hessian's eigenvalues, or by conjugate gradients."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, part, record
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Scalar
from jgd.solvers.methods.line_searches import (
    LINE_SEARCH,
    Armijo,
    LineSearch,
    StrongWolfe,
    contradiction,
    start_and_trial,
)
from jgd.solvers.methods.method import Iterate, Method, at_start, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import Stalls, unseen
from jgd.solvers.methods.subproblem import spectrum, truncated_cg
from jgd.transforms.line_search import RayPoint


class SearchedRay(NamedTuple):
    """A direction that is being searched."""

    direction: jax.Array  # f[n]
    slope: jax.Array  # f[], at its start, which is the point of the iterate
    step: jax.Array  # f[], the step that is being tried
    search: Any
    noise: jax.Array  # f[], by how much a trial of this search was higher where the slopes say lower
    stalls: Stalls


class _NewtonDescent(Method):
    """x+ = x + t d, where d is computed at each point anew, t begins at 1, and a line search finds it.

    It ends where a search finds nothing lower, and where a step changes the value by its rounding without lowering the
    gradient: PRECISION if the model promised no more than that, else LINE_SEARCH.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"hess"})

    line_search: LineSearch

    def direction(self, problem: Objective, point: Point) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Tell where to go from a point, f[n], how much that lowers the model, f[], and the optimality there, f[]."""
        raise NotImplementedError

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form of the first iterate."""
        zero = jnp.zeros_like(point.value)
        search = self.line_search.begin(RayPoint(zero, point.value, zero, point))
        ray = SearchedRay(point.grad, zero, zero, search, zero, Stalls.none(zero, zero))
        return at_start(point, point.params, ray)

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Go on with the search, or, where it is over and at the start, along the next direction."""
        ray, old = iterate.memory, iterate.point
        start, trial = start_and_trial(ray, old, new)
        noise = jnp.maximum(ray.noise, contradiction(start, trial))
        search = self.line_search.receive(ray.search, start, trial, jnp.inf, noise)
        step = self.line_search.next(search, jnp.inf)
        tried = iterate._replace(
            trial=old.params + step * ray.direction,
            accepted=jnp.array(False),
            memory=ray._replace(step=step, search=search, noise=noise),
        )

        def move() -> Iterate:
            end = search.point
            moved = (end.step > 0) | first
            point = where(first, new, where(moved, end.aux, old))
            stalls, size = ray.stalls, jnp.linalg.norm(point.grad)
            stalls = where(first, Stalls.none(point.value, size), stalls.after(point.value, size))
            ends = ~first & (stalls.count > 0)
            why = jnp.where(ends, stalls.status(point.value), status(Status.RUNNING))
            found = at_start(point, iterate.trial, ray._replace(stalls=stalls))._replace(accepted=moved, status=why)
            return cast_like(self._aim(problem, found), iterate)

        return jax.lax.cond(search.done | search.failed | first, move, lambda: cast_like(tried, iterate))

    def _aim(self, problem: Objective, iterate: Iterate) -> Iterate:
        """Give the ray from the point of the iterate, and its first trial; -g where the direction does not descend."""
        point, stalls = iterate.point, iterate.memory.stalls
        direction, promised, optimality = self.direction(problem, point)
        uphill = ~(direction @ point.grad < 0) & jnp.any(point.grad != 0)
        direction = jnp.where(uphill, -point.grad, direction)
        zero, slope = jnp.zeros_like(point.value), direction @ point.grad
        search = self.line_search.begin(RayPoint(zero, point.value, slope, point))
        ray = SearchedRay(direction, slope, jnp.ones_like(point.value), search, zero, stalls.along(promised))
        return iterate._replace(trial=point.params + direction, optimality=optimality, memory=ray)


@record
class Newton(_NewtonDescent):
    """Take Newton steps with a Hessian made positive.

    d = -|B|^-1 g, where |B| is the Hessian with its eigenvalues' absolute values (Greenstadt 1967).

    Along each eigenvector d is at most `longest` (1 + |x|) long, since B may be singular. Where an eigenvalue is
    negative and d shorter than `escape` (1 + |x|) / 10, d gets that eigenvector, `escape` (1 + |x|) long: saddle points
    are left, also where g = 0, and are no solutions, for the optimality is the larger of |g| and of minus the least
    eigenvalue. Cost: n products with the Hessian and about 10 n^3 a step. Memory: n^2.
    """

    line_search: LineSearch = part(default=Armijo(), expect=LINE_SEARCH)
    escape: Scalar = hyper(default=0.1, interval="(0, inf)")
    longest: Scalar = hyper(default=100.0, interval="(0, inf)")

    def direction(self, problem: Objective, point: Point) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return Newton's with absolute values, and the eigenvector of negative curvature at saddle points."""
        model = spectrum(problem.hessian(point.params), point.grad)
        sizes = jnp.abs(model.values)
        far = 1 + jnp.linalg.norm(point.params)
        h = jnp.clip(-model.grad / jnp.where(sizes > 0, sizes, 1.0), -self.longest * far, self.longest * far)
        length = self.escape * far
        stays = (model.values[0] < 0) & (jnp.linalg.norm(h) < length / 10)
        h = h.at[0].set(jnp.where(stays, jnp.where(model.grad[0] > 0, -length, length), h[0]))
        return model.basis @ h, model.decrease(h), model.optimality(point)


newton = Newton


@record
class NewtonCG(_NewtonDescent):
    """Take inexact Newton steps by conjugate gradients.

    d from conjugate gradients on B d = -g, which end at negative curvature (Nocedal & Wright 2006, Alg. 7.1).

    For many parameters: a step costs up to 2 n products with the Hessian, most often far fewer, and memory for a few
    vectors. `forcing` is how small |Bd + g| / |g| must get, if not smaller than sqrt|g|; where the model then falls by
    less than eps^(2/3) |f|, it is solved to rounding.
    """

    line_search: LineSearch = part(default=StrongWolfe(), expect=LINE_SEARCH)
    forcing: Scalar = hyper(default=0.01, interval="(0, 1)")

    def direction(self, problem: Objective, point: Point) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Find it by conjugate gradients."""
        product, little = problem.curvature(point.params), unseen(point.value)
        return *truncated_cg(product, point.grad, self.forcing, little=little), jnp.linalg.norm(point.grad)


newton_cg = NewtonCG
