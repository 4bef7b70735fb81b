"""Distributions whose values lie on a lattice: whole numbers, and multiples of a step."""

import dataclasses
import math

import numpy as np

from jgd.sweep.spaces.distributions import Distribution, end_of


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
        """Give each whole number an equal share of the unit interval, or under `log` one as wide as its factor."""
        return _lattice_at(unit, self.low, self.high, self.log)

    def grid(self, count: int) -> np.ndarray:
        """Return as many whole numbers as there are, at most `count`."""
        return _lattice_grid(count, self.low, self.high, self.log)

    @property
    def size(self) -> int:
        """The number of whole numbers."""
        return self.high - self.low + 1

    def edge(self, unit: float) -> str | None:
        """Name the first and the last of the whole numbers, and on a fine lattice those near them."""
        value = self.at(unit)
        if self.log:
            return end_of(math.log(value / self.low), math.log(self.high / self.low))
        return end_of(value - self.low, self.high - self.low)

    def __repr__(self) -> str:
        return f"integer({self.low}, {self.high}{', log=True' if self.log else ''})"


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
        """Return the multiple whose share `unit` is in; of a normal distribution the one nearest to its value."""
        if self._lattice:
            return self.multiple(_lattice_at(unit, *self._lattice))
        return self.multiple(round(self.inner.at(unit) / self.step))

    def multiple(self, count: float) -> float:
        """Return so many times the step, or the nearest multiple within the range."""
        first, last = self.multiples
        value = min(max(count, first), last) * self.step
        # The product's last digits are noise: 3 * 0.1 is 0.30000000000000004.
        return value if isinstance(value, int) else float(f"{value:.12g}")

    def grid(self, count: int) -> np.ndarray:
        """Return different values only, at most `count`."""
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
        """Name the first and the last of the multiples, and on a fine lattice those near them on the range's scale."""
        first, last = self.multiples
        if not math.isfinite(first) or not math.isfinite(last):
            return None
        count = round(self.at(unit) / self.step)
        if self.scale == "log" and first > 0:
            return end_of(math.log(count / first), math.log(last / first))
        return end_of(count - first, last - first)

    def __repr__(self) -> str:
        return f"quantized({self.inner!r}, {self.step:g})"


def _lattice_at(unit: float, first: int, last: int, log: bool) -> int:
    """Return the whole number from `first` to `last` whose share of the unit interval holds `unit`.

    All shares are equal, or those of the factors from half a number below to half a number above.
    """
    if not log:
        return min(first + int(unit * (last - first + 1)), last)
    low = first - 0.5
    return min(max(round(low * ((last + 0.5) / low) ** unit), first), last)


def _lattice_grid(count: int, first: int, last: int, log: bool) -> np.ndarray:
    """Return units of at most `count` of the whole numbers, spread evenly on their scale, both ends included."""
    size, low = last - first + 1, first - 0.5
    if count >= size:
        wanted = np.arange(first, last + 1)
    elif count > 1:
        wanted = np.unique(np.round(np.geomspace(first, last, count) if log else np.linspace(first, last, count)))
    else:
        wanted = np.array([round(math.sqrt(first * last)) if log else first + (size - 1) // 2])
    # In the middle of each share, so that no rounding takes a neighbour.
    return np.log(wanted / low) / math.log((last + 0.5) / low) if log else (wanted - first + 0.5) / size
