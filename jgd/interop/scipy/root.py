"""scipy.optimize.root by jgd's methods."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jgd.core.errors import InputError
from jgd.interop.scipy.arguments import (
    Counterpart,
    as_tuple,
    counterpart_of,
    function_for,
    split_options,
    vector_of,
)
from jgd.interop.scipy.result import ROOTS, OptimizeResult, result_of
from jgd.solvers.methods.anderson import anderson
from jgd.solvers.methods.broyden import broyden
from jgd.solvers.methods.gauss_newton import gauss_newton
from jgd.solvers.methods.levenberg_marquardt import levenberg_marquardt
from jgd.solvers.root import root as solved

BY_STEPS = {"fatol": "gradient_norm", "maxiter": "max_steps"}
COUNTERPARTS: dict[str, Counterpart] = {
    "hybr": Counterpart(gauss_newton, {"xtol": "gradient_norm", "maxfev": "max_evaluations"}, tol=("xtol",)),
    "lm": Counterpart(levenberg_marquardt, {"xtol": "gradient_norm", "maxiter": "max_evaluations"}, tol=("xtol",)),
    "broyden1": Counterpart(broyden, BY_STEPS, tol=("fatol",)),
    "anderson": Counterpart(anderson, BY_STEPS, tol=("fatol",)),
}
NEAREST = {
    "broyden2": "broyden1",
    "linearmixing": "anderson",
    "diagbroyden": "broyden1",
    "excitingmixing": "anderson",
    "krylov": "broyden1",
    "df-sane": "broyden1",
}


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResult:
    """Find x with `fun(x, *args) = 0`, as `scipy.optimize.root` does, from `x0`, of any shape.

    "hybr" is Newton's method with a line search, "lm" Levenberg-Marquardt, "broyden1" and "anderson" are themselves;
    the others are refused. `tol`, `xtol` of "hybr" and "lm" and `fatol` of the others are a threshold for |fun|, by
    default 1.8e-12 in float64 and 6.4e-6 in float32, since a short step alone is no root. `fun` must be traceable by
    JAX, and so must `jac`, where it is a function; True where `fun` returns (values, Jacobian). `callback(x, f)` is
    called after every step; StopIteration ends the search.
    """
    place = "root"
    x, args = vector_of(place, x0, None), as_tuple(place, args)
    counterpart = counterpart_of(place, method, COUNTERPARTS, NEAREST)
    chosen, stop, disp = split_options(place, counterpart, tol, options, {})
    fn = function_for(place, fun, jac, x, args)
    if callback is not None and not callable(callback):
        raise InputError(f"{place}(callback={callback!r}): callback must be a function (x, f).")

    def see(found: Any) -> None:
        if callback is not None:
            callback(np.asarray(found.params), np.asarray(found.residual))

    rules = stop if stop.has_rule else None
    found = solved(fn, chosen, x, rules, args=args, callback=None if callback is None else see)
    return result_of(found, ROOTS, 5, disp, fun=np.asarray(found.residual))
