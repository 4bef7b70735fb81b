"""Hyperparameters as horizontal axes: which were swept, and where trials lie on them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import unknown
from jgd.pages.figure import literal
from jgd.pages.ticks import even_marks, log_ticks, plain
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.spaces.space import Axis, short

FEWEST, MOST = 4, 12  # bins of a hyperparameter
ROOM = 0.04  # of an axis, beyond its ends


class Swept(NamedTuple):
    """A hyperparameter of a space, with the trials that have a value of it, by their numbers."""

    space: str
    axis: Axis
    numbers: list[int]
    units: np.ndarray  # f[trials], in the unit interval
    values: list[Any]

    @property
    def labels(self) -> list[str] | None:
        """The options, where they have no order and so no place on a scale of numbers."""
        options = self.axis.distribution
        if options.listed is None or getattr(options, "ordered", False):
            return None
        return [short(options.shown((i + 0.5) / options.listed)) for i in range(options.listed)]

    @property
    def places(self) -> np.ndarray:
        """Where the trials lie on the axis; of options, spread a little, so that they do not hide each other."""
        if self.labels is None:
            return np.array(self.values, float)
        index = np.minimum((self.units * len(self.labels)).astype(int), len(self.labels) - 1)
        return index + 0.5 * ((np.array(self.numbers) * 0.618034) % 1 - 0.5)

    @property
    def even(self) -> bool:
        """Whether the trials lie evenly along the axis, as those of a grid do, so that a line through them means much.

        Trials at random differ in their distances by far more than a tenth.
        """
        gaps = np.diff(np.sort(self.units))
        return self.labels is None and gaps.size > 0 and gaps.min() > 0 and bool(gaps.max() <= 1.1 * gaps.min())

    @property
    def bins(self) -> np.ndarray:
        """Which part of the range each trial lies in, i[trials]: a value if they are few, else an even part."""
        distinct = list(dict.fromkeys(self.values))
        if len(distinct) <= MOST:
            order = distinct if self.labels else sorted(distinct)
            return np.array([order.index(value) for value in self.values])
        count = int(np.clip(np.sqrt(len(self.numbers)), FEWEST, MOST))
        return np.minimum((self.units * count).astype(int), count - 1)

    def best_of_bins(self, result: Outcomes) -> list[int]:
        """Return the numbers of the best trial of each bin that has one with a value, from the low to the high end."""
        losses = as_loss(result.medians[self.numbers], result.settings.mode)
        order, bins = np.argsort(losses, kind="stable"), self.bins
        first = {int(bins[i]): self.numbers[i] for i in order[::-1] if np.isfinite(losses[i])}
        return [first[i] for i in sorted(first)]

    def frame(self, panel: Any) -> None:
        """Set the scale, the limits and the ticks of a panel's horizontal axis."""
        if self.labels is not None:
            panel.set_xlim(-0.6, len(self.labels) - 0.4)
            panel.set_xticks(range(len(self.labels)), map(literal, self.labels))
            return
        ends = [*self.places, *_at(self.axis.distribution, np.array([0.01, 0.99]))]
        low, high = min(ends), max(ends)
        if self.axis.distribution.scale == "log":
            panel.set_xscale("log")
            room = (high / low) ** ROOM if high > low else 2
            panel.set_xlim(low / room, high * room)
            log_ticks(panel.xaxis)
        else:
            room = ROOM * (high - low) or 1.0
            panel.set_xlim(low - room, high + room)
            marks = even_marks(low - room, high + room, whole=all(float(x).is_integer() for x in self.places))
            panel.set_xticks(marks, map(plain, marks))


def swept(result: Outcomes, names: Iterable[str], space: str | None) -> list[Swept]:
    """List every hyperparameter of the spaces, or those of these names and this space, the best space first."""
    names = list(names)
    if space is not None and space not in result.spaces:
        raise unknown("Result.plot(space=)", space, result.spaces)
    members: dict[tuple[str, str], tuple[Axis, list[tuple[int, float, Any]]]] = {}
    for trial in result.trials:
        params = trial.params if space in (None, trial.space) else {}
        for axis, unit in zip(trial.axes, trial.units, strict=True):
            if axis.name in params:
                _, rows = members.setdefault((trial.space, axis.name), (axis, []))
                rows.append((trial.number, unit, params[axis.name]))
    known = dict.fromkeys(name for _, name in members)
    for name in names:
        if name not in known:
            raise unknown("Result.plot", name, known)
    ranks = {row.space: i for i, row in enumerate(result.standings())}
    found = []
    for (one, name), (axis, rows) in members.items():
        if not names or name in names:
            numbers, units, values = zip(*rows, strict=True)
            found.append(Swept(one, axis, list(numbers), np.array(units), list(values)))
    return sorted(found, key=lambda row: (ranks[row.space], _position(result, row)))


def _position(result: Outcomes, row: Swept) -> int:
    return [axis.name for axis in result.trials[row.numbers[0]].axes].index(row.axis.name)


def _at(distribution: Any, units: np.ndarray) -> np.ndarray:
    """Return the values at these units; of a range without bounds, its outermost thousandths stand for the ends."""
    return np.array([distribution.at(unit) for unit in np.clip(units, 1e-3, 1 - 1e-3)], float)
