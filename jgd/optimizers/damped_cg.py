"""Conjugate gradients on the quadratic models of second-order optimizers, ended by how little a step still gains."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.forward_mode import forward_mode_only
from jgd.core.tree import global_dot, ratio, widen
from jgd.core.types import Params, Scalar, Updates

NO_LOOP = "step by an optimizer of the gradient alone"
LEAST_GAP = 10
"""Martens' k is at least so many steps."""


class ConjugateGradients(NamedTuple):
    """The state of conjugate gradients."""

    x: Params
    residual: Params  # A x - b
    direction: Params
    energy: jax.Array  # f[], residual' M^-1 residual
    values: jax.Array  # f[steps + 1], of the quadratic, after each step
    count: jax.Array  # i32[]


def damped_cg(
    place: str,
    product: Callable[[Params], Params],
    damping: Scalar,
    gradient: Params,
    start: Params,
    *,
    steps: int,
    tolerance: Scalar,
    scale: Callable[[Params], Params] = lambda r: r,
) -> tuple[Params, jax.Array]:
    """Find the x that minimises q(x) = g'x + x'(G + damping I) x / 2 from `start`, and q there.

    `product` is v -> G v and `scale` r -> M^-1 r, the preconditioner. It ends after `steps` at most, where
    q is negative and the last k = max(10, i / 10) of i steps gained less than k `tolerance` |q| (Martens 2010, section
    4.4), or where the residual is rounding or the curvature not positive. Cost: a product a step, and one before.
    `place` is who refuses reverse-mode derivatives.
    """

    def with_damping(v: Params) -> Params:
        return jax.tree.map(lambda a, b: widen(a) + damping * b, product(v), v)

    def value(x: Params, residual: Params) -> jax.Array:  # of A x + g = r: x'(r + g) / 2
        return (global_dot(x, residual) + global_dot(x, gradient)) / 2

    start, gradient = jax.tree.map(widen, start), jax.tree.map(widen, gradient)
    residual = jax.tree.map(jnp.add, with_damping(start), gradient)
    scaled = scale(residual)
    first = value(start, residual)
    values = jnp.full(steps + 1, first)
    down = jax.tree.map(jnp.negative, scaled)
    begun = ConjugateGradients(start, residual, down, global_dot(residual, scaled), values, jnp.zeros((), jnp.int32))
    rounding = jnp.finfo(first.dtype).eps ** 1.5 * begun.energy  # of squares

    def going(at: ConjugateGradients) -> jax.Array:
        gap = jnp.maximum(LEAST_GAP, at.count // 10)
        now, before = at.values[at.count], at.values[jnp.maximum(at.count - gap, 0)]
        little = (at.count > gap) & (now < 0) & (before - now < -gap * tolerance * now)
        return (at.count < steps) & (at.energy > rounding) & ~little

    def step(at: ConjugateGradients) -> ConjugateGradients:
        bent = with_damping(at.direction)
        length = ratio(at.energy, global_dot(at.direction, bent))
        x = jax.tree.map(lambda x, d: x + length * d, at.x, at.direction)
        residual = jax.tree.map(lambda r, d: r + length * d, at.residual, bent)
        scaled = scale(residual)
        energy = jnp.where(length > 0, global_dot(residual, scaled), 0.0)
        direction = jax.tree.map(lambda s, d: ratio(energy, at.energy) * d - s, scaled, at.direction)
        count = at.count + 1
        return ConjugateGradients(x, residual, direction, energy, at.values.at[count].set(value(x, residual)), count)

    def kept(new: ConjugateGradients, like: Any) -> ConjugateGradients:
        return jax.tree.map(lambda n, o: n.astype(o.dtype), new, like)

    found = jax.lax.while_loop(going, lambda at: kept(step(at), at), begun)
    found = forward_mode_only(place, found, NO_LOOP)
    return found.x, found.values[found.count]


def updates_along(step: Params, length: Scalar, params: Params, sound: jax.Array) -> Updates:
    """Multiply a step by its length, in the parameters' dtypes; NaN where it is not sound, so that it is seen."""
    length = jnp.where(sound, length, jnp.nan)
    return jax.tree.map(lambda d, p: (length * d).astype(jnp.result_type(p)), step, params)
