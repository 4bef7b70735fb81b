"""Minimize a deterministic function with any optimizer: one compiled loop, and a reason for stopping."""

from collections.abc import Callable
from typing import Any

from jgd.core.arguments import FLAG, checked
from jgd.core.record import as_function
from jgd.core.stop import STOP, Stop
from jgd.core.types import Params
from jgd.nonsmooth.composed import Composed
from jgd.nonsmooth.nonsmooth import NONSMOOTH
from jgd.solvers.constraints import CONSTRAINTS, check_constraints, each_of
from jgd.solvers.derivatives import DERIVATIVE, Implicit
from jgd.solvers.hessian import HESSIAN, check_hessian
from jgd.solvers.names import METHOD, check_parts, method_of
from jgd.solvers.search import CALLBACK, TUPLE, check_stop, searched
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import BOUNDS, FUNCTION, UserProblem, bounds_of, check_nonsmooth, check_value, start_of

DEFAULT_STOP = Stop(gradient_norm=1e-5, patience=500)


@checked(
    params=None,
    optimizer=METHOD,
    has_aux=FLAG,
    args=TUPLE,
    fn=FUNCTION,
    stop=STOP,
    history=FLAG,
    derivative=DERIVATIVE,
    nonsmooth=NONSMOOTH,
    callback=CALLBACK,
    bounds=BOUNDS,
    constraints=CONSTRAINTS,
    hess=HESSIAN,
)
def minimize(
    fn: Callable[..., Any],
    optimizer: Any,
    params: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    bounds: Any = None,
    constraints: Any = (),
    nonsmooth: Any = None,
    hess: Callable[..., Any] | None = None,
    derivative: str | Implicit = "implicit",
    history: bool = False,
    callback: Callable[[Solution], Any] | None = None,
) -> Solution:
    """Minimize `fn(params, *args) -> scalar` (with `has_aux`, `(scalar, aux)`) from `params`, a tree of numbers.

    `optimizer` is a method such as `jgd.bfgs()`, its name, or any optimizer. The rules of `stop` are checked at the
    start and after every step. The default is `Stop(gradient_norm=1e-5, patience=500)`; where `stop` sets no
    `max_steps`, 10,000 are allowed, and 100,000 evaluations. An optimizer's step to a point whose value or gradient is
    not finite is undone and ends the search; a method tries a shorter one instead. Whole numbers in the start are
    taken as floats.

    args       what every evaluation gets beside the parameters, data or a model's state: `args=(state, batch)` for a
               loss that returns `(loss, (state, aux))` with `has_aux`; that of the solution is in `Solution.aux`. None
               of it moves from step to step: a model whose state does is trained by `jgd.fit`.
    bounds     `(lower, upper)`, each None, a number, or a tree like the parameters, and never left on the way.
    constraints  a constraint, made by `jgd.equality` or `jgd.inequality`, or a tuple, list or dict of them, for the
               methods "sqp" and "augmented-lagrangian". `multipliers` of the solution are those of f + y'c, in the same
               structure, positive at upper limits and negative at lower ones: minus the derivative of the value with
               respect to the limit. `gradient_norm` is then the norm of the conditions of Karush, Kuhn & Tucker,
               x - P(x - grad(f + y'c)) and c - P(c + y). No point has converged that misses a limit by more than
               Stop's gradient_norm or, if that is less, by sqrt(eps) of the limit's size and at least of 1. On the way
               constraints may be missed.
    nonsmooth  a part of the objective with a prox, from `jgd.nonsmooth`, which the function leaves out; `value` is then
               the total, and `gradient_norm` the prox residual |x - prox(x - t g, t)| / t. A set is one that is 0
               inside and infinite outside; a start outside begins at its prox.
    hess       `hess(params, *args)`, the Hessian of the function as `jax.hessian` returns it, for the methods of second
               order, which otherwise derive it, and for "sqp", which otherwise learns one.
    derivative "implicit": forward and reverse derivatives of params, value, aux and multipliers with respect to
               `args` and all that `fn` closes over, by one linear solve, which `jgd.implicit(solve=...)` chooses.
               Those with respect to the start and to the optimizer's numbers are then exactly 0. "through": forward
               ones of the steps themselves, by `jax.jvp`.
    history    keep the value of every evaluation.
    callback   `callback(solution)` after every step, with the `Solution` so far; `True` or StopIteration ends it.

    Runs under `jit` and `vmap`; the numbers of the optimizer, the rules and `args` are arguments of the program, and
    one function object is compiled once. A method evaluates the function once a turn of the loop. What the line search
    of an optimizer has accepted is evaluated again only where there is an aux.
    """
    stop = check_stop("minimize", DEFAULT_STOP if stop is None else stop)
    method, params = method_of(optimizer), start_of("minimize", params)
    given = UserProblem(
        as_function(fn),
        args,
        bounds_of("minimize", bounds, params),
        nonsmooth,
        hess=None if hess is None else as_function(hess),
        constraints=constraints if each_of(constraints) else None,
        has_aux=has_aux,
    )
    parts = {name for name in ("bounds", "constraints", "nonsmooth", "hess") if getattr(given, name) is not None}
    parts |= {"composed"} if isinstance(nonsmooth, Composed) else set()
    check_parts("minimize", optimizer, method, parts)
    check_nonsmooth("minimize", nonsmooth, bounds, params)
    check_value("minimize", given, params)
    check_constraints("minimize", constraints, params, args)
    check_hessian("minimize", hess, params, args)
    return searched("minimize", given, method, params, stop, derivative, history, callback)
