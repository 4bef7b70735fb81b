"""Distributions: what stands in a search space where a number would stand.

The functions that make them are annotated as returning `Any`, so that type checkers accept a distribution wherever an
optimizer's signature asks for a number.
"""

import dataclasses
import math
import numbers
import statistics
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError

EDGE = 0.05  # a best value in this share of a range, at either end, is at its boundary


class Distribution:
    """A leaf of a space: it turns a number from the unit interval into a value (its inverse cumulative distribution).

    So one point of the unit cube is one trial, whatever draws the points. A distribution is not a pytree. One
    distribution object in two places of a space is one axis: both places get the same value.
    """

    scale = "linear"  # of its picture's axis

    def at(self, unit: float) -> Any:
        """The value at `unit`, in [0, 1]."""
        raise NotImplementedError

    def grid(self, count: int) -> np.ndarray:
        """The units of `count` values spread evenly, both ends included."""
        return np.linspace(0, 1, count) if count > 1 else np.array([0.5])

    @property
    def listed(self) -> int | None:
        """How many values it lists, if it lists them."""
        return None

    def edge(self, unit: float) -> str | None:
        """Which end of its range `unit` is at: "low", "high" or neither."""
        return "low" if unit <= EDGE else "high" if unit >= 1 - EDGE else None


@dataclasses.dataclass(frozen=True)
class Uniform(Distribution):
    """See `uniform`."""

    low: float
    high: float

    def at(self, unit: float) -> float:
        """Linear in `unit`."""
        return min(max(self.low + unit * (self.high - self.low), self.low), self.high)

    def __repr__(self) -> str:
        return f"uniform({self.low:g}, {self.high:g})"


@dataclasses.dataclass(frozen=True)
class LogUniform(Distribution):
    """See `loguniform`."""

    low: float
    high: float
    scale = "log"

    def at(self, unit: float) -> float:
        """Exponential in `unit`."""
        return min(max(self.low * (self.high / self.low) ** unit, self.low), self.high)

    def __repr__(self) -> str:
        return f"loguniform({self.low:g}, {self.high:g})"


@dataclasses.dataclass(frozen=True)
class Integer(Distribution):
    """See `integer`."""

    low: int
    high: int

    def at(self, unit: float) -> int:
        """Each whole number has an equal share of the unit interval."""
        return min(self.low + int(unit * (self.high - self.low + 1)), self.high)

    def grid(self, count: int) -> np.ndarray:
        """As many whole numbers as there are, at most `count`."""
        size = self.high - self.low + 1
        wanted = np.round(np.linspace(0, size - 1, min(count, size))) if count > 1 else np.array([(size - 1) // 2])
        return (wanted + 0.5) / size

    def edge(self, unit: float) -> str | None:
        """The first and the last of the whole numbers."""
        return {self.low: "low", self.high: "high"}.get(self.at(unit)) if self.low < self.high else None

    def __repr__(self) -> str:
        return f"integer({self.low}, {self.high})"


@dataclasses.dataclass(frozen=True)
class Normal(Distribution):
    """See `normal`."""

    mean: float
    std: float

    def at(self, unit: float) -> float:
        """The quantile; the outermost 1e-9 at either side are cut off."""
        return statistics.NormalDist(self.mean, self.std).inv_cdf(min(max(unit, 1e-9), 1 - 1e-9))

    def grid(self, count: int) -> np.ndarray:
        """The middles of `count` equally likely pieces."""
        return (np.arange(count) + 0.5) / count

    def edge(self, unit: float) -> str | None:
        """It has no ends."""
        return None

    def __repr__(self) -> str:
        return f"normal({self.mean:g}, {self.std:g})"


@dataclasses.dataclass(frozen=True)
class Listed(Distribution):
    """See `choice` and `grid`."""

    options: tuple[Any, ...]
    ordered: bool = False

    def at(self, unit: float) -> Any:
        """Each option has an equal share of the unit interval."""
        return self.options[min(int(unit * len(self.options)), len(self.options) - 1)]

    def grid(self, count: int) -> np.ndarray:
        """All options, whatever `count`."""
        return (np.arange(len(self.options)) + 0.5) / len(self.options)

    @property
    def listed(self) -> int | None:
        """The number of options."""
        return len(self.options)

    @property
    def scale(self) -> str:
        """Logarithmic where the values are positive and span a factor of ten."""
        wide = self.ordered and min(self.options) > 0 and max(self.options) >= 10 * min(self.options)
        return "log" if wide else "linear"

    def edge(self, unit: float) -> str | None:
        """The smallest and the largest of ordered options, where there are others between them."""
        if not self.ordered or len(self.options) < 3:
            return None
        return {min(self.options): "low", max(self.options): "high"}.get(self.at(unit))

    def __repr__(self) -> str:
        return f"{'grid' if self.ordered else 'choice'}({list(self.options)!r})"


def uniform(low: float, high: float) -> Any:
    """Every number from `low` to `high` is equally likely."""
    return Uniform(*_range("uniform", low, high))


def loguniform(low: float, high: float) -> Any:
    """Every factor is equally likely: as many trials between 1e-4 and 1e-3 as between 1e-3 and 1e-2."""
    low, high = _range("loguniform", low, high)
    if low <= 0:
        raise InputError(
            f"loguniform(low={low:g}, high={high:g}): low must be positive under a logarithm; raise it, or use uniform."
        )
    return LogUniform(low, high)


def integer(low: int, high: int) -> Any:
    """Every whole number from `low` to `high`, both included, is equally likely."""
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise InputError(f"integer({name}={value!r}): {name} must be a whole number; for others, use uniform.")
    if low > high:
        raise InputError(f"integer(low={low}, high={high}): low must not be above high; swap them.")
    return Integer(int(low), int(high))


def normal(mean: float, std: float) -> Any:
    """The normal distribution; it has no bounds, so a value may leave the range of its hyperparameter."""
    mean, std = _number("normal", "mean", mean), _number("normal", "std", std)
    if std <= 0:
        raise InputError(f"normal(mean={mean:g}, std={std:g}): std must be positive.")
    return Normal(mean, std)


def choice(options: Iterable[Any]) -> Any:
    """One of `options`, each equally likely: numbers, or parts of an optimizer or task, each its own program."""
    options = _options("choice", options)
    if any(isinstance(leaf, Distribution) for leaf in jax.tree.leaves(options)):
        raise InputError(
            f"choice({list(options)!r}): an option holds a distribution of its own; "
            "pass run a list of spaces instead, one for each option."
        )
    return Listed(_alike(options) if all(_is_number(option) for option in options) else options)


def grid(values: Iterable[float]) -> Any:
    """These numbers, in this order: a list or an array. The grid sampler takes all of them, others draw from them."""
    options = _options("grid", values)
    for value in options:
        _number("grid", "value", value)
    return Listed(_alike(options), ordered=True)


def _options(place: str, options: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(options, (str, bytes)) or not isinstance(options, Iterable):
        raise InputError(f"{place}({options!r}): expected a list of options, such as {place}([0.1, 0.2]).")
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


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def _alike(values: Iterable[Any]) -> tuple[float, ...]:
    """All whole or none: integers among floats would be another dtype, and so another program."""
    values = [float(value) for value in values]
    whole = all(value.is_integer() and abs(value) < 2**53 for value in values)
    return tuple(int(value) if whole else value for value in values)
