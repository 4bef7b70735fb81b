"""Compare the gradient of a function with finite differences, and name the entry where they differ most."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import FLAG, checked
from jgd.core.errors import InputError
from jgd.core.record import as_function
from jgd.core.tree import name_of
from jgd.core.types import Params
from jgd.solvers.methods.vector import Vector
from jgd.solvers.search import TUPLE
from jgd.solvers.user_problem import FUNCTION, UserProblem, check_value, start_of

ENTRIES = 256
"""So many entries of each leaf are compared; of larger leaves a random choice, the same each time."""


class GradCheck(NamedTuple):
    """The entry at which the gradient and the difference are furthest apart, in units of what they may differ by."""

    entry: str
    gradient: float
    difference: float
    allowed: float

    def __str__(self) -> str:
        return (
            f"the gradient at {self.entry} is {self.gradient:.6g}, and the difference quotient {self.difference:.6g}, "
            f"with an error of at most {self.allowed:.2g}"
        )


@checked(params=None, fn=FUNCTION, args=TUPLE, has_aux=FLAG)
def check_grads(
    fn: Callable[..., Any], params: Params, *, args: tuple[Any, ...] = (), has_aux: bool = False
) -> GradCheck:
    """Compare `jax.grad(fn)` at `params` with central differences; raise where they differ, naming the worst entry.

    (f(x + h e) - f(x - h e)) / 2h with h = eps^(1/3) max(1, |x|), and again with 2h: their difference and the rounding
    of f bound the error of the quotient. Four evaluations for each entry, of at most 256 entries of each leaf. Use
    float64 where you can: float32 has two or three digits here. Points of no slope, such as kinks, are reported too.
    It warns where the rounding of a large value hides every slope, so that nothing is checked.
    With `has_aux` the function returns `(scalar, aux)`.
    """
    params = start_of("check_grads", params)
    problem, form = UserProblem(as_function(fn), args, has_aux=has_aux), Vector.like(params)
    check_value("check_grads", problem, params)
    names, chosen = _entries(params)
    compared = _compare(problem, form.pack(params), jnp.asarray(chosen), form)
    value, gradient, difference, allowed, slope = map(np.asarray, compared)
    excess = np.abs(gradient - difference) / allowed
    worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
    found = GradCheck(names[worst], *(float(x[worst]) for x in (gradient, difference, allowed)))
    if not excess[worst] <= 1:
        raise InputError(
            f"check_grads: {found}; check the function's own derivative rules, stop_gradient, and whether it has a "
            "kink or is not finite nearby."
        )
    if np.all(np.maximum(np.abs(gradient), slope) <= allowed):
        warnings.warn(
            f"check_grads: {found}, so that nothing was checked: the rounding of a value of {value:.6g} in "
            f"{value.dtype} hides every slope; compute in float64, or subtract a constant from the value.",
            stacklevel=3,
        )
    return found


def _entries(params: Params) -> tuple[list[str], np.ndarray]:
    """Return the names of the entries to compare, and where they lie in the vector; complex ones have two parts."""
    names, chosen, at = [], [], 0
    rng = np.random.default_rng(0)
    for path, x in jax.tree_util.tree_leaves_with_path(params):
        for side in ("", " (imaginary part)") if jnp.iscomplexobj(x) else ("",):
            some = np.sort(rng.permutation(x.size)[:ENTRIES])
            places = [list(map(int, np.unravel_index(i, x.shape))) for i in some]
            names += [f"{name_of(path)}{place if place else ''}{side}" for place in places]
            chosen += [at + some]
            at += x.size
    return names, np.concatenate(chosen)


def _compare(problem: UserProblem, x: jax.Array, chosen: jax.Array, form: Vector) -> tuple[jax.Array, ...]:
    """Return the value, f[], and the gradient, the difference, what they may differ by and the slope, each f[entries].

    The slope is the larger one of both sides, so that a minimum whose curvature is seen has one.
    """

    @jax.jit
    def compared(problem: UserProblem, x: jax.Array) -> tuple[jax.Array, ...]:
        objective = problem.on_vectors(form)
        value, grad = jax.value_and_grad(objective.value)(x)
        eps = jnp.finfo(x.dtype).eps

        def quotients(i: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            h = eps ** (1 / 3) * jnp.maximum(1.0, jnp.abs(x[i]))

            def central(h: jax.Array) -> tuple[jax.Array, jax.Array]:
                up, down = x.at[i].add(h), x.at[i].add(-h)
                above, below = objective.value(up), objective.value(down)
                slope = jnp.maximum(jnp.abs(above - value), jnp.abs(value - below)) / h
                return (above - below) / (up[i] - down[i]), slope

            (fine, _), (coarse, slope) = central(h), central(2 * h)
            return fine, jnp.abs(fine - coarse) + 8 * eps * jnp.abs(value) / h, slope

        difference, error, slope = jax.lax.map(quotients, chosen, batch_size=32)
        allowed = 2 * error + 64 * eps * jnp.abs(grad[chosen]) + jnp.finfo(x.dtype).tiny
        return value, grad[chosen], difference, allowed, slope

    return compared(problem, x)
