"""Convex quadratic programs with bounds and elastic constraints, by an interior point method."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import lu_factor, lu_solve

from jgd.core.tree import where

MOST_TURNS = 60  # ten to twenty are usual
MOST_IDLE = 15  # turns in a row that lower the error by less than a tenth
TO_BOUNDARY = 0.995


class QuadraticProgram(NamedTuple):
    """Minimize g'd + d'Bd/2 + w |missed| where low <= Jd <= high is missed, and lower <= d <= upper never is.

    B is positive definite. `weight` is w as a multiple of the largest entry of g, or of B times the distance to a limit
    where that is more, for rows of J that are divided by their length: a row whose multiplier would be larger is missed
    in part, which is how constraints that contradict each other are solved. Variables whose bounds are equal stay at 0,
    which must lie between all bounds.
    """

    B: jax.Array  # f[n, n]
    g: jax.Array  # f[n]
    J: jax.Array  # f[m, n]
    low: jax.Array  # f[m], -inf for none
    high: jax.Array  # f[m], inf for none
    lower: jax.Array  # f[n]
    upper: jax.Array  # f[n]
    weight: jax.Array  # f[]


class _Central(NamedTuple):
    """A point of the method. N = 2 (m + n) one-sided limits: h - C d + p - s = 0 with s, p, z, w = weight - z >= 0."""

    d: jax.Array  # f[n]
    p: jax.Array  # f[N], by how much a limit is exceeded; 0 where it is never
    s: jax.Array  # f[N], the room before it
    z: jax.Array  # f[N], its multiplier
    w: jax.Array  # f[N], the multiplier of p


def solve_quadratic_program(program: QuadraticProgram) -> tuple[jax.Array, jax.Array]:
    """Find the step d and the rows' multipliers, f[n] and f[m]: positive where Jd is at `high`, negative at `low`.

    Predictor and corrector steps (Mehrotra 1992) with one length for all variables, each of which factorises a matrix
    f[n + m, n + m], to residuals and products of 100 eps of the numbers in the program, or as near as rounding allows.
    A bound is met exactly where it is nearer than sqrt(eps) of its multiplier, and the model falls all the way to it.
    """
    free = program.upper > program.lower
    eps = jnp.finfo(program.g.dtype).eps
    g, J = jnp.where(free, program.g, 0.0), jnp.where(free[None], program.J, 0.0)
    lengths = jnp.linalg.norm(J, axis=1)
    lengths = jnp.where(lengths > 0, lengths, 1.0)
    missed = jnp.max(jnp.maximum(program.low, -program.high) / lengths, initial=0.0)
    pull = jnp.max(jnp.abs(jnp.where(free[:, None] & free[None], program.B, 0.0)), initial=0.0) * missed
    unit = jnp.maximum(jnp.maximum(jnp.max(jnp.abs(g), initial=0.0), pull), jnp.finfo(g.dtype).tiny ** 0.5)
    B = jnp.where(free[:, None] & free[None], program.B, jnp.diag(jnp.ones_like(g))) / unit
    sides = jnp.concatenate([program.high / lengths, jnp.where(free, program.upper, jnp.inf)])
    others = jnp.concatenate([-program.low / lengths, jnp.where(free, -program.lower, jnp.inf)])
    h, m = jnp.concatenate([sides, others]), len(J)
    elastic = jnp.tile(jnp.arange(sides.size) < m, 2) & jnp.isfinite(h)
    limits = _Limits(B, g / unit, J / lengths[:, None], h, elastic)

    one = jnp.where(limits.known, 1.0, 0.0).astype(g.dtype)
    w = jnp.where(elastic, program.weight - 1, 1.0).astype(g.dtype)
    start = _Central(
        jnp.zeros_like(g), jnp.where(elastic, 1 / w, 0.0), jnp.where(limits.known, jnp.maximum(h, 1.0), 1.0), one, w
    )

    def going(carry: Any) -> jax.Array:
        _, turns, idle, error = carry
        return (turns < MOST_TURNS) & (idle < MOST_IDLE) & (error > 100 * eps)

    def turn(carry: Any) -> Any:
        at, turns, idle, least = carry
        new = limits.newton(at)
        error = limits.error(new)
        fine = jnp.isfinite(error)
        idle = jnp.where(fine, jnp.where(error < 0.9 * least, 0, idle + 1), MOST_IDLE)
        return where(fine, new, at), turns + 1, idle, jnp.where(fine, jnp.minimum(error, least), least)

    none = jnp.zeros((), jnp.int32)
    at, *_ = jax.lax.while_loop(going, turn, (start, none, none, limits.error(start)))
    above, below = jnp.split(at.z, 2)
    multipliers = (above - below)[:m] / lengths * unit
    d = jnp.clip(jnp.where(free, at.d, 0.0), program.lower, program.upper)
    steep = jnp.maximum(jnp.diag(B), float(eps) ** -0.5)
    at_upper, at_lower = (z[m:] >= steep * s[m:] for s, z in zip(jnp.split(at.s, 2), (above, below), strict=True))
    d = jnp.where(at_upper & (program.upper < jnp.inf), program.upper, d)
    return jnp.where(at_lower & (program.lower > -jnp.inf), program.lower, d), multipliers


class _Limits(NamedTuple):
    """A program whose numbers are scaled, and whose limits are one-sided."""

    B: jax.Array
    g: jax.Array
    J: jax.Array
    h: jax.Array  # f[N], inf for none
    elastic: jax.Array  # bool[N]

    @property
    def known(self) -> jax.Array:
        """Which limits there are, bool[N]."""
        return jnp.isfinite(self.h)

    def sides(self, d: jax.Array) -> jax.Array:
        """Return C d, f[N]."""
        v = jnp.concatenate([self.J @ d, d])
        return jnp.concatenate([v, -v])

    def pull(self, z: jax.Array) -> jax.Array:
        """Return C' z, f[n]."""
        above, below = jnp.split(z, 2)
        m = len(self.J)
        v = above - below
        return v[:m] @ self.J + v[m:]

    def residuals(self, at: _Central) -> tuple[jax.Array, jax.Array]:
        """Tell by how much the gradient is not 0, and the limits do not meet the room."""
        room = jnp.where(self.known, self.h - self.sides(at.d) + at.p - at.s, 0.0)
        return self.B @ at.d + self.g + self.pull(at.z), room

    def gap(self, at: _Central) -> jax.Array:
        """Return the mean of the products sz and pw."""
        count = jnp.maximum(jnp.sum(self.known) + jnp.sum(self.elastic), 1)
        return (at.s @ at.z + jnp.sum(jnp.where(self.elastic, at.p * at.w, 0.0))) / count

    def error(self, at: _Central) -> jax.Array:
        """Return the largest residual or product."""
        grad, room = self.residuals(at)
        products = jnp.maximum(jnp.where(self.known, at.s * at.z, 0.0), jnp.where(self.elastic, at.p * at.w, 0.0))
        largest = [jnp.max(jnp.abs(x), initial=0.0) for x in (grad, room, products)]
        return jnp.max(jnp.stack(largest))

    def newton(self, at: _Central) -> _Central:
        """Return the point after a predictor and a corrector step."""
        steps, gap = _Steps.of(self, at), self.gap(at)
        sz, pw = jnp.where(self.known, at.s * at.z, 0.0), jnp.where(self.elastic, at.p * at.w, 0.0)
        predictor = steps.step(-sz, -pw)
        ahead = _moved(at, predictor, jnp.minimum(1.0, _reach(at, predictor)))
        target = gap * (self.gap(ahead) / jnp.where(gap > 0, gap, 1.0)) ** 3
        corrector = steps.step(
            jnp.where(self.known, target - sz - predictor.s * predictor.z, 0.0),
            jnp.where(self.elastic, target - pw - predictor.p * predictor.w, 0.0),
        )
        return _moved(at, corrector, jnp.minimum(1.0, TO_BOUNDARY * _reach(at, corrector)))


class _Steps(NamedTuple):
    """The linear equations of the steps from a point, factorised.

    J'DJ would drown B in the rounding of an active row's D, so that the change q = v Jd + off of its multipliers is an
    unknown too.
    """

    limits: _Limits
    at: _Central
    grad: jax.Array  # f[n], the first residual
    room: jax.Array  # f[N], the second
    above: jax.Array  # f[m + n], D of the upper limits; v is its sum with the next
    below: jax.Array  # f[m + n], D of the lower ones
    more: jax.Array  # f[m], the upper limit's part of a row's v
    less: jax.Array  # f[m], the lower limit's
    factor: tuple[jax.Array, jax.Array]

    @classmethod
    def of(cls, limits: _Limits, at: _Central) -> "_Steps":
        """Return the equations at a point."""
        known, m = limits.known, len(limits.J)
        grad, room = limits.residuals(at)
        give = jnp.where(limits.elastic, at.p / at.w, 0.0)
        D = jnp.where(known, 1 / (jnp.where(known, at.s / jnp.where(known, at.z, 1.0), 1.0) + give), 0.0)
        above, below = jnp.split(D, 2)
        v = above + below
        rows = v[:m] > 0
        ease = jnp.where(rows, 1 / jnp.where(rows, v[:m], 1.0), 1.0)
        more, less = (jnp.where(rows, side[:m] * ease, 0.0) for side in (above, below))
        H = limits.B + jnp.diag(v[m:])
        J = limits.J
        factor = lu_factor(jnp.block([[H, J.T], [jnp.where(rows[:, None], J, 0.0), -jnp.diag(ease)]]))
        return cls(limits, at, grad, room, above, below, more, less, factor)

    def step(self, r1: jax.Array, r2: jax.Array) -> _Central:
        """Return the step that changes the products sz and pw by r1 and r2 to first order."""
        at, known, elastic = self.at, self.limits.known, self.limits.elastic
        above, below, more, less = self.above, self.below, self.more, self.less
        m, n = len(more), len(self.grad)
        o = -self.room - jnp.where(elastic, r2 / at.w, 0.0) + jnp.where(known, r1 / jnp.where(known, at.z, 1.0), 0.0)
        up, down = jnp.split(o, 2)
        pull = above[m:] * up[m:] - below[m:] * down[m:]
        both = lu_solve(self.factor, jnp.concatenate([-self.grad - pull, less * down[:m] - more * up[:m]]))
        d, q = both[:n], both[n:]
        gap = above[:m] * less * (up + down)[:m]
        z_above = jnp.concatenate([more * q + gap, above[m:] * (d + up[m:])])
        z_below = jnp.concatenate([gap - less * q, below[m:] * (down[m:] - d)])
        z = jnp.concatenate([z_above, z_below])
        s = jnp.where(known, (r1 - at.s * z) / jnp.where(known, at.z, 1.0), 0.0)
        p = jnp.where(elastic, (r2 + at.p * z) / at.w, 0.0)
        return _Central(d, p, s, z, jnp.where(elastic, -z, 0.0))


def _reach(at: _Central, step: _Central) -> jax.Array:
    """Return the multiple of a step at which the first of s, p, z and w is 0."""
    parts = [
        jnp.min(jnp.where(change < 0, value / jnp.where(change < 0, -change, 1.0), jnp.inf), initial=jnp.inf)
        for value, change in zip(at[1:], step[1:], strict=True)
    ]
    return jnp.min(jnp.stack(parts))


def _moved(at: _Central, step: _Central, length: jax.Array) -> _Central:
    """Return the point after this multiple of a step."""
    return jax.tree.map(lambda x, dx: x + length * dx, at, step)
