"""Steps that stay inside the bounds of a problem, and the gradient as the bounds leave it."""

import jax
import jax.numpy as jnp

from jgd.solvers.methods.objective import Objective, Point


def steepest(problem: Objective, point: Point, step: jax.Array | float = 1.0) -> jax.Array:
    """Project the step against the gradient: P(x - t g) - x, 0 at a solution; -t g where there are no bounds."""
    if problem.lower is None:
        return -step * point.grad
    return jnp.clip(-step * point.grad, problem.lower - point.params, problem.upper - point.params)


def longest_step(problem: Objective, params: jax.Array, direction: jax.Array) -> jax.Array:
    """Find the largest t with x + t d inside the bounds, at least 1; infinite where there are none."""
    if problem.lower is None:
        return jnp.full((), jnp.inf, params.dtype)
    room = jnp.where(direction < 0, problem.lower, problem.upper) - params
    moves = direction != 0
    return jnp.maximum(1.0, jnp.min(jnp.where(moves, room / jnp.where(moves, direction, 1.0), jnp.inf)))


def first_step(problem: Objective, size: jax.Array, value: jax.Array, slope: jax.Array) -> jax.Array:
    """Tell how far to try first along steepest descent of this norm and slope, f[].

    It is a step of length 1 at most, or to where a parabola comes down to 0, if that is nearer (Fletcher 1987); the
    whole step where every parameter has two bounds, for then no more than the box, which gives the scale, is crossed
    (as L-BFGS-B 3.0 does).
    """
    longest = 1 / jnp.maximum(1.0, size)
    short = jnp.clip(-2 * jnp.abs(value) / slope, longest / 100, longest)
    if problem.lower is None:
        return short
    boxed = jnp.all(jnp.isfinite(problem.lower) & jnp.isfinite(problem.upper))
    return jnp.where(boxed, 1.0, short)
