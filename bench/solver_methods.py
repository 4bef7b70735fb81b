"""jgd's methods, optimistix's and jaxopt's on smooth problems, with the values of all their passes."""

import importlib.util
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.solver_runs import MOST, Ran, start_of
from jgd.solvers import METHODS
from jgd.tasks import SmoothProblem

Method = Callable[[SmoothProblem], Ran]
EXACT = 1e-12  # of gradients


def jgd_methods(kind: str, dtype: Any = np.float64) -> dict[str, Method]:
    """Return jgd's methods for "smooth", "bounded" or "squares" problems, by the names of their rows.

    Those that need a residual are for squares, those that take bounds and need nothing for bounded ones.
    """
    other = {"nonsmooth", "constraints"}
    found = {}
    for name, make in METHODS.items():
        takes, needs = getattr(make, "takes", frozenset()), getattr(make, "needs", frozenset())
        fits = {"smooth": not needs, "bounded": "bounds" in takes and not needs & other, "squares": "residual" in takes}
        if fits[kind]:
            found[f"jgd {name}"] = partial(_with_jgd, name, "residual" in takes, dtype)
    return found


def _with_jgd(name: str, from_residual: bool, dtype: Any, problem: SmoothProblem) -> Ran:
    """Run `jgd.minimize`, or `jgd.least_squares`, whose values are half the sum of squares."""
    stop = jgd.Stop(gradient_norm=EXACT, max_evaluations=MOST, max_steps=MOST)
    box: dict[str, Any] = (
        {"bounds": (np.array(problem.lower, dtype), np.array(problem.upper, dtype))} if problem.lower else {}
    )
    fn: Any = problem.residual if from_residual else problem.fn
    solve: Any = getattr(jgd, "least_squares" if from_residual else "minimize")
    found = solve(fn, name, jnp.asarray(start_of(problem), dtype), stop, history=True, **box)
    values = np.asarray(found.history.value, np.float64)
    return Ran(
        problem,
        (values * (2 if from_residual else 1)).tolist(),
        np.asarray(found.params, np.float64),
        found.success,
        dtype,
    )


def optimistix_methods(kind: str) -> dict[str, Method]:
    """Return optimistix's methods by the names of their rows; none where it is not installed."""
    if importlib.util.find_spec("optimistix") is None:
        return {}
    import optimistix as optx  # pyright: ignore[reportMissingImports]

    tolerance = {"rtol": 1e-14, "atol": 1e-14}
    table: Mapping[str, Mapping[str, Any]] = {
        "smooth": {"BFGS": optx.BFGS, "LBFGS": optx.LBFGS, "NonlinearCG": optx.NonlinearCG},
        "squares": {"LM": optx.LevenbergMarquardt, "Dogleg": optx.Dogleg, "GaussNewton": optx.GaussNewton},
        "bounded": {},
    }
    return {f"optimistix {name}": partial(_with_optimistix, make(**tolerance)) for name, make in table[kind].items()}


def _with_optimistix(solver: Any, problem: SmoothProblem) -> Ran:
    """Run a solver of optimistix; it says that it has converged where its result is "successful"."""
    import optimistix as optx  # pyright: ignore[reportMissingImports]

    values: list[float] = []
    solve = optx.least_squares if isinstance(solver, optx.AbstractLeastSquaresSolver) else optx.minimise
    fn: Any = problem.residual if solve is optx.least_squares else problem.fn
    noted = noting(values)
    start = jnp.asarray(start_of(problem))
    found = solve(lambda x, args: noted(fn(x)), solver, start, max_steps=MOST, throw=False)
    jax.effects_barrier()
    said = bool(found.result == optx.RESULTS.successful)
    return Ran(problem, values[:MOST], np.asarray(found.value, np.float64), said)


def jaxopt_methods(kind: str) -> dict[str, Method]:
    """Return jaxopt's methods by the names of their rows; none where it is not installed."""
    if importlib.util.find_spec("jaxopt") is None:
        return {}
    table = {
        "smooth": ("BFGS", "LBFGS", "NonlinearCG"),
        "squares": ("LevenbergMarquardt", "GaussNewton"),
        "bounded": ("LBFGSB", "ProjectedGradient"),
    }
    return {f"jaxopt {name}": partial(_with_jaxopt, name) for name in table[kind]}


def _with_jaxopt(name: str, problem: SmoothProblem) -> Ran:
    """Run a solver of jaxopt; it says that it has converged where its error is at most the tolerance."""
    import jaxopt  # pyright: ignore[reportMissingImports]

    values: list[float] = []
    squares, noted = name in ("LevenbergMarquardt", "GaussNewton"), noting(values)
    fn: Any = problem.residual if squares else problem.fn
    options: dict[str, Any] = {"maxiter": MOST, "tol": EXACT}
    if name == "GaussNewton":
        solver: Any = jaxopt.GaussNewton(lambda x: noted(fn(x)), **options)
    elif squares:
        solver = jaxopt.LevenbergMarquardt(lambda x: noted(fn(x)), xtol=1e-14, gtol=EXACT, **options)
    elif name == "ProjectedGradient":
        solver = jaxopt.ProjectedGradient(lambda x: noted(fn(x)), jaxopt.projection.projection_box, **options)
    else:
        solver = getattr(jaxopt, name)(lambda x: noted(fn(x)), **options)
    box = ((jnp.asarray(problem.lower), jnp.asarray(problem.upper)),) if problem.lower else ()
    found = solver.run(jnp.asarray(start_of(problem)), *box)
    jax.effects_barrier()
    said = bool(np.asarray(found.state.error) <= EXACT)
    return Ran(problem, values[:MOST], np.asarray(found.params, np.float64), said)


def noting(values: list[float]) -> Callable[[jax.Array], jax.Array]:
    """Return an identity that appends the value, or the sum of squares, each time that a program computes it."""

    def append(value: Any) -> None:
        values.append(float(value) if np.isfinite(value) else math.nan)

    @jax.custom_jvp
    def noted(value: jax.Array) -> jax.Array:
        jax.debug.callback(append, jnp.sum(value**2) if value.ndim else value)
        return value

    @noted.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return noted(*primals), tangents[0]

    return noted
