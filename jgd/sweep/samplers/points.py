"""Samplers: points of the unit cube, one for each trial, on a grid, at random or in a low-discrepancy sequence."""

import bisect
import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from jgd.core.errors import InputError
from jgd.sweep.spaces.combinations import Combination, combinations
from jgd.sweep.spaces.space import Axis


@runtime_checkable
class Sampler(Protocol):
    """Proposes points and hears what became of them, round after round.

    One that has `tell_pruned` too, see `HearsOfPruned`, hears there of trials that rules have ended. To others those
    have failed: they have no final value, and what they had reached is no substitute for one in a model of values.
    """

    def ask(self, count: int) -> np.ndarray:
        """Return the next points, f64[count, axes] in the unit cube; fewer when there are no more."""
        ...

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Hear the losses of points, by their numbers from zero over all asks: lower is better, infinity has failed."""
        ...


@runtime_checkable
class HearsOfPruned(Protocol):
    """A sampler that can use what was known of a trial when a rule ended it."""

    def tell_pruned(self, ids: Sequence[int], values: Sequence[float], steps: Sequence[int]) -> None:
        """Hear finite values that points had after so many steps, at which they were ended; later ones may be lower."""
        ...


@runtime_checkable
class TakesPoints(Protocol):
    """A sampler that proposes given points itself, and so learns of what became of them."""

    def enqueue(self, points: Sequence[Sequence[float]]) -> None:
        """Propose these, f64[n, axes], in the next calls of `ask`, before any others."""
        ...


class Random:
    """Independent points. Asking for more only adds points."""

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        self._size, self._rng = len(axes), np.random.default_rng(seed)

    def ask(self, count: int) -> np.ndarray:
        """Return the next points."""
        return self._rng.random((count, self._size))

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Do nothing: the points do not depend on the values."""


class LowDiscrepancy:
    """Points that fill the cube more evenly than random ones; scrambled, so that another seed gives others."""

    name: str  # in scipy.stats.qmc

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        from scipy.stats import qmc  # longer to import than all of jgd.sweep

        sequence = getattr(qmc, self.name)
        self._points = sequence(max(len(axes), 1), scramble=True, seed=np.random.default_rng(seed))
        self._size = len(axes)

    def ask(self, count: int) -> np.ndarray:
        """Return the next points."""
        with warnings.catch_warnings():
            # Sobol points are balanced at powers of two; at other counts they are still more even than random ones.
            warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
            return self._points.random(count)[:, : self._size]

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Do nothing: the points do not depend on the values."""


class Sobol(LowDiscrepancy):
    """Sobol's sequence (Sobol 1967; scrambling by Matousek 1998)."""

    name = "Sobol"


class Halton(LowDiscrepancy):
    """Halton's sequence (Halton 1960; scrambling by Owen 2017)."""

    name = "Halton"


class Grid:
    """Every combination: all options of listed axes, and as many even steps of each other axis as `count` allows.

    Axes of options that a point does not choose are not multiplied: they stay at their middles.
    """

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        self._axes, self._spent = list(axes), False

    def ask(self, count: int) -> np.ndarray:
        """Return at most `count` points, ends included, the last axis fastest; none the second time."""
        if self._spent:
            return np.empty((0, len(self._axes)))
        self._spent = True
        kinds = combinations(self._axes)
        if (listed := self._total(kinds, 1)) > count:
            raise InputError(
                f"run(num_trials={count}, sampler='grid'): the listed values alone make {listed} combinations; "
                "raise num_trials, or use the sampler 'random'."
            )
        if (needed := self._total(kinds, 2)) > count:
            raise InputError(
                f"run(num_trials={count}, sampler='grid'): two values of each range make {needed} combinations; raise "
                "num_trials to that, or use the sampler 'sobol' or 'random'."
            )
        steps = 1 + bisect.bisect_right(range(2, count + 1), count, key=lambda steps: self._total(kinds, steps))
        points = [
            point for middle, active in kinds for point in itertools.product(*self._levels(middle, active, steps))
        ]
        return np.array(sorted(points)).reshape(len(points), len(self._axes))

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Do nothing: the points do not depend on the values."""

    def _levels(self, point: Sequence[float], active: Sequence[bool], steps: int) -> list[list[float]]:
        """Return the units of each axis at a combination of parts."""
        rows = zip(self._axes, point, active, strict=True)
        return [axis.distribution.grid(steps).tolist() if on and not axis.of_parts else [x] for axis, x, on in rows]

    def _total(self, kinds: Sequence[Combination], steps: int) -> int:
        """Tell how many points there are with so many steps of each range."""
        lengths = [len(axis.distribution.grid(steps)) for axis in self._axes]
        free = [1 if axis.of_parts else length for axis, length in zip(self._axes, lengths, strict=True)]
        return sum(math.prod(x for x, on in zip(free, active, strict=True) if on) for _, active in kinds)
