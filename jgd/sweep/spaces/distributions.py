"""Distributions: each turns a number from the unit interval into a value."""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError

EDGE = 0.05  # a best value in this share of a range, at either end, is at its boundary


class Distribution:
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


@dataclasses.dataclass(frozen=True)
class Quantized(Distribution):
    """See `quantized`."""

    inner: Distribution
    step: float

    @property
    def scale(self) -> str:
        """That of what it rounds."""
        return self.inner.scale

    def at(self, unit: float) -> float:
        """The multiple of the step that is nearest to the inner value, among those within the range."""
        return self.multiple(round(self.inner.at(unit) / self.step))

    def multiple(self, count: float) -> float:
        """So many times the step, or the nearest multiple within the range."""
        first, last = self.multiples
        value = min(max(count, first), last) * self.step
        # The product's last digits are noise: 3 * 0.1 is 0.30000000000000004.
        return value if isinstance(value, int) else float(f"{value:.12g}")

    def grid(self, count: int) -> np.ndarray:
        """Different values only, at most `count`."""
        units = {self.at(unit): unit for unit in reversed(self.inner.grid(count).tolist())}
        return np.array(sorted(units.values()))

    @property
    def multiples(self) -> tuple[float, float]:
        """The first and the last whole number of steps within the range."""
        low, high = getattr(self.inner, "low", -math.inf), getattr(self.inner, "high", math.inf)
        # A range of 0.1 to 0.3 in steps of 0.1 holds both its ends, whatever the rounding of their quotients.
        first = math.ceil(low / self.step - 1e-9) if math.isfinite(low) else low
        return first, math.floor(high / self.step + 1e-9) if math.isfinite(high) else high

    def edge(self, unit: float) -> str | None:
        """The first and the last of the multiples."""
        first, last = self.multiples
        if first == last:
            return None
        return {first: "low", last: "high"}.get(round(self.at(unit) / self.step))

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


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def plain_label(value: Any) -> str:
    """The label that a number, a text, a flag or None has unless it is given another."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pick(unit: float, count: int) -> int:
    return min(int(unit * count), count - 1)
