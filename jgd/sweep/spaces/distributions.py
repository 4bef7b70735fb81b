"""Distributions: each turns a number from the unit interval into a value."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.core.given import Placeholder

EDGE = 0.05  # a best value in this share of a range, at either end, is at its boundary


class Distribution(Placeholder):
    """A leaf of a space: it turns a number from the unit interval into a value (its inverse cumulative distribution).

    So one point of the unit cube is one trial, whatever draws the points. A distribution of numbers is no pytree, one
    of parts is one of its options. One distribution object in two places of a space is one axis: both places get the
    same value.
    """

    scale = "linear"  # of its picture's axis

    def at(self, unit: float) -> Any:
        """Return the value at `unit`, in [0, 1]."""
        raise NotImplementedError

    def shown(self, unit: float) -> Any:
        """Return the value as results name it: a number, or the label of a part."""
        return self.at(unit)

    def grid(self, count: int) -> np.ndarray:
        """Return the units of `count` values spread evenly, both ends included."""
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
        """Tell which end of its range `unit` is at: "low", "high" or neither."""
        return "low" if unit <= EDGE else "high" if unit >= 1 - EDGE else None


@dataclasses.dataclass(frozen=True)
class Uniform(Distribution):
    """See `uniform`."""

    low: float
    high: float

    def at(self, unit: float) -> float:
        """Return the value linear in `unit`."""
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
        """Return the value exponential in `unit`."""
        return min(max(self.low * (self.high / self.low) ** unit, self.low), self.high)

    def __repr__(self) -> str:
        return f"loguniform({self.low:g}, {self.high:g})"


@dataclasses.dataclass(frozen=True)
class Normal(Distribution):
    """See `normal`."""

    mean: float
    std: float

    def at(self, unit: float) -> float:
        """Return the quantile; the outermost 1e-9 at either side are cut off."""
        return statistics.NormalDist(self.mean, self.std).inv_cdf(min(max(unit, 1e-9), 1 - 1e-9))

    def grid(self, count: int) -> np.ndarray:
        """Return the middles of `count` equally likely pieces."""
        return (np.arange(count) + 0.5) / count

    def edge(self, unit: float) -> str | None:
        """Return `None`: it has no ends."""
        return None

    def __repr__(self) -> str:
        return f"normal({self.mean:g}, {self.std:g})"


@dataclasses.dataclass(frozen=True)
class Listed(Distribution):
    """See `choice` and `grid`: numbers."""

    options: tuple[float, ...]
    ordered: bool = False

    def at(self, unit: float) -> float:
        """Give each option an equal share of the unit interval."""
        return self.options[_pick(unit, len(self.options))]

    def grid(self, count: int) -> np.ndarray:
        """Return all options, whatever `count`."""
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
        """Name the smallest and the largest of ordered options with others between them; of many, those near them."""
        if not self.ordered or len(self.options) < 3:
            return None
        values = sorted(set(self.options))
        return end_of(values.index(self.at(unit)), len(values) - 1)

    def __repr__(self) -> str:
        return f"{'grid' if self.ordered else 'choice'}({list(self.options)!r})"


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
        """Give each option an equal share of the unit interval."""
        return self.options[self.index(unit)]

    def index(self, unit: float) -> int:
        """Return the position of the option at `unit`."""
        return _pick(unit, len(self.options))

    def shown(self, unit: float) -> Any:
        """Return a plain option itself, a number, a text, a flag or None, unless a mapping has named it.

        Else its label.
        """
        return self.values[self.index(unit)]

    @property
    def values(self) -> tuple[Any, ...]:
        """Return the value or the label by which results name each option."""
        whole = all(x.is_integer() for x in self.options if isinstance(x, float))
        pairs = enumerate(zip(self.options, self.labels, strict=True))
        shown = ((x, label, _is_plain(x) and label in (plain_label(x), f"option {i}")) for i, (x, label) in pairs)
        return tuple((int(x) if isinstance(x, float) and whole else x) if own else label for x, label, own in shown)

    def grid(self, count: int) -> np.ndarray:
        """Return all options, whatever `count`."""
        return (np.arange(len(self.options)) + 0.5) / len(self.options)

    @property
    def listed(self) -> int | None:
        """The number of options."""
        return len(self.options)

    def edge(self, unit: float) -> str | None:
        """Return `None`: options have no order."""
        return None

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: there is nothing to run before a trial has chosen."""
        raise InputError(
            f"choice({', '.join(self.labels)}): nothing is chosen yet; pass the space to jgd.sweep.run, or one of the "
            "options instead of the choice."
        )

    update = __call__ = init

    def __repr__(self) -> str:
        return f"choice({dict(zip(self.labels, self.options, strict=True))!r})"

    def tree_flatten_with_keys(self) -> tuple[Any, tuple[str, ...]]:
        """Return the options as children."""
        keys = map(jax.tree_util.DictKey, self.labels)
        return tuple(zip(keys, self.options, strict=True)), self.labels

    @classmethod
    def tree_unflatten(cls, labels: tuple[str, ...], options: Sequence[Any]) -> "Parts":
        """Rebuild what `tree_flatten_with_keys` took apart."""
        return cls(tuple(options), labels)


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True, eq=False)
class Structural(Parts):
    """See `structural`: whole numbers that decide shapes, each a program of its own."""

    structural = True

    def shown(self, unit: float) -> Any:
        """Return the number."""
        return int(self.at(unit))

    def edge(self, unit: float) -> str | None:
        """Name the smallest and the largest, where there are others between them."""
        if len(self.options) < 3:
            return None
        return {min(self.options): "low", max(self.options): "high"}.get(self.at(unit))

    def __repr__(self) -> str:
        return f"structural({list(self.options)!r})"


class Whole(int):
    """A whole number that is structure: a pytree without leaves, so that it is never traced."""


jax.tree_util.register_pytree_node(Whole, lambda number: ((), int(number)), lambda number, _: Whole(number))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def plain_label(value: Any) -> str:
    """Return the label that a number, a text, a flag or None has unless it is given another."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def end_of(distance: float, span: float) -> str | None:
    """Tell which end a value is at, or within a share `EDGE` of the span from it.

    `distance` is that from the low end.
    """
    if span <= 0:
        return None
    return "low" if distance <= EDGE * span else "high" if distance >= (1 - EDGE) * span else None


def _pick(unit: float, count: int) -> int:
    return min(int(unit * count), count - 1)
