"""Nelder and Mead's simplex: values alone, no derivatives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import hyper, record
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Params, Scalar
from jgd.solvers.methods.line_searches import rounding
from jgd.solvers.methods.method import Iterate, Method, at_start, status
from jgd.solvers.methods.objective import Objective, Point

BUILD, REFLECT, EXPAND, OUTSIDE, INSIDE, SHRINK = range(6)
"""Which point is being evaluated."""


class Vertices(NamedTuple):
    """n + 1 points, the lowest first; some have no value yet while it is built or shrinks."""

    points: jax.Array  # f[n + 1, n]
    values: jax.Array  # f[n + 1], infinite where not finite
    phase: jax.Array  # i32[]
    index: jax.Array  # i32[], of the point that is evaluated next, where it is built or shrinks
    reflected: jax.Array  # f[n]
    reflected_value: jax.Array  # f[]
    begun: jax.Array  # f[], the value at which this simplex began; infinite for the first


@record
class NelderMead(Method):
    """Replace the highest of n + 1 points by its image in the others (Nelder & Mead 1965; Lagarias et al. 1998).

    The image is the reflection, twice as far or half as far, or, where none is lower, all shrink towards the lowest;
    with more than five parameters by factors that depend on n (Gao & Han 2012). At first the points lie 5% of each
    parameter from the start, and 0.00025 where it is 0. Bounds cut points off. The others are then within `x_tol` of
    the lowest in each parameter and within `f_tol` of its value, both absolute. As the points may have come to lie in a
    plane, or in a bound, a new simplex begins there, of at least 100 `x_tol` (Press et al. 2007, 10.5), until one ends
    no lower by `f_tol` than it began: with Status.STEP_NORM, or Status.PRECISION where it is larger than `x_tol` only
    by rounding of the largest parameter. A new simplex whose values differ by rounding alone, ten units of it, tells
    nothing: another, ten times as large, takes its place, until it is 1/eps of the parameters.

    For functions of up to about ten parameters without derivatives: none is taken, so that any function that JAX can
    call will do, and `gradient_norm` is NaN. Memory: n + 1 vectors. A shrinkage costs n evaluations.
    """

    takes = frozenset({"bounds"})
    x_tol: Scalar = hyper(default=1e-4, interval="[0, inf)")
    f_tol: Scalar = hyper(default=1e-4, interval="[0, inf)")

    def evaluate_start(self, problem: Objective, params: Params) -> Point:
        """Return the value alone."""
        value, aux = problem.fn(params)
        return Point(params, value, jnp.zeros_like(params), aux)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the value alone."""
        return self.evaluate_start(problem, iterate.trial), jnp.ones((), jnp.int32)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the first simplex, of which the start alone has its value."""
        memory = self._built(problem, point.params, point.value, 0.0)._replace(
            begun=jnp.full_like(point.value, jnp.inf)
        )
        first = at_start(point, memory.points[1], memory)
        return first._replace(optimality=jnp.full_like(point.value, jnp.nan))

    def _built(self, problem: Objective, x: jax.Array, value: jax.Array, least: Scalar) -> Vertices:
        """Return a simplex at a point, which alone has its value, with edges of a least length."""
        steps = jnp.where(x == 0, 0.00025, 0.05 * x)
        steps = jnp.where(jnp.abs(steps) < least, least, steps)
        beyond = problem.inside(x + steps) == x  # at a bound: to its other side
        moved = x[None] + jnp.diag(jnp.where(beyond, -steps, steps))
        points = jnp.concatenate([x[None], jax.vmap(problem.inside)(moved)])
        values = jnp.full(len(points), jnp.inf, value.dtype).at[0].set(value)
        return Vertices(points, values, jnp.int32(BUILD), jnp.int32(1), x, value, value)

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return the simplex with the new value, and the next point."""
        value = jnp.where(jnp.isnan(new.value), jnp.inf, new.value).astype(iterate.point.value.dtype)
        lower = value < iterate.point.value
        simplex = self._received(problem, iterate.memory, iterate.trial, value)
        points, values = simplex.points, simplex.values
        spread = jnp.max(jnp.abs(points[1:] - points[:1]))
        eps, size = float(jnp.finfo(spread.dtype).eps), jnp.max(jnp.abs(points[0]))
        apart, whole = jnp.max(jnp.abs(values[1:] - values[:1])), simplex.phase == REFLECT
        blind = whole & (iterate.memory.phase == BUILD) & (apart <= rounding(values[0]))
        blind = blind & (10 * eps * spread <= jnp.maximum(size, 1.0))
        small = whole & (spread <= self.x_tol) & (apart <= self.f_tol)
        tiny = whole & (spread <= 4 * eps * size)
        fell = simplex.begun - values[0] > jnp.maximum(self.f_tol, rounding(values[0]))
        again = blind | ((small | tiny) & fell)
        why = jnp.where(tiny & ~again, status(Status.PRECISION), status(Status.RUNNING))
        edge, begun = jnp.where(blind, 10 * spread, 100 * self.x_tol), jnp.where(blind, simplex.begun, values[0])
        built = self._built(problem, points[0], values[0], edge)._replace(begun=begun)
        simplex = where(again, cast_like(built, simplex), simplex)
        found = Iterate(
            where(lower, new, iterate.point),
            self._trial(problem, simplex),
            lower,
            iterate.optimality,
            jnp.where(small & ~again, status(Status.STEP_NORM), why),
            simplex,
        )
        return cast_like(found, iterate)

    def _received(self, problem: Objective, old: Vertices, x: jax.Array, value: jax.Array) -> Vertices:
        """Return the simplex after an evaluation, sorted where all values are known."""
        n, phase = x.size, old.phase
        filling = (phase == BUILD) | (phase == SHRINK)
        filled = old.values.at[old.index].set(value)
        is_reflection = phase == REFLECT
        lowest, second, highest = old.values[0], old.values[-2], old.values[-1]
        # Where a point takes the highest's place, which one; a reflection may have to wait for another point.
        expands = is_reflection & (value < lowest)
        outside = is_reflection & (value >= second) & (value < highest)
        inside = is_reflection & (value >= highest)
        failed = ((phase == OUTSIDE) & ~(value <= old.reflected_value)) | ((phase == INSIDE) & ~(value < highest))
        worse = (phase == EXPAND) & ~(value < old.reflected_value)
        replaces = ~filling & ~expands & ~outside & ~inside & ~failed
        points = old.points.at[-1].set(jnp.where(replaces, jnp.where(worse, old.reflected, x), old.points[-1]))
        values = old.values.at[-1].set(jnp.where(replaces, jnp.where(worse, old.reflected_value, value), highest))
        shrunk = points[:1] + (1 - 1 / _adapted(n)) * (points - points[:1])
        points, values = jnp.where(failed, shrunk, points), jnp.where(filling, filled, values)
        filling_on = failed | (filling & (old.index < n))
        order = jnp.where(filling_on, jnp.arange(n + 1), jnp.argsort(values))
        next_phase = jnp.select([expands, outside, inside, failed], [EXPAND, OUTSIDE, INSIDE, SHRINK], REFLECT)
        return Vertices(
            points[order],
            values[order],
            jnp.where(filling & filling_on, phase, next_phase).astype(jnp.int32),
            jnp.where(filling, old.index + 1, 1).astype(jnp.int32),
            jnp.where(is_reflection, x, old.reflected),
            jnp.where(is_reflection, value, old.reflected_value),
            old.begun,
        )

    def _trial(self, problem: Objective, simplex: Vertices) -> jax.Array:
        """Give the point that the phase wants: a vertex, or one on the line from the highest through the centre."""
        points, n = simplex.points, simplex.reflected.size
        centre, m = jnp.mean(points[:-1], 0), _adapted(n)
        shares = jnp.array([0.0, 1.0, 1 + 2 / m, 0.75 - 0.5 / m, 0.5 / m - 0.75, 0.0], points.dtype)
        line = problem.inside(centre + shares[simplex.phase] * (centre - points[-1]))
        filling = (simplex.phase == BUILD) | (simplex.phase == SHRINK)
        return jnp.where(filling, points[jnp.minimum(simplex.index, n)], line)


def _adapted(n: int) -> int:
    """Return the n of Gao & Han's factors, 2 for Nelder and Mead's own: up to five parameters those need less."""
    return n if n > 5 else 2


nelder_mead = NelderMead
