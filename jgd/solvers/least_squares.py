"""Least squares: parameters for which residuals are small, by their Jacobian or by any optimizer."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import FLAG, checked, function_of
from jgd.core.errors import InputError
from jgd.core.record import as_function, part, record, static
from jgd.core.stop import STOP, Stop
from jgd.core.types import Params, Scalar
from jgd.core.user_code import attempt
from jgd.solvers.derivatives import DERIVATIVE, Implicit
from jgd.solvers.methods.losses import LOSS, LOSS_SCALE, RobustLoss, robust_loss
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.vector import Vector
from jgd.solvers.names import METHOD, check_parts, method_of
from jgd.solvers.search import CALLBACK, TUPLE, check_stop, searched
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import BOUNDS, UserProblem, bounds_of, name_of_function, start_of, without_aux

DEFAULT_STOP = Stop(relative_gradient_norm=1e-10, value_change=1e-10)


@checked(
    params=None,
    optimizer=METHOD,
    has_aux=FLAG,
    args=TUPLE,
    residual=function_of("(params, *args) -> residuals"),
    stop=STOP,
    history=FLAG,
    loss=LOSS,
    loss_scale=LOSS_SCALE,
    bounds=BOUNDS,
    derivative=DERIVATIVE,
    callback=CALLBACK,
)
def least_squares(
    residual: Callable[..., Any],
    optimizer: Any,
    params: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    bounds: Any = None,
    loss: str = "linear",
    loss_scale: Scalar = 1.0,
    derivative: str | Implicit = "implicit",
    history: bool = False,
    callback: Callable[[Solution], Any] | None = None,
) -> Solution:
    """Minimize half the sum of squares of `residual(params, *args)`, a tree of arrays, from `params`.

    `optimizer` is "lm", "gauss-newton", with `bounds` "trf", or such a method as a value; any other method or optimizer
    minimizes the same value by its gradient. With `has_aux` the function returns `(residuals, aux)`. Complex residuals
    count by their modulus, and there may be fewer residuals than parameters.

    bounds      `(lower, upper)`, each None, a number, or a tree like the parameters, and never left on the way.
    loss        what outliers pull on less: the value is half the sum of s^2 rho((r/s)^2), s = `loss_scale`, with rho(z)
                z for "linear", 2 (sqrt(1 + z) - 1) for "soft_l1", z up to 1 and 2 sqrt(z) - 1 beyond for "huber",
                ln(1 + z) for "cauchy", arctan(z) for "arctan".
    loss_scale  residuals far above it are outliers; in the residuals' unit.
    derivative  of the solution's params, value, residual and aux, as in `minimize`.
    history     keep the value of every evaluation.
    callback    `callback(solution)` after every step; `True` or StopIteration ends it.

    The default is `Stop(relative_gradient_norm=1e-10, value_change=1e-10)`. Methods that use the Jacobian report as
    `gradient_norm` that of the vector with J_j'r / |J_j| for parameter j, which is free of the parameters' units, so
    that both rules are; with bounds, its projected form. They also end by themselves, with PRECISION, where rounding
    allows no more. `Solution.residual` is as the function returns it. Runs under `jit` and `vmap`; one function object
    is compiled once. Every turn evaluates the function and its Jacobian once.
    """
    place = "least_squares"
    method, params = method_of(optimizer, place), start_of(place, params)
    stop = check_stop(place, DEFAULT_STOP if stop is None else stop)
    residuals = Residuals(as_function(residual), args, has_aux)
    check_residuals(place, residuals, params)
    given = residual_problem(method, residuals, bounds_of(place, bounds, params), robust_loss(loss, loss_scale))
    check_method(place, optimizer, method, given)
    return searched(place, given, method, params, stop, derivative, history, callback)


@record
class Residuals:
    """A user's residuals as a vector, f[m], with what was returned: (vector, (residuals, aux))."""

    fn: Any = part()  # a function as a pytree
    args: tuple[Any, ...] = part()
    has_aux: bool = static(default=False)

    def __call__(self, params: Params) -> tuple[jax.Array, Any]:
        """Return (vector, (residuals, aux)); a complex residual counts as two numbers."""
        out = self.fn(params, *self.args)
        tree, aux = out if self.has_aux else (out, None)
        return Vector.like(tree).pack(tree), (tree, aux)


@record
class HalfSquares:
    """The value that least squares minimize, for methods that know of gradients alone."""

    residuals: Residuals = part()
    loss: RobustLoss | None = part(default=None)

    def __call__(self, params: Params) -> tuple[jax.Array, Any]:
        """Return the value, and (residuals, aux)."""
        r, out = self.residuals(params)
        return (r @ r / 2 if self.loss is None else self.loss.value(r)), out


def residual_problem(method: Method, residuals: Residuals, bounds: Any, loss: RobustLoss | None) -> UserProblem:
    """Return the problem as the method takes it: its residuals, or the value alone."""
    if "residual" in method.takes:
        return UserProblem(residuals, bounds=bounds, loss=loss, has_aux=True, is_residual=True, shows_residuals=True)
    return UserProblem(HalfSquares(residuals, loss), bounds=bounds, has_aux=True, shows_residuals=True)


def check_residuals(place: str, residuals: Residuals, params: Params) -> Any:
    """Refuse what are no residuals; return their shapes."""
    fn = residuals.fn
    place = f"{place}({name_of_function(fn)})"
    out: Any = attempt(f"{place}: calling it", lambda: jax.eval_shape(fn, params, *residuals.args))
    found = without_aux(place, "residuals", out, residuals.has_aux)
    leaves = jax.tree.leaves(found)
    if not all(hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.inexact) for x in leaves) or not sum(
        x.size for x in leaves
    ):
        what = ", ".join(f"{x.dtype}{list(x.shape)}" if hasattr(x, "dtype") else type(x).__name__ for x in leaves)
        raise InputError(
            f"{place}: it must return residuals, floating or complex arrays with at least one number, not "
            f"{what or 'nothing'}."
        )
    return found


def check_method(place: str, optimizer: Any, method: Method, given: UserProblem) -> None:
    """Refuse a method that cannot handle the problem."""
    parts = {"residual"} if given.is_residual else set()
    check_parts(place, optimizer, method, parts if given.bounds is None else parts | {"bounds"})
