"""scipy's arguments as jgd's: functions, bounds, options."""

import inspect
import numbers
from collections.abc import Callable, Hashable, Mapping
from difflib import get_close_matches
from functools import lru_cache, wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.stop import Stop
from jgd.core.user_code import TRACEABLE, TRACING
from jgd.core.values import with_hyperparams

DIFFERENCES = (None, False, "2-point", "3-point", "cs")
"""Values of `jac` that leave the derivatives to the solver."""
PRINTING = ("disp", "verbose", "iprint")
"""Options that ask for a message, where they are above 0."""


class Counterpart(NamedTuple):
    """A method of jgd, and how scipy's options of the method that it stands for are said to it."""

    make: Callable[..., Any]
    rules: Mapping[str, str]  # options that are rules of Stop
    settings: Mapping[str, str] = {}  # options that are arguments of the method
    numbers: Mapping[str, str] = {}  # options that are hyperparameters of its line search
    tol: tuple[str, ...] = ()  # options that `tol` sets
    defaults: Mapping[str, Any] = {}  # of those options


def split_options(
    place: str, counterpart: Counterpart, tol: Any, options: Mapping[str, Any] | None, defaults: Mapping[str, Any]
) -> tuple[Any, Stop, bool]:
    """Return the method, the rules and `disp`, by the options; refuse those that could not act. None is the default."""
    rules, settings, numbers = counterpart.rules, counterpart.settings, counterpart.numbers
    given = {name: value for name, value in (options or {}).items() if value is not None}
    disp = max(given.pop(name, 0) for name in PRINTING) > 0
    if given.get("return_all") is False:
        del given["return_all"]
    for name in given:
        if name not in {*rules, *settings, *numbers}:
            raise InputError(
                f"{place}(options={{{name!r}: {given[name]!r}}}): it would have no effect; leave it out, known are "
                f"{', '.join([*rules, *settings, *numbers, *PRINTING])}."
            )
    by_tol = {} if tol is None else dict.fromkeys(counterpart.tol, tol)
    chosen = {**defaults, **counterpart.defaults, **by_tol, **given}
    stop = Stop(**{rule: chosen[name] for name, rule in rules.items() if name in chosen})
    method = counterpart.make(**{setting: chosen[name] for name, setting in settings.items() if name in chosen})
    return with_hyperparams(method, {numbers[name]: given[name] for name in numbers if name in given}), stop, disp


def counterpart_of(
    place: str, method: Any, known: Mapping[str, Counterpart], nearest: Mapping[str, str]
) -> Counterpart:
    """Return the counterpart of a method, by its name in any case."""
    name = str(method).lower()
    if name in known:
        return known[name]
    near = nearest.get(name) or next(iter(get_close_matches(name, known, 1)), None)
    advice = f"the nearest is {near!r}" if near else f"known are {', '.join(map(repr, known))}"
    raise InputError(f"{place}(method={method!r}): jgd has no such method; {advice}.")


def vector_of(place: str, x0: Any, most_axes: int | None = 1) -> jax.Array:
    """Return the start as an array of floating numbers."""
    x = np.atleast_1d(np.asarray(x0))
    if most_axes is not None and x.ndim > most_axes:
        raise InputError(f"{place}(x0): it has shape {x.shape}; pass a vector.")
    return jnp.asarray(x if np.issubdtype(x.dtype, np.inexact) else x.astype(float))


def as_tuple(place: str, args: Any) -> tuple[Any, ...]:
    """Return further arguments, also a single one that is no tuple; refuse what is no number and no array."""
    args = args if isinstance(args, tuple) else (args,)
    for one in jax.tree.leaves(args):
        if not isinstance(one, (numbers.Number, np.ndarray, jax.Array)):
            raise InputError(
                f"{place}(args): there is a {type(one).__name__} in it; pass numbers and arrays, and bind others with "
                "functools.partial."
            )
    return args


def function_for(
    place: str, fun: Any, jac: Any, x: Any, args: tuple[Any, ...], hessp: Any = None
) -> Callable[..., Any]:
    """Return the function with its derivatives, JAX's or the user's; refuse one that JAX cannot trace."""
    if not callable(fun):
        raise InputError(f"{place}(fun={fun!r}): fun must be a function (x, *args).")
    if isinstance(jac, str) and jac not in DIFFERENCES:
        raise InputError(f"{place}(jac={jac!r}): pass a function, True, or None.")
    for name, function in {"fun": fun, **({"jac": jac} if callable(jac) else {})}.items():
        if not isinstance(function, Hashable):
            raise InputError(
                f"{place}({name}={type(function).__name__}): it has no hash, by which its program is found again; "
                "pass its __call__, or declare its dataclass with eq=False."
            )
        try:
            jax.eval_shape(function, x, *args)
        except TRACING as error:
            shown = getattr(function, "__qualname__", type(function).__name__)
            raise InputError(
                f"{place}({name}={shown}): it must be traceable by JAX, and raised {type(error).__name__}; {TRACEABLE}."
            ) from error
    return with_derivative_of(fun, jac if callable(jac) or jac is True else None, hessp)


@lru_cache(maxsize=256)
def with_derivative_of(fun: Callable[..., Any], jac: Any, hessp: Any = None) -> Callable[..., Any]:
    """Give the function, where `jac` is True the first of the two that it returns, with the derivatives that are given.

    `hessp(x, p, *args)` is the product of the second one with a vector. One object for one function, so that it is
    compiled once.
    """
    if jac is True:
        return with_derivative_of(_part(fun, 0), _part(fun, 1), hessp)
    if hessp is not None:
        return with_derivative_of(fun, _with_product(jax.grad(fun) if jac is None else jac, hessp))
    if jac is None:
        return fun

    @jax.custom_jvp
    def known(x: jax.Array, *args: Any) -> Any:
        return fun(x, *args)

    @known.defjvp
    def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
        x, *args = primals
        dx, *others = tangents
        value, by_args = jax.jvp(lambda *args: fun(x, *args), tuple(args), tuple(others)) if args else (fun(x), 0.0)
        slope = jnp.asarray(jac(x, *args))
        along = (slope.reshape(jnp.size(value), x.size) @ dx.ravel()).reshape(jnp.shape(value))
        return value, along + by_args

    return known


def _with_product(slope: Callable[..., Any], hessp: Callable[..., Any]) -> Callable[..., Any]:
    """Return the gradient whose own derivative with respect to x is the user's product."""

    @jax.custom_jvp
    def known(x: jax.Array, *args: Any) -> jax.Array:
        return jnp.asarray(slope(x, *args))

    @known.defjvp
    def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
        x, *args = primals
        dx, *others = tangents
        at_x = jnp.asarray(slope(x, *args))
        by_args = jax.jvp(lambda *args: slope(x, *args), tuple(args), tuple(others))[1] if args else 0.0
        return at_x, jnp.asarray(hessp(x, dx, *args)) + by_args

    return known


@lru_cache(maxsize=256)
def as_scalar(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose value, where it is an array of one number, is that number."""

    @wraps(fun)
    def scalar(x: jax.Array, *args: Any) -> Any:
        value = fun(x, *args)
        return jnp.reshape(value, ()) if jnp.size(value) == 1 else value

    return scalar


@lru_cache(maxsize=256)
def _part(fun: Callable[..., Any], index: int) -> Callable[..., Any]:
    return lambda *args: fun(*args)[index]


def bounds_of_pairs(place: str, bounds: Any, n: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Give `(lower, upper)`, f[n] each, of scipy's `Bounds` or of n pairs (least, largest) with None for no bound."""
    if bounds is None:
        return None
    if hasattr(bounds, "lb"):
        return np.broadcast_to(bounds.lb, n).astype(float), np.broadcast_to(bounds.ub, n).astype(float)
    pairs = list(bounds)
    if len(pairs) != n or any(np.size(pair) != 2 for pair in pairs):
        raise InputError(f"{place}(bounds): there must be a pair (least, largest) for each of {n} variables.")
    lower = [-np.inf if least is None else least for least, _ in pairs]
    upper = [np.inf if most is None else most for _, most in pairs]
    return np.array(lower, float), np.array(upper, float)


def callback_for(callback: Any, intermediate: Callable[[Any], Any]) -> Callable[[Any], Any] | None:
    """Return jgd's callback, which calls scipy's: with `intermediate_result` where it has that name alone, else with x.

    One of two arguments is that of "trust-constr": it gets both, and True ends the search.
    """
    if callback is None:
        return None
    arguments = inspect.signature(callback).parameters
    by_name = set(arguments) == {"intermediate_result"}
    takes_both = (
        sum(one.default is one.empty and one.kind <= one.POSITIONAL_OR_KEYWORD for one in arguments.values()) == 2
    )

    def see(solution: Any) -> Any:
        if takes_both:
            return bool(callback(np.asarray(solution.params), intermediate(solution)))
        if by_name:
            callback(intermediate_result=intermediate(solution))
        else:
            callback(np.asarray(solution.params))
        return None

    return see
