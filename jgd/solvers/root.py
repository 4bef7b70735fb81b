"""Equations: parameters at which a function is 0, or that a function returns unchanged."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import FLAG, checked, function_of
from jgd.core.errors import InputError, unknown
from jgd.core.record import as_function, part, record, static
from jgd.core.stop import STOP, Stop
from jgd.core.types import Params
from jgd.core.user_code import attempt
from jgd.pages.text import count
from jgd.solvers.derivatives import DERIVATIVE, Implicit
from jgd.solvers.least_squares import Residuals, check_residuals
from jgd.solvers.methods.anderson import anderson
from jgd.solvers.methods.broyden import broyden
from jgd.solvers.methods.equations import Equations, root_rtol
from jgd.solvers.methods.gauss_newton import gauss_newton
from jgd.solvers.methods.levenberg_marquardt import levenberg_marquardt
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.vector import Vector
from jgd.solvers.names import METHOD
from jgd.solvers.search import CALLBACK, TUPLE, check_stop, searched
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import UserProblem, name_of_function, start_of, without_aux

ROOT_METHODS: dict[str, Callable[..., Method]] = {
    "newton": gauss_newton,
    "lm": levenberg_marquardt,
    "broyden": broyden,
    "anderson": anderson,
    "picard": partial(anderson, memory_size=0),
}
CHECKS: dict[str, Any] = {
    "params": None,
    "optimizer": METHOD,
    "has_aux": FLAG,
    "args": TUPLE,
    "stop": STOP,
    "history": FLAG,
    "derivative": DERIVATIVE,
    "callback": CALLBACK,
}
NOT_OF_ROOTS = ("value", "step_norm", "relative_step_norm", "value_change")


@checked(fn=function_of("(params, *args) -> residuals"), **CHECKS)
def root(
    fn: Callable[..., Any],
    optimizer: Any,
    params: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    derivative: str | Implicit = "implicit",
    history: bool = False,
    callback: Callable[[Solution], Any] | None = None,
) -> Solution:
    """Find parameters with `fn(params, *args) = 0`, a tree of as many numbers as the parameters have, from `params`.

    `optimizer` is a name or such a method as a value:

    "newton"    `gauss_newton()`: Newton steps, least-norm ones where the Jacobian is singular, with a line search on
                |F|^2. The first choice.
    "lm"        `levenberg_marquardt()`, from bad starts.
    "broyden"   `broyden()`: one Jacobian and then none; where F is costly.
    "anderson"  `anderson()`: no Jacobian at all; for x + F(x) that nearly contracts.
    "picard"    `anderson(memory_size=0)`: x + F(x), again and again.

    `Solution.gradient_norm` is |F|, `residual` F as the function returns it, `value` |F|^2 / 2. The default is
    `Stop(gradient_norm=eps^(3/4))`, eps that of the parameters' dtype: 1.8e-12 in float64, 6.4e-6 in float32. A search
    that can go no further ends with PRECISION where each |F_i| is at most eps^(3/4) of (|J| |x|)_i, and with NO_ROOT,
    which is no success, anywhere else. Rules on steps and on values could not tell a root from a minimum of |F|, and
    are refused. A trial that is not finite makes the step shorter.

    derivative  as in `minimize`, by the equations themselves: dx = -(dF/dx)^-1 dF, one linear solve.
    history     keep |F|^2 / 2 of every evaluation.
    callback    `callback(solution)` after every step; `True` or StopIteration ends it.

    Complex entries count as two numbers each. Runs under `jit` and `vmap`; one function object is compiled once.
    """
    equations = Residuals(as_function(fn), args, has_aux)
    return _solved("root", equations, optimizer, params, stop, derivative, history, callback)


@checked(fn=function_of("(params, *args) -> params"), **CHECKS)
def fixed_point(
    fn: Callable[..., Any],
    optimizer: Any,
    params: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    derivative: str | Implicit = "implicit",
    history: bool = False,
    callback: Callable[[Solution], Any] | None = None,
) -> Solution:
    """Find parameters with `fn(params, *args) = params`, from `params`; `fn` returns a tree of their structure.

    `root` of fn(x) - x, with its methods, its rules and its keywords: "anderson" and "picard" need no derivatives, and
    "newton" finds fixed points that repel. With `has_aux` the function returns `(params, aux)`.
    """
    equations = Residuals(_Displacement(as_function(fn), has_aux), args, has_aux)
    params = start_of("fixed_point", params)
    _check_image(equations, params)
    return _solved("fixed_point", equations, optimizer, params, stop, derivative, history, callback)


@record
class _Displacement:
    """fn(x) - x, with what else fn returns."""

    fn: Any = part()
    has_aux: bool = static(default=False)

    def __call__(self, params: Params, *args: Any) -> Any:
        """Return a tree like the parameters."""
        out = self.fn(params, *args)
        image, aux = out if self.has_aux else (out, None)
        difference = jax.tree.map(jnp.subtract, image, params)
        return (difference, aux) if self.has_aux else difference


@record
class _InDtype:
    """The equations as a vector of a dtype, f[n]."""

    equations: Residuals = part()
    dtype: str = static()

    def __call__(self, params: Params) -> tuple[jax.Array, Any]:
        """Return the vector, and what the user's function returned."""
        vector, out = self.equations(params)
        return vector.astype(self.dtype), out


def _solved(
    place: str,
    equations: Residuals,
    optimizer: Any,
    params: Params,
    stop: Stop | None,
    derivative: str | Implicit,
    history: bool,
    callback: Callable[[Solution], Any] | None,
) -> Solution:
    params = start_of(place, params)
    method = _method_of(place, optimizer)
    form = Vector.like(params)
    unknowns, found = _size(params), _size(check_residuals(place, equations, params))
    if unknowns != found:
        raise InputError(
            f"{place}: it returns {count(found, 'number')} for {count(unknowns, 'unknown number')}; return as many as "
            "the parameters have, or use jgd.least_squares."
        )
    stop = Stop(gradient_norm=root_rtol(form.dtype)) if stop is None else check_stop(place, stop)
    for rule in NOT_OF_ROOTS:
        if getattr(stop, rule) is not None:
            raise InputError(
                f"{place}(stop=Stop({rule}=)): it holds at points that are no root too; set gradient_norm, that is |F|."
            )
    fn = _InDtype(equations, str(form.dtype))
    given = UserProblem(fn, has_aux=True, is_residual=True, is_equations=True, shows_residuals=True)
    return searched(place, given, method, params, stop, derivative, history, callback)


def _size(tree: Any) -> int:
    """Tell how many real numbers there are in a tree of arrays or of their shapes."""
    return sum(x.size * (2 if jnp.issubdtype(x.dtype, jnp.complexfloating) else 1) for x in jax.tree.leaves(tree))


def _method_of(place: str, optimizer: Any) -> Equations:
    """Return the method of a name, or the method itself, as one for equations."""
    if isinstance(optimizer, str):
        if optimizer.lower() not in ROOT_METHODS:
            raise unknown(f"{place}(optimizer=)", optimizer, ROOT_METHODS)
        optimizer = ROOT_METHODS[optimizer.lower()]()
    if not isinstance(optimizer, Method) or not optimizer.takes & {"residual", "equations"}:
        raise InputError(
            f"{place}(optimizer={repr(optimizer).partition('(')[0]}): it minimizes, and solves no equations; use "
            f"{', '.join(map(repr, ROOT_METHODS))}, or jgd.minimize of the sum of squares."
        )
    return Equations(optimizer)


def _check_image(equations: Residuals, params: Params) -> None:
    """Refuse a function that does not return a tree like the parameters."""
    fn = equations.fn.fn
    place = f"fixed_point(fn={name_of_function(fn)})"
    out: Any = attempt(f"{place}: fn(params, *args)", lambda: jax.eval_shape(fn, params, *equations.args))
    image = without_aux(place, "params", out, equations.has_aux)
    if jax.tree.structure(image) != jax.tree.structure(params):
        raise InputError(
            f"{place}: it must return a tree like the parameters, {jax.tree.structure(params)}, not "
            f"{jax.tree.structure(image)}."
        )
    for x, p in zip(jax.tree.leaves(image), jax.tree.leaves(params), strict=True):
        if getattr(x, "shape", None) != p.shape:
            raise InputError(
                f"{place}: it returns an array of shape {getattr(x, 'shape', None)} where the parameter's is "
                f"{p.shape}; return one of the same shape."
            )
