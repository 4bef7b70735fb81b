"""Total variation along an axis, and its exact proximal operator by dynamic programming."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import part, record, static
from jgd.core.arguments import Kind
from jgd.core.types import Weights
from jgd.nonsmooth.nonsmooth import Nonsmooth, Shape, along, number, vectors


@record
class TotalVariation(Nonsmooth):
    """Penalise scale sum |x_{i+1} - x_i| along an axis of each leaf, which favours steps (the fused lasso).

    The prox is exact, not iterative: dynamic programming (Johnson 2013) finds where the answer jumps, and each piece is
    the mean of its v, moved by step scale over its length towards a neighbour at each end; so the derivative, of any
    order, is that of a mean. `scale` broadcasts to the differences: a number, or an array with one less along the axis.
    Cost: O(n) one after another, at most 4 n turns of a loop; vectors across the axis go side by side. A leaf without
    the axis is refused.
    """

    scale: Weights = part(convert=number("[0, inf)"))
    axis: int = static(default=-1, expect=Kind("be a whole number", lambda x: type(x) is int))
    real = True

    def room(self, shape: Shape) -> Shape:
        """Return the shape of the differences."""
        vectors(shape, self.axis)
        return tuple(max(n - (i == self.axis % len(shape)), 0) for i, n in enumerate(shape))

    def value_of(self, x: jax.Array, scale: jax.Array) -> jax.Array:
        """Return the penalty of one array."""
        return jnp.sum(scale * jnp.abs(jnp.diff(x, axis=self.axis)))

    def prox_of(self, v: jax.Array, t: jax.Array, scale: jax.Array) -> jax.Array:
        """Denoise each vector by its total variation."""
        scale = jnp.moveaxis(t * scale, self.axis, -1)
        return along(denoised, self.axis, v, scale) if v.shape[self.axis] > 1 else v


total_variation = TotalVariation


def denoised(v: jax.Array, weights: jax.Array) -> jax.Array:
    """Return the x f[n] that minimises |x - v|^2 / 2 + sum weights |x_{i+1} - x_i|, with weights f[n - 1]."""
    n = v.size
    jumps = lax.stop_gradient(_jumps(*lax.stop_gradient((v - jnp.mean(v), weights))))
    piece = jnp.cumsum(jnp.concatenate([jnp.zeros(1, jnp.int32), (jumps != 0).astype(jnp.int32)]))
    pulls = jnp.diff(weights * jumps, prepend=0, append=0)
    base = lax.stop_gradient(jnp.mean(v))  # so that sums of large entries lose no digits
    length = jax.ops.segment_sum(jnp.ones_like(v), piece, n, indices_are_sorted=True)
    total = jax.ops.segment_sum(v - base + pulls, piece, n, indices_are_sorted=True)
    return base + (total / jnp.maximum(length, 1))[piece]


class Message(NamedTuple):
    """The slope of the least cost of the entries so far as a function of the last one: it rises, in straight pieces.

    Outside of the knots it is constant; the pieces between are found by adding, from either end, what each knot
    adds: a line's (slope, intercept), from the right with the opposite sign.
    """

    k: jax.Array  # i32[], the entry that is being added
    right: jax.Array  # bool[], whether its cut is sought from the right
    line: jax.Array  # f[2], slope and intercept of the line where the search is
    knot: jax.Array  # f[3], the outermost one on that side, read as soon as the last was written: no copy is made
    first: jax.Array  # i32[], the place of the first knot
    last: jax.Array  # i32[]
    knots: jax.Array  # f[2 n + 1, 3], position, slope and intercept that each adds
    cuts: jax.Array  # f[n + 1, 2], between which each entry follows the next one; the last row is for turns to spare


def _jumps(v: jax.Array, weights: jax.Array) -> jax.Array:
    """Find the sign of each x_{i+1} - x_i at the solution, f[n - 1], by Johnson's algorithm, a knot at a time.

    The slope of entry k's cost, (x - v_k) plus the message before, is cut off at -weight and weight, and so becomes
    the message to the next. Backwards, each entry is the next one clipped to where its own message was not cut.
    """
    n = v.size
    before = jnp.concatenate([jnp.zeros(1, v.dtype), weights])
    after = jnp.concatenate([weights, jnp.zeros(1, v.dtype)])
    start = Message(
        jnp.zeros((), jnp.int32), jnp.array(False), _outer_line(v[0], before[0], jnp.array(False)),
        jnp.zeros(3, v.dtype), jnp.asarray(n, jnp.int32), jnp.asarray(n - 1, jnp.int32),
        jnp.zeros((2 * n + 1, 3), v.dtype), jnp.zeros((n + 1, 2), v.dtype),
    )  # fmt: skip

    def turn(at: Message) -> Message:
        """Drop the outermost knot, where the slope is still cut off there; else set a knot at the cut."""
        position, slope, intercept = at.knot
        floor = -after[jnp.minimum(at.k, n - 1)]
        dropped = (at.first + at.right <= at.last) & (at.line[0] * position + at.line[1] <= floor)
        cut = (floor - at.line[1]) / at.line[0]
        first = at.first + jnp.where(at.right, 0, jnp.where(dropped, 1, -1))
        last = at.last + jnp.where(at.right, jnp.where(dropped, -1, 1), 0)
        # A dropped knot's place is free: what is written there, as if it were a new one, is never read.
        knot = jnp.stack([cut, at.line[0], at.line[1] - floor])
        outside = jnp.where(dropped, at.first, first), jnp.where(dropped, at.last, last)
        index = jnp.where(at.right, outside[1], outside[0])
        knots = lax.dynamic_update_slice(at.knots, knot[None], (index, jnp.zeros_like(index)))
        cuts = lax.dynamic_update_slice(at.cuts, cut[None, None], (at.k, at.right.astype(jnp.int32)))
        k = jnp.minimum(at.k + (at.right & ~dropped), n)
        right = at.right ^ ~dropped
        inner = jnp.minimum(k, n - 1)
        line = jnp.where(dropped, at.line + jnp.stack([slope, intercept]), _outer_line(v[inner], before[inner], right))
        place = jnp.where(right, last, first)
        knot = lax.dynamic_slice(knots, (place, jnp.zeros_like(place)), (1, 3))[0]
        return Message(k, right, line, knot, first, last, knots, cuts)

    # Of 2 n knots each is set once and dropped once at most. A loop that ended early would copy all under vmap.
    low, high = lax.fori_loop(0, 4 * n, lambda _, at: turn(at), start).cuts[:n].T

    def back(x: jax.Array, row: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        sign = jnp.where(x > row[1], 1.0, jnp.where(x < row[0], -1.0, 0.0)).astype(v.dtype)
        return jnp.clip(x, row[0], row[1]), sign

    return lax.scan(back, low[-1], (low[:-1], high[:-1]), reverse=True)[1]


def _outer_line(v: jax.Array, weight: jax.Array, right: jax.Array) -> jax.Array:
    """Return the slope x - v of a new entry's own cost, with the message beyond the knots.

    From the right its sign is the opposite.
    """
    sign = jnp.where(right, -1, 1).astype(v.dtype)
    return jnp.stack([sign, -sign * v - weight])
