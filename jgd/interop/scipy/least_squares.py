"""scipy.optimize.least_squares and curve_fit by jgd's methods."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.core.stop import Stop
from jgd.interop.scipy.arguments import (
    Counterpart,
    as_tuple,
    callback_for,
    counterpart_of,
    function_for,
    vector_of,
    with_derivative_of,
)
from jgd.interop.scipy.result import SQUARES, OptimizeResult, result_of
from jgd.solvers.curve_fit import curve_fit as fitted
from jgd.solvers.least_squares import least_squares as solved
from jgd.solvers.methods.levenberg_marquardt import levenberg_marquardt
from jgd.solvers.methods.losses import robust_loss
from jgd.solvers.methods.trf import trf

RULES = {"ftol": "value_change", "xtol": "relative_step_norm", "gtol": "gradient_norm", "max_nfev": "max_evaluations"}
COUNTERPARTS = {"trf": Counterpart(trf, RULES), "lm": Counterpart(levenberg_marquardt, RULES)}
NEAREST = {"dogbox": "trf"}
FIXED = (bool, int, float, str, type(None))
"""Types of keywords that belong to the program; arrays are its arguments."""
LOSSES = ("linear", "soft_l1", "huber", "cauchy", "arctan")


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = "2-point",
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: Any = None,
    tr_options: Any = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    workers: Any = None,
) -> OptimizeResult:
    """Minimize half the sum of squares of `fun(x, *args, **kwargs)`, as `scipy.optimize.least_squares` does.

    `fun` must be traceable by JAX. `jac` may be a function (x, *args, **kwargs), also traceable; otherwise derivatives
    are JAX's, exact, whichever difference formula it names. `gtol` is compared with the vector of J_j'r / |J_j|, free
    of the parameters' units, since columns are always scaled. "dogbox", other scales, losses of one's own and what
    belongs to differences, sparse Jacobians and scipy's linear solvers are refused.
    """
    place = "least_squares"
    x, args = vector_of(place, x0), as_tuple(place, args)
    _refuse(place, diff_step=diff_step, tr_options=tr_options or None, jac_sparsity=jac_sparsity, workers=workers)
    _refuse(place, tr_solver=None if tr_solver == "exact" else tr_solver)
    if x_scale is not None and not (isinstance(x_scale, str) and x_scale == "jac"):
        raise InputError(f"{place}(x_scale={x_scale!r}): parameters are scaled by the Jacobian; pass 'jac' or None.")
    if loss not in LOSSES:
        raise InputError(f"{place}(loss={loss!r}): loss must be one of {', '.join(map(repr, LOSSES))}.")
    box = _box(place, bounds, x.size)
    counterpart = counterpart_of(place, method, COUNTERPARTS, NEAREST)
    chosen = counterpart.make()
    given = {"ftol": ftol, "xtol": xtol, "gtol": gtol, "max_nfev": max_nfev}
    stop = Stop(**{RULES[name]: value for name, value in given.items() if value is not None})
    if kwargs:
        fixed = tuple((name, value) for name, value in kwargs.items() if isinstance(value, FIXED) or callable(value))
        own = {name: value for name, value in kwargs.items() if name not in dict(fixed)}
        fun, jac = (_with_keywords(one, tuple(own), fixed) if callable(one) else one for one in (fun, jac))
        args = args + as_tuple(place, tuple(own.values()))
    fn = function_for(place, fun, jac, x, args)
    see = callback_for(callback, lambda found: OptimizeResult(x=np.asarray(found.params), cost=float(found.value)))
    found = solved(fn, chosen, x, stop, args=args, bounds=box, loss=loss, loss_scale=f_scale, callback=see)
    slope, grad = _derivatives(fn, loss)(found.params, f_scale, *args)
    at = np.asarray(found.params)
    lower, upper = (np.full(x.size, -np.inf), np.full(x.size, np.inf)) if box is None else box
    return result_of(
        found,
        SQUARES,
        -1,
        verbose > 0,
        cost=float(found.value),
        fun=np.asarray(found.residual),
        jac=np.asarray(slope),
        grad=np.asarray(grad),
        optimality=float(found.gradient_norm),
        active_mask=(at >= upper).astype(int) - (at <= lower).astype(int),
    )


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool = True,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Fit `f(xdata, *params)` to `ydata`, as `scipy.optimize.curve_fit` does: "lm", or "trf" with bounds.

    Returns the parameters and their covariance, f[n] and f[n, n]; with `full_output` also the answer as a dict, its
    message and its status. `f` must be traceable by JAX. Without `p0` all parameters begin at 1, or amid their bounds.
    RuntimeError where no solution is found. Keywords are `ftol`, `xtol`, `gtol`, `maxfev` or `max_nfev`, `loss`
    and `f_scale`. `jac(xdata, *params)`, f[m, n], may be the curve's Jacobian, traceable as well. Data that are not
    finite are refused; `nan_policy="omit"` leaves out those where a number is NaN.
    """
    place = "curve_fit"
    if nan_policy == "omit":
        xdata, ydata, sigma = _without_nan(xdata, ydata, sigma)
    p = vector_of(place, np.ones(_count(place, f)) if p0 is None else p0)
    box = _box(place, bounds, p.size)
    if p0 is None and box is not None:
        p = vector_of(place, _middle(*box))
    chosen = counterpart_of(place, method or ("lm" if box is None else "trf"), COUNTERPARTS, NEAREST)
    loss, scale = kwargs.pop("loss", "linear"), kwargs.pop("f_scale", 1.0)
    given = {"ftol": 1e-8, "xtol": 1e-8, "gtol": 1e-8, "max_nfev": kwargs.pop("maxfev", None)}
    if wrong := set(kwargs) - set(RULES):
        raise InputError(f"{place}({min(wrong)}=): it would have no effect; leave it out.")
    stop = Stop(**{RULES[name]: value for name, value in (given | kwargs).items() if value is not None})
    x = np.asarray(xdata, float) if isinstance(xdata, (list, tuple)) else xdata
    function_for(place, f, None, x, tuple(p))
    fit = fitted(
        _of_vector(f, jac if callable(jac) else None), x, ydata, p, chosen.make(), stop,
        sigma=sigma, absolute_sigma=absolute_sigma, bounds=box, loss=loss, loss_scale=scale,
    )  # fmt: skip
    if not fit.solution.success:
        raise RuntimeError(f"Optimal parameters not found: {fit.solution.message}")
    answer = np.asarray(fit.params), np.asarray(fit.covariance)
    if not full_output:
        return answer
    told = result_of(fit.solution, SQUARES, -1, fvec=np.asarray(fit.solution.residual))
    return *answer, told, told.message, told.status


def _without_nan(x: Any, y: Any, sigma: Any) -> tuple[Any, Any, Any]:
    """Return the data without those where a number is NaN; the last axis of x runs over data, as that of y does."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    kept = ~(np.isnan(y) | np.isnan(x).reshape(-1, x.shape[-1]).any(0))
    if sigma is not None and np.ndim(sigma):
        sigma = np.asarray(sigma)[np.ix_(*[kept] * np.ndim(sigma))]
    return x[..., kept], y[kept], sigma


def _refuse(place: str, **given: Any) -> None:
    """Refuse what is not None."""
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{place}({name}=): it would have no effect, since derivatives are exact; leave it out.")


def _box(place: str, bounds: Any, n: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return `(lower, upper)`, f[n] each, from scipy's `Bounds` or such a pair; None where all are infinite."""
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else tuple(bounds)
    if len(pair) != 2:
        raise InputError(f"{place}(bounds): pass (lower, upper), each a number or {n} numbers, or scipy's Bounds.")
    lower, upper = (np.broadcast_to(np.asarray(side, float), n) for side in pair)
    return (lower, upper) if np.isfinite(lower).any() or np.isfinite(upper).any() else None


def _middle(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return the middle of the bounds, or 1 from the one that is finite, or 1."""
    return np.select(
        [np.isfinite(lower) & np.isfinite(upper), np.isfinite(lower), np.isfinite(upper)],
        [(np.where(np.isfinite(lower), lower, 0) + np.where(np.isfinite(upper), upper, 0)) / 2, lower + 1, upper - 1],
        1.0,
    )


def _count(place: str, f: Callable[..., Any]) -> int:
    """Tell how many parameters a curve takes after its data."""
    kinds = [parameter.kind for parameter in inspect.signature(f).parameters.values()]
    if len(kinds) < 2 or inspect.Parameter.VAR_POSITIONAL in kinds:
        raise InputError(f"{place}(p0=None): f's signature does not say how many parameters there are; pass p0.")
    return len(kinds) - 1


@lru_cache(maxsize=256)
def _of_vector(f: Callable[..., Any], jac: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return the curve as a function of its data and of one vector; one object for one curve."""
    slope = None if jac is None else lambda p, x: jac(x, *p)
    known = with_derivative_of(lambda p, x: f(x, *p), slope)
    return lambda x, p: known(p, x)


@lru_cache(maxsize=256)
def _with_keywords(
    fun: Callable[..., Any], names: tuple[str, ...], fixed: tuple[tuple[str, Any], ...]
) -> Callable[..., Any]:
    """Return the function whose last arguments are those of these names, with others fixed."""

    @wraps(fun)
    def of_arguments(x: Any, *args: Any) -> Any:
        first = len(args) - len(names)
        return fun(x, *args[:first], **dict(zip(names, args[first:], strict=True)), **dict(fixed))

    return of_arguments


@lru_cache(maxsize=256)
def _derivatives(fn: Callable[..., Any], loss: str) -> Callable[..., Any]:
    """Compile the residuals' Jacobian and the cost's gradient as a function (x, loss scale, *args)."""

    def both(x: jax.Array, scale: Any, *args: Any) -> tuple[jax.Array, jax.Array]:
        residual, back = jax.vjp(lambda x: fn(x, *args), x)
        rule = robust_loss(loss, scale)
        weighted = residual if rule is None else jax.grad(rule.value)(residual)
        return jax.jacfwd(fn)(x, *args), back(weighted)[0]

    return jax.jit(both)
