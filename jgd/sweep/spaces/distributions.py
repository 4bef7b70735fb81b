"""Distributions: each turns a number from the unit interval into a value."""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.core.record import Placeholder

EDGE = 0.05  # a best value in this share of a range, at either end, is at its boundary


class Distribution(Placeholder):
    """A leaf of a space: it turns a number from the unit interval into a value (its inverse cumulative distribution).

    So one point of the unit cube is one trial, whatever draws the points. A distribution of numbers is no pytree, one
    of parts is one of its options. One distribution object in two places of a space is one axis: both places get the
    same value.
    """

    scale = "linear"  # of its picture's axis

    def at(self, unit: float) -> Any:
        """The value at `unit`, in [0, 1]."""
        raise NotImplementedError

    def shown(self, unit: float) -> Any:
        """The value as results name it: a number, or the label of a part."""
        return self.at(unit)

    def grid(self, count: int) -> np.ndarray:
        """The units of `count` values spread evenly, both ends included."""
        return np.linspace(0, 1, count) if count > 1 else np.array([0.5])

    @property
    def listed(self) -> int | None:
        """How many values it lists, if it lists them."""
        return None

    @property
    def size(self) -> int | None:
        """How many values it can take; `None` of a continuous range."""
        return self.listed

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
    log: bool = False

    @property
    def scale(self) -> str:
        """Logarithmic where it draws so."""
        return "log" if self.log else "linear"

    def at(self, unit: float) -> int:
        """Each whole number has an equal share of the unit interval, or under `log` one as wide as its factor."""
        return _lattice_at(unit, self.low, self.high, self.log)

    def grid(self, count: int) -> np.ndarray:
        """As many whole numbers as there are, at most `count`."""
        return _lattice_grid(count, self.low, self.high, self.log)

    @property
    def size(self) -> int:
        """The number of whole numbers."""
        return self.high - self.low + 1

    def edge(self, unit: float) -> str | None:
        """The first and the last of the whole numbers, and on a fine lattice those near them."""
        value = self.at(unit)
        if self.log:
            return _end(math.log(value / self.low), math.log(self.high / self.low))
        return _end(value - self.low, self.high - self.low)

    def __repr__(self) -> str:
        return f"integer({self.low}, {self.high}{', log=True' if self.log else ''})"


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
    """See `choice` and `grid`: numbers."""

    options: tuple[float, ...]
    ordered: bool = False

    def at(self, unit: float) -> float:
        """Each option has an equal share of the unit interval."""
        return self.options[_pick(unit, len(self.options))]

    def grid(self, count: int) -> np.ndarray:
        """All options, whatever `count`."""
        return (np.arange(len(self.options)) + 0.5) / len(self.options)

    @property
    def listed(self) -> int | None:
        """The number of options."""
        return len(self.options)

    @property
    def size(self) -> int:
        """The number of different options."""
        return len(set(self.options))

    @property
    def scale(self) -> str:
        """Logarithmic where the values are positive and span a factor of ten."""
        wide = self.ordered and min(self.options) > 0 and max(self.options) >= 10 * min(self.options)
        return "log" if wide else "linear"

    def edge(self, unit: float) -> str | None:
        """The smallest and the largest of ordered options with others between them, and of many those near them."""
        if not self.ordered or len(self.options) < 3:
            return None
        values = sorted(set(self.options))
        return _end(values.index(self.at(unit)), len(values) - 1)

    def __repr__(self) -> str:
        return f"{'grid' if self.ordered else 'choice'}({list(self.options)!r})"


@dataclasses.dataclass(frozen=True)
class Quantized(Distribution):
    """See `quantized`."""

    inner: Distribution
    step: float
    even: bool = False  # whether all multiples have whole shares; those of folders written before 0.2 had not

    @property
    def scale(self) -> str:
        """That of what it rounds."""
        return self.inner.scale

    def at(self, unit: float) -> float:
        """The multiple whose share `unit` is in; of a normal distribution the one nearest to its value."""
        if self._lattice:
            return self.multiple(_lattice_at(unit, *self._lattice))
        return self.multiple(round(self.inner.at(unit) / self.step))

    def multiple(self, count: float) -> float:
        """So many times the step, or the nearest multiple within the range."""
        first, last = self.multiples
        value = min(max(count, first), last) * self.step
        # The product's last digits are noise: 3 * 0.1 is 0.30000000000000004.
        return value if isinstance(value, int) else float(f"{value:.12g}")

    def grid(self, count: int) -> np.ndarray:
        """Different values only, at most `count`."""
        if self._lattice:
            return _lattice_grid(count, *self._lattice)
        units = {self.at(unit): unit for unit in reversed(self.inner.grid(count).tolist())}
        return np.array(sorted(units.values()))

    @property
    def size(self) -> int | None:
        """The number of multiples within the range, if it has ends."""
        first, last = self.multiples
        return int(last - first) + 1 if math.isfinite(last - first) else None

    @property
    def multiples(self) -> tuple[float, float]:
        """The first and the last whole number of steps within the range."""
        low, high = getattr(self.inner, "low", -math.inf), getattr(self.inner, "high", math.inf)
        # A range of 0.1 to 0.3 in steps of 0.1 holds both its ends, whatever the rounding of their quotients.
        first = math.ceil(low / self.step - 1e-9) if math.isfinite(low) else low
        first = max(first, 1) if self.even and self.scale == "log" else first  # zero has no logarithm
        return first, math.floor(high / self.step + 1e-9) if math.isfinite(high) else high

    @property
    def _lattice(self) -> tuple[int, int, bool] | None:
        """The multiples that have shares of their own, and whether those are of a logarithmic axis."""
        first, last = self.multiples
        finite = self.even and math.isfinite(last - first)
        return (int(first), int(last), self.scale == "log") if finite else None

    def edge(self, unit: float) -> str | None:
        """The first and the last of the multiples, and on a fine lattice those near them on the range's scale."""
        first, last = self.multiples
        if not math.isfinite(first) or not math.isfinite(last):
            return None
        count = round(self.at(unit) / self.step)
        if self.scale == "log" and first > 0:
            return _end(math.log(count / first), math.log(last / first))
        return _end(count - first, last - first)

    def __repr__(self) -> str:
        return f"quantized({self.inner!r}, {self.step:g})"


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True, eq=False)
class Parts(Distribution):
    """See `choice`: parts of a space, which may hold distributions of their own.

    It stands where an optimizer, a schedule, a function or a task would stand until a trial chooses one, so it has
    their methods; calling any is an error.
    """

    options: tuple[Any, ...]
    labels: tuple[str, ...]

    def at(self, unit: float) -> Any:
        """Each option has an equal share of the unit interval."""
        return self.options[self.index(unit)]

    def index(self, unit: float) -> int:
        """The position of the option at `unit`."""
        return _pick(unit, len(self.options))

    def shown(self, unit: float) -> Any:
        """A plain option itself, a number, a text, a flag or None, unless a mapping has named it; else its label."""
        return self.values[self.index(unit)]

    @property
    def values(self) -> tuple[Any, ...]:
        """What results name each option by."""
        whole = all(x.is_integer() for x in self.options if isinstance(x, float))
        pairs = enumerate(zip(self.options, self.labels, strict=True))
        shown = ((x, label, _is_plain(x) and label in (plain_label(x), f"option {i}")) for i, (x, label) in pairs)
        return tuple((int(x) if isinstance(x, float) and whole else x) if own else label for x, label, own in shown)

    def grid(self, count: int) -> np.ndarray:
        """All options, whatever `count`."""
        return (np.arange(len(self.options)) + 0.5) / len(self.options)

    @property
    def listed(self) -> int | None:
        """The number of options."""
        return len(self.options)

    def edge(self, unit: float) -> str | None:
        """They have no order."""
        return None

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """An error: there is nothing to run before a trial has chosen."""
        raise InputError(
            f"choice({', '.join(self.labels)}): nothing is chosen yet; pass the space to jgd.sweep.run, or one of the "
            "options instead of the choice."
        )

    update = __call__ = init

    def __repr__(self) -> str:
        return f"choice({dict(zip(self.labels, self.options, strict=True))!r})"

    def tree_flatten_with_keys(self) -> tuple[Any, tuple[str, ...]]:
        """The options as children."""
        keys = map(jax.tree_util.DictKey, self.labels)
        return tuple(zip(keys, self.options, strict=True)), self.labels

    @classmethod
    def tree_unflatten(cls, labels: tuple[str, ...], options: Sequence[Any]) -> "Parts":
        """What `tree_flatten_with_keys` took apart."""
        return cls(tuple(options), labels)


def _end(distance: float, span: float) -> str | None:
    """Which end a value is at, or within a share `EDGE` of the span from it; `distance` is that from the low end."""
    if span <= 0:
        return None
    return "low" if distance <= EDGE * span else "high" if distance >= (1 - EDGE) * span else None


def _lattice_at(unit: float, first: int, last: int, log: bool) -> int:
    """The whole number from `first` to `last` whose share of the unit interval holds `unit`.

    All shares are equal, or those of the factors from half a number below to half a number above.
    """
    if not log:
        return min(first + int(unit * (last - first + 1)), last)
    low = first - 0.5
    return min(max(round(low * ((last + 0.5) / low) ** unit), first), last)


def _lattice_grid(count: int, first: int, last: int, log: bool) -> np.ndarray:
    """Units of at most `count` of the whole numbers, spread evenly on their scale, both ends included."""
    size, low = last - first + 1, first - 0.5
    if count >= size:
        wanted = np.arange(first, last + 1)
    elif count > 1:
        wanted = np.unique(np.round(np.geomspace(first, last, count) if log else np.linspace(first, last, count)))
    else:
        wanted = np.array([round(math.sqrt(first * last)) if log else first + (size - 1) // 2])
    # In the middle of each share, so that no rounding takes a neighbour.
    return np.log(wanted / low) / math.log((last + 0.5) / low) if log else (wanted - first + 0.5) / size


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def plain_label(value: Any) -> str:
    """The label that a number, a text, a flag or None has unless it is given another."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pick(unit: float, count: int) -> int:
    return min(int(unit * count), count - 1)
