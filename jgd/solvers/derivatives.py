"""Derivatives of a solution with respect to everything that its problem depends on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import get_opaque_trace_state

from jgd.core.arguments import Kind
from jgd.core.record import record, static
from jgd.core.types import Params
from jgd.solvers.loop import Turn
from jgd.solvers.methods.objective import Objective
from jgd.solvers.methods.vector import Vector

DENSE = 500
"""Up to so many parameters the matrix of the linear solve is formed."""
with ThreadPoolExecutor(1) as _thread:  # a new thread traces nothing, even if this module is imported under jit
    _NOTHING_TRACED = _thread.submit(get_opaque_trace_state).result()

Solve = Callable[[Callable[[jax.Array], jax.Array], jax.Array], jax.Array]


@record
class Implicit:
    """Differentiate by the implicit function theorem: F(x*, a) = 0 gives dx*/da = -(dF/dx)^-1 dF/da.

    F is the gradient; x - P(x - g) with bounds, so that active ones are held; x - prox(x - g) with a non-smooth part,
    so that only its support moves; with constraints also c - P(c + y), for x and the multipliers y; with a penalty h of
    A x also A x - prox(A x + y), for x and the subgradient y; the equations themselves, where those are solved. One
    linear solve at the solution, whatever the number of steps; forward, reverse and again. The error of the derivative
    is about that of the solution, so solve tightly.

    solve  "dense" forms the matrix, f[n, n], and takes the least-norm solution where it is singular; "cg" needs the
           Hessian to be positive definite; "gmres" does not; "auto" is "dense" for up to 500 parameters, else "cg", or
           "gmres" with bounds, a non-smooth part or equations. Or `solve(matvec, b) -> x` of your own on
           vectors, such as a solver of lineax. It is called for the matrix and for its transpose.
    """

    solve: str | Solve = static(
        default="auto",
        expect=Kind(
            "be 'auto', 'dense', 'cg', 'gmres', or a function (matvec, b) -> x",
            lambda x: x in ("auto", "dense", "cg", "gmres") if isinstance(x, str) else callable(x),
        ),
    )


implicit = Implicit
DERIVATIVE = Kind(
    "be 'implicit', 'through', or jgd.implicit(solve=...)",
    lambda x: isinstance(x, Implicit) or (isinstance(x, str) and x in ("implicit", "through")),
)


def is_traced() -> bool:
    """Tell whether somebody may differentiate what happens now: outside of every transformation nobody does."""
    return get_opaque_trace_state() != _NOTHING_TRACED


def with_derivative(rule: Implicit, problem: Objective, start: Params, search: Callable[[Params], Turn]) -> Turn:
    """Return the turn that `search(start)` ends with, whose point, value and aux have the derivatives of the rule.

    Those of the value are its partial ones (the envelope theorem). Those of everything else in the turn are 0, and so
    are those with respect to the start and to the method's hyperparameters, on which a solution does not depend.
    """
    pure, hoisted = jax.closure_convert(search, start)
    turn: Turn = pure(*jax.lax.stop_gradient((start, *hoisted)))
    point = turn.iterate.point

    def equations(unknown: Any) -> Any:
        params, outcome = unknown
        conditions = problem.optimality_conditions(*params) if constrained else problem.stationarity(params)
        there = problem.outcome(params[0] if constrained else params)
        return conditions, jax.tree.map(jnp.subtract, outcome, _floating(there))

    def tangent_solve(linear: Callable[[Any], Any], right: Any) -> Any:
        form, (b, b_outcome) = Vector.like(right[0]), right
        zero = jax.tree.map(jnp.zeros_like, b_outcome)
        how = rule.solve
        if how == "auto":
            plain = problem.lower is None and problem.nonsmooth is None and not problem.is_equations
            plain = plain and not problem.has_multipliers
            how = "dense" if form.pack(b).size <= DENSE else "cg" if plain else "gmres"
        x = form.unpack(_solved(how, lambda x: form.pack(linear((form.unpack(x), zero))[0]), form.pack(b)))
        return x, jax.tree.map(jnp.subtract, b_outcome, linear((x, zero))[1])

    constrained, outcome = problem.has_multipliers, (point.value, point.aux)
    found = ((point.params, point.multipliers) if constrained else point.params, _floating(outcome))
    params, floating = jax.lax.custom_root(equations, found, lambda _, known: known, tangent_solve)
    if constrained:
        params, multipliers = params
        point = point._replace(multipliers=multipliers)
    value, aux = jax.tree.map(lambda x, y: x if y is None else y, outcome, floating)
    return turn._replace(iterate=turn.iterate._replace(point=point._replace(params=params, value=value, aux=aux)))


def _floating(tree: Any) -> Any:
    """Return the tree with None in place of what has no derivative."""
    return jax.tree.map(lambda x: x if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else None, tree)


def _solved(how: str | Solve, matvec: Callable[[jax.Array], jax.Array], b: jax.Array) -> jax.Array:
    """Return the x with matvec(x) = b, itself differentiable."""
    known: dict[str, Solve] = {
        "dense": _dense,
        "cg": lambda matvec, b: jax.scipy.sparse.linalg.cg(matvec, b, tol=_tolerance(b))[0],
        "gmres": lambda matvec, b: jax.scipy.sparse.linalg.gmres(matvec, b, tol=_tolerance(b))[0],
    }
    solve = known[how] if isinstance(how, str) else how
    return jax.lax.custom_linear_solve(matvec, b, solve, solve)


def _tolerance(b: jax.Array) -> float:
    return 100 * float(jnp.finfo(b.dtype).eps)


def _dense(matvec: Callable[[jax.Array], jax.Array], b: jax.Array) -> jax.Array:
    matrix = jax.vmap(matvec, out_axes=1)(jnp.eye(b.size, dtype=b.dtype))
    return jnp.linalg.lstsq(matrix, b)[0]
