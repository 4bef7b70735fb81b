"""scipy.optimize.minimize by jgd's methods."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.interop.scipy.arguments import (
    Counterpart,
    as_scalar,
    as_tuple,
    bounds_of_pairs,
    callback_for,
    counterpart_of,
    function_for,
    split_options,
    vector_of,
)
from jgd.interop.scipy.constraints import constraints_of
from jgd.interop.scipy.result import MINIMIZED, TRUST_CONSTR, OptimizeResult, result_of
from jgd.solvers.methods.limited_memory import lbfgsb
from jgd.solvers.methods.nelder_mead import nelder_mead
from jgd.solvers.methods.newton import newton_cg
from jgd.solvers.methods.nonlinear_cg import nonlinear_cg
from jgd.solvers.methods.quasi_newton import bfgs
from jgd.solvers.methods.second_order import dogleg, trust_exact, trust_krylov, trust_ncg
from jgd.solvers.methods.sqp import sqp
from jgd.solvers.minimize import minimize as solved
from jgd.solvers.solution import Solution

BY_GRADIENT = {"gtol": "gradient_norm", "maxiter": "max_steps"}
SLOPES = {"c1": "slope_rtol", "c2": "curv_rtol"}
REGION = partial(
    Counterpart,
    rules=BY_GRADIENT,
    settings={"initial_trust_radius": "radius", "eta": "accept"},
    tol=("gtol",),
    defaults={"gtol": 1e-4},
)
COUNTERPARTS: dict[str, Counterpart] = {
    "bfgs": Counterpart(bfgs, BY_GRADIENT | {"xrtol": "relative_step_norm"}, {}, SLOPES, ("gtol",), {"gtol": 1e-5}),
    "cg": Counterpart(nonlinear_cg, BY_GRADIENT, {}, SLOPES, ("gtol",), {"gtol": 1e-5}),
    "l-bfgs-b": Counterpart(
        lbfgsb,
        BY_GRADIENT | {"ftol": "value_change", "maxfun": "max_evaluations"},
        {"maxcor": "memory_size"},
        {"maxls": "max_steps"},
        ("ftol", "gtol"),
        {"gtol": 1e-5, "ftol": 2.220446049250313e-9, "maxiter": 15000, "maxfun": 15000},
    ),
    "newton-cg": Counterpart(
        newton_cg, {"xtol": "step_norm", "maxiter": "max_steps"}, {}, SLOPES, ("xtol",), {"xtol": 1e-5}
    ),
    "slsqp": Counterpart(
        sqp,
        {"ftol": "gradient_norm", "maxiter": "max_steps"},
        tol=("ftol",),
        defaults={"ftol": 1e-6, "maxiter": 100},
    ),
    "trust-constr": Counterpart(sqp, BY_GRADIENT, tol=("gtol",), defaults={"gtol": 1e-8, "maxiter": 1000}),
    "dogleg": REGION(dogleg),
    "trust-ncg": REGION(trust_ncg),
    "trust-krylov": REGION(trust_krylov),
    "trust-exact": REGION(trust_exact),
    "nelder-mead": Counterpart(
        nelder_mead,
        {"maxiter": "max_steps", "maxfev": "max_evaluations"},
        {"xatol": "x_tol", "fatol": "f_tol"},
        tol=("xatol", "fatol"),
        defaults={"xatol": 1e-4, "fatol": 1e-4},
    ),
}
NEAREST = {
    "powell": "Nelder-Mead",
    "tnc": "L-BFGS-B",
    "cobyla": "SLSQP",
    "cobyqa": "SLSQP",
}


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResult:
    """Minimize `fun(x, *args)` from `x0`, as scipy's does: BFGS, L-BFGS-B with bounds, SLSQP with constraints.

    `fun` must be traceable by JAX. `jac` may be a function, also traceable, or True where `fun` returns (f, g);
    otherwise derivatives are JAX's. `hess(x, *args)` goes to the methods that take one; without it products with the
    Hessian are `hessp(x, p, *args)`, where that is given. `bounds` are scipy's `Bounds` or pairs with None.
    `callback(xk)` or `callback(intermediate_result=)` is called after every step; StopIteration ends the search, and so
    does True from one that takes both, as that of "trust-constr" does. `constraints` are scipy's dicts,
    `LinearConstraint`, `NonlinearConstraint`, or a list of them, for "SLSQP" and "trust-constr", which are both
    `jgd.sqp`: `ftol` of the one and `gtol` of the other are thresholds for the norm of the conditions of Karush, Kuhn &
    Tucker. `maxcv` is then the largest violation and `v` a list of multipliers, those of f + v'c. `options` are those
    of scipy's method that a counterpart has; others are refused. Nelder-Mead's simplex begins anew where it has shrunk,
    so that 500 n evaluations are allowed in place of scipy's 200 n. The answer's `nfev` and `njev` are equal: value and
    gradient are found together. `hess_inv`, of BFGS, is the inverse of the exact Hessian at the solution.
    """
    place = "minimize"
    x, args = vector_of(place, x0), as_tuple(place, args)
    if hessp is not None and not callable(hessp):
        raise InputError(f"{place}(hessp={hessp!r}): pass a function (x, p, *args) -> vector, or leave it to JAX.")
    if hess is not None and not callable(hess):
        raise InputError(f"{place}(hess={hess!r}): pass a function (x, *args) -> matrix, or leave it to JAX.")
    asked = constraints_of(place, constraints, x)
    box = bounds_of_pairs(place, bounds, x.size)
    usual = "SLSQP" if asked else "BFGS" if box is None else "L-BFGS-B"
    name = usual if method is None else method
    counterpart = counterpart_of(place, name, COUNTERPARTS, NEAREST)
    limits = {"maxiter": 200 * x.size, "maxfev": 500 * x.size}
    chosen, stop, disp = split_options(place, counterpart, tol, options, limits)
    fn = as_scalar(function_for(place, fun, jac, x, args, None if hess is not None else hessp))
    see = callback_for(callback, _so_far)
    found = solved(fn, chosen, x, stop, args=args, bounds=box, constraints=asked, hess=hess, callback=see)
    codes, otherwise = (TRUST_CONSTR, 4) if name.lower() == "trust-constr" else (MINIMIZED, 0 if found.success else 6)
    answer = result_of(found, codes, otherwise, disp, fun=float(found.value))
    if name.lower() == "nelder-mead":
        del answer["njev"]
    else:
        answer["jac"] = np.asarray(_gradient(fn)(found.params, *args))
    if name.lower() == "bfgs":
        answer["hess_inv"] = _inverse(_hessian(fn)(found.params, *args))
    if asked:
        answer |= {"maxcv": float(found.violation), "v": [np.asarray(y) for y in found.multipliers]}
    return answer


def _so_far(found: Solution) -> OptimizeResult:
    """Return what a callback sees."""
    at, value = np.asarray(found.params), float(found.value)
    return OptimizeResult(x=at, fun=value, nit=int(found.steps), nfev=int(found.evaluations))


@lru_cache(maxsize=256)
def _gradient(fn: Callable[..., Any]) -> Callable[..., jax.Array]:
    return jax.jit(jax.grad(fn))


@lru_cache(maxsize=256)
def _hessian(fn: Callable[..., Any]) -> Callable[..., jax.Array]:
    return jax.jit(jax.hessian(fn))


def _inverse(matrix: jax.Array) -> np.ndarray:
    """Return the inverse of a symmetric matrix, or its pseudo-inverse where it is singular."""
    return np.linalg.pinv(np.nan_to_num(np.asarray(matrix)), hermitian=True)
