"""scipy's arguments as jgd's: functions, bounds, options."""

import inspect
import numbers
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.stop import Stop

DIFFERENCES = (None, False, "2-point", "3-point", "cs")
"""Values of `jac` that leave the derivatives to the solver."""


class Counterpart(NamedTuple):
    """A method of jgd, and how scipy's options of the method that it stands for are said to it."""

    make: Callable[..., Any]
    rules: Mapping[str, str]  # options that are rules of Stop
    settings: Mapping[str, str] = {}  # options that are arguments of the method
    tol: tuple[str, ...] = ()  # options that `tol` sets
    defaults: Mapping[str, Any] = {}  # of those options


def split_options(
    place: str, counterpart: Counterpart, tol: Any, options: Mapping[str, Any] | None, defaults: Mapping[str, Any]
) -> tuple[Any, Stop, bool]:
    """Return the method, the rules and `disp`, by the options; refuse those that could not act. None is the default."""
    rules, settings = counterpart.rules, counterpart.settings
    given = {name: value for name, value in (options or {}).items() if value is not None}
    disp = bool(given.pop("disp", False))
    for name in given:
        if name not in rules and name not in settings:
            raise InputError(
                f"{place}(options={{{name!r}: {given[name]!r}}}): it would have no effect; leave it out, known are "
                f"{', '.join([*rules, *settings, 'disp'])}."
            )
    by_tol = {} if tol is None else dict.fromkeys(counterpart.tol, tol)
    chosen = {**defaults, **counterpart.defaults, **by_tol, **given}
    stop = Stop(**{rule: chosen[name] for name, rule in rules.items() if name in chosen})
    method = counterpart.make(**{setting: chosen[name] for name, setting in settings.items() if name in chosen})
    return method, stop, disp


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
    """Further arguments, also a single one that is no tuple; refuse what is no number and no array."""
    args = args if isinstance(args, tuple) else (args,)
    for one in jax.tree.leaves(args):
        if not isinstance(one, (numbers.Number, np.ndarray, jax.Array)):
            raise InputError(
                f"{place}(args): there is a {type(one).__name__} in it; pass numbers and arrays, and bind others with "
                "functools.partial."
            )
    return args


def function_for(place: str, fun: Any, jac: Any, x: Any, args: tuple[Any, ...]) -> Callable[..., Any]:
    """Return the function with its derivatives, JAX's or the user's; refuse one that JAX cannot trace."""
    if not callable(fun):
        raise InputError(f"{place}(fun={fun!r}): fun must be a function (x, *args).")
    if isinstance(jac, str) and jac not in DIFFERENCES:
        raise InputError(f"{place}(jac={jac!r}): pass a function, True, or None.")
    for name, function in {"fun": fun, **({"jac": jac} if callable(jac) else {})}.items():
        try:
            jax.eval_shape(function, x, *args)
        except (jax.errors.JAXTypeError, jax.errors.JAXIndexError, jax.errors.ConcretizationTypeError) as error:
            shown = getattr(function, "__qualname__", type(function).__name__)
            raise InputError(
                f"{place}({name}={shown}): it must be traceable by JAX, and raised {type(error).__name__}; write it "
                "with jax.numpy in place of numpy, and with jnp.where in place of `if` on values."
            ) from error
    return with_derivative_of(fun, jac if callable(jac) or jac is True else None)


@lru_cache(maxsize=256)
def with_derivative_of(fun: Callable[..., Any], jac: Any) -> Callable[..., Any]:
    """The function alone, where `jac` is True the first of the two that it returns, with the derivative `jac` if given.

    One object for one function, so that it is compiled once.
    """
    if jac is None:
        return fun
    if jac is True:
        return with_derivative_of(_part(fun, 0), _part(fun, 1))

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


@lru_cache(maxsize=256)
def _part(fun: Callable[..., Any], index: int) -> Callable[..., Any]:
    return lambda *args: fun(*args)[index]


def bounds_of_pairs(place: str, bounds: Any, n: int) -> tuple[np.ndarray, np.ndarray] | None:
    """`(lower, upper)`, f[n] each, from scipy's `Bounds` or from n pairs (least, largest) with None for no bound."""
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


def callback_for(callback: Any, intermediate: Callable[[Any], Any]) -> Callable[[Any], None] | None:
    """Jgd's callback, which calls scipy's: with `intermediate_result` where it has that name, else with x alone."""
    if callback is None:
        return None
    by_name = "intermediate_result" in inspect.signature(callback).parameters

    def see(solution: Any) -> None:
        if by_name:
            callback(intermediate_result=intermediate(solution))
        else:
            callback(np.asarray(solution.params))

    return see
