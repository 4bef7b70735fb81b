"""Functions that make distributions, which stand in a search space where a number or a part would stand.

They are annotated as returning `Any`, so that type checkers accept a distribution wherever an optimizer's signature
asks for a number.
"""

import math
import numbers
from collections.abc import Iterable, Mapping, Sized
from typing import Any

import numpy as np

from jgd.core.arguments import FINITE, FLAG, POSITIVE, Kind, checked, instance_of, listed
from jgd.core.errors import InputError
from jgd.core.given import given_names
from jgd.core.record import as_function
from jgd.core.types import Transform
from jgd.sweep.spaces.distributions import Distribution as Distribution
from jgd.sweep.spaces.distributions import Listed, LogUniform, Normal, Parts, Structural, Uniform, Whole, plain_label
from jgd.sweep.spaces.lattice import Integer, Quantized
from jgd.transforms.as_transform import as_transform

ANY_WHOLE = Kind(
    "be a whole number; for others, use uniform", lambda x: is_number(x) and isinstance(x, numbers.Integral)
)
TO_ROUND = instance_of(
    "be a uniform, loguniform, integer or normal distribution to round", Uniform, LogUniform, Integer, Normal
)
OPTIONS = Kind(
    "be a list of options, such as [0.1, 0.2], at least one",
    lambda x: isinstance(x, Iterable) and not isinstance(x, (str, bytes)) and not (isinstance(x, Sized) and not len(x)),
)
VALUES = listed("finite numbers, such as [0.1, 0.2]", FINITE, least=1)


class Named(dict[str, Any]):
    """Several spaces by name, where a plain dict is one: those of a function that owns its loop."""


@checked(low=FINITE, high=FINITE)
def uniform(low: float, high: float) -> Any:
    """Draw a number from `low` to `high`, all equally likely."""
    return Uniform(*_range("uniform", low, high))


@checked(low=FINITE, high=FINITE)
def loguniform(low: float, high: float) -> Any:
    """Draw a number from `low` to `high`, every factor equally likely: 1e-4 to 1e-3 as often as 1e-3 to 1e-2."""
    low, high = _range("loguniform", low, high)
    if low <= 0:
        raise InputError(
            f"loguniform(low={low:g}, high={high:g}): low must be positive under a logarithm; raise it, or use uniform."
        )
    return LogUniform(low, high)


@checked(low=ANY_WHOLE, high=ANY_WHOLE, log=FLAG)
def integer(low: int, high: int, *, log: bool = False) -> Any:
    """Draw a whole number from `low` to `high`, both included, all equally likely; with `log`, all factors are.

    `integer(1, 1000, log=True)` draws as often from 1 to 10 as from 100 to 1000.
    """
    if low > high:
        raise InputError(f"integer(low={low}, high={high}): low must not be above high; swap them.")
    if log and low < 1:
        raise InputError(
            f"integer(low={low}, high={high}, log=True): low must be positive under a logarithm; raise it, or leave "
            "log out."
        )
    return Integer(int(low), int(high), log)


@checked(mean=FINITE, std=POSITIVE)
def normal(mean: float, std: float) -> Any:
    """Draw from the normal distribution; it has no bounds, so a value may leave the range of its hyperparameter."""
    return Normal(float(mean), float(std))


@checked(distribution=TO_ROUND, step=POSITIVE)
def quantized(distribution: Any, step: float) -> Any:
    """Draw multiples of `step` within the range of `distribution`, spread as it is: `quantized(uniform(0, 1), 0.05)`.

    All multiples are equally likely under `uniform` and `integer`, the ends too; under a logarithm each is as likely as
    the factors that round to it; a normal distribution's values are rounded. Multiples of a whole step of `integer` are
    whole.
    """
    step = float(step)
    whole = isinstance(distribution, Integer) and step.is_integer()
    made = Quantized(distribution, int(step) if whole else step, even=True)
    if made.multiples[0] > made.multiples[1]:
        raise InputError(
            f"quantized({distribution!r}, step={step:g}): the range holds no multiple of {step:g}; lower the step."
        )
    return made


@checked(options=OPTIONS)
def choice(options: Iterable[Any] | Mapping[str, Any]) -> Any:
    """Draw one of `options`, each equally likely: numbers, or parts of a space, each a program of its own.

    A part is an optimizer, a schedule, a function, a task or `None`. It may hold distributions of its own, which are
    drawn for the trials that choose it and absent from the `params` of the others. A mapping names the options in
    `params` and in tables, `choice({"adam": jgd.adam(...), "sgd": jgd.sgd(...)})`; else their constructors or types do.
    A number, a text, a flag or `None` stands there itself.
    """
    named = isinstance(options, Mapping)
    labels = [str(name) for name in options] if named else None
    listed = _options("choice", options.values() if named else options)
    if labels is None and all(is_number(option) for option in listed):
        return Listed(_alike(listed))
    parts = tuple(map(_part, listed))
    return Parts(parts, tuple(_labels(parts) if labels is None else labels))


@checked(options=OPTIONS)
def structural(options: Iterable[int]) -> Any:
    """Draw a whole number that shapes the program, such as a width, a depth or a `batch_size`: a program each.

    It may stand for any argument of a task's functions, as in `Task(Partial(init, width=structural([16, 32])), ...)`,
    for its `batch_size`, for a whole number that is structure of an optimizer, and in what `train(hp, key)` is called
    with. There it is a plain whole number, never traced. Each is equally likely.
    """
    options = _options("structural", options)
    for value in options:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
            raise InputError(
                f"structural({list(options)!r}): {value!r} is no whole number; choose between other parts with choice."
            )
    whole = tuple(Whole(value) for value in options)
    if len(set(whole)) < len(whole):
        raise InputError(f"structural({list(options)!r}): a number is listed twice; list each once.")
    return Structural(whole, tuple(map(str, whole)))


@checked(values=VALUES)
def grid(values: Iterable[float]) -> Any:
    """Take these numbers, a list or an array, in this order: the grid sampler takes all, others draw from them."""
    return Listed(_alike(values), ordered=True)


def _options(place: str, options: Iterable[Any]) -> tuple[Any, ...]:
    options = tuple(options)
    if not options:
        raise InputError(f"{place}([]): there is nothing to choose from; list at least one option.")
    return options


def _range(place: str, low: Any, high: Any) -> tuple[float, float]:
    low, high = _number(place, "low", low), _number(place, "high", high)
    if low >= high:
        remedy = "swap them" if low > high else "for a fixed value, put the number itself"
        raise InputError(f"{place}(low={low:g}, high={high:g}): low must be below high; {remedy}.")
    return low, high


def _number(place: str, name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{place}({name}={value!r}): {name} must be a finite number.")
    return number


def is_number(value: Any) -> bool:
    """Tell whether it is a real number, which a flag is not."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def _alike(values: Iterable[Any]) -> tuple[float, ...]:
    """Return all whole or none: integers among floats would be another dtype, and so another program."""
    values = [float(value) for value in values]
    whole = all(value.is_integer() and abs(value) < 2**53 for value in values)
    return tuple(int(value) if whole else value for value in values)


def _part(option: Any) -> Any:
    """Return an option as it will stand in the space: numbers as floats, functions and optax's pairs as values."""
    if is_number(option):
        return float(option)
    return as_transform(option) if isinstance(option, Transform) else as_function(option)


def _labels(parts: Iterable[Any]) -> list[str]:
    """Name options apart, by constructors, types, functions or chains' first links; or by their positions."""
    names = [_name(part) for part in parts]
    return names if len(set(names)) == len(names) else [f"option {i}" for i in range(len(names))]


def _name(part: Any) -> str:
    if part is None or isinstance(part, (float, bool, str)):
        return plain_label(part)
    if maker := given_names(part).maker:
        return maker
    links = getattr(part, "transforms", None)
    if links and isinstance(links, tuple):
        return _name(links[0])
    function = getattr(part, "fn", None)
    return getattr(function, "__name__", type(part).__name__)
