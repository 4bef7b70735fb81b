"""scipy's methods on counted problems, at tolerances that ask for all that the arithmetic gives."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from bench.solver_runs import MOST, Counted, Ran, counted_run
from jgd.tasks import SmoothProblem

Method = Callable[..., Ran]
SMOOTH: dict[str, dict[str, Any]] = {
    "BFGS": {"gtol": 1e-12, "maxiter": MOST},
    "L-BFGS-B": {"ftol": 0.0, "gtol": 1e-12, "maxiter": MOST, "maxfun": 10 * MOST},
    "CG": {"gtol": 1e-12, "maxiter": MOST},
    "Newton-CG": {"xtol": 1e-14, "maxiter": MOST},
    "trust-ncg": {"gtol": 1e-12, "maxiter": MOST},
    "trust-krylov": {"gtol": 1e-12, "maxiter": MOST},
    "trust-exact": {"gtol": 1e-12, "maxiter": MOST},
}
SECOND = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-exact")
BOUNDED: dict[str, dict[str, Any]] = {
    "L-BFGS-B": SMOOTH["L-BFGS-B"],
    "TNC": {"ftol": 0.0, "xtol": 0.0, "gtol": 1e-12, "maxfun": MOST},
    "SLSQP": {"ftol": 1e-16, "maxiter": MOST},
    "trust-constr": {"gtol": 1e-12, "xtol": 1e-14, "maxiter": MOST},
}


def box_of(problem: SmoothProblem) -> tuple[Any, Any]:
    """Return the bounds as scipy takes them."""
    return (np.array(problem.lower), np.array(problem.upper)) if problem.lower else (-np.inf, np.inf)


def minimized(method: str, options: Mapping[str, Any], counted: Counted) -> Ran:
    """Run scipy.optimize.minimize."""
    from scipy.optimize import Bounds, minimize

    problem = counted.problem
    low, high = box_of(problem)
    bounds = Bounds(low, high) if problem.lower else None
    hess = counted.hessian if method in SECOND else None

    def call() -> tuple[np.ndarray, bool]:
        found = minimize(
            counted.value_and_grad,
            counted.start,
            method=method,
            jac=True,
            hess=hess,
            bounds=bounds,
            options=dict(options),
        )
        return found.x, bool(found.success)

    return counted_run(counted, call)


def fitted(method: str, counted: Counted) -> Ran:
    """Run scipy.optimize.least_squares."""
    from scipy.optimize import least_squares

    least = 3e-16
    jacobian: Any = counted.jacobian  # scipy's stubs know names of differences alone

    def call() -> tuple[np.ndarray, bool]:
        found = least_squares(
            counted.residual,
            counted.start,
            jacobian,
            bounds=box_of(counted.problem),
            method=method,
            x_scale="jac",
            ftol=least,
            xtol=least,
            gtol=least,
            max_nfev=MOST,
        )
        return found.x, bool(found.success)

    return counted_run(counted, call)


def scipy_methods(kind: str) -> dict[str, Method]:
    """Return scipy's methods for "smooth", "bounded" or "squares" problems, by the names of their rows."""
    squares = {f"scipy {name}": partial(fitted, name) for name in ("lm", "trf", "dogbox")}
    if kind == "squares":
        return squares
    del squares["scipy lm"]  # which knows no bounds
    table, more = (SMOOTH, {}) if kind == "smooth" else (BOUNDED, squares)
    return {**{f"scipy {name}": partial(minimized, name, options) for name, options in table.items()}, **more}
