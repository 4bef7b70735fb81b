"""Samplers: points of the unit cube, one for each trial, on a grid, at random or in a low-discrepancy sequence."""

import itertools
import warnings
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.stats import qmc

from jgd.core.errors import InputError
from jgd.sweep.spaces.space import Axis


class Sampler(Protocol):
    """Proposes points and hears what became of them, round after round.

    One that has `tell_pruned` too, see `HearsOfPruned`, hears there of trials that rules have ended. To others those
    have failed: they have no final value, and what they had reached is no substitute for one in a model of values.
    """

    def ask(self, count: int) -> np.ndarray:
        """The next points, f64[count, axes] in the unit cube; fewer when there are no more."""
        ...

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """What became of points, by their numbers from zero over all asks: lower is better, infinity has failed."""
        ...


@runtime_checkable
class HearsOfPruned(Protocol):
    """A sampler that can use what was known of a trial when a rule ended it."""

    def tell_pruned(self, ids: Sequence[int], values: Sequence[float], steps: Sequence[int]) -> None:
        """Finite values that points had after so many steps, at which they were ended; later ones may be lower."""
        ...


@runtime_checkable
class TakesPoints(Protocol):
    """A sampler that proposes given points itself, and so learns of what became of them."""

    def enqueue(self, points: Sequence[Sequence[float]]) -> None:
        """Return these, f64[n, axes], from the next calls of `ask`, before any others."""
        ...


class Random:
    """Independent points. Asking for more only adds points."""

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        self._size, self._rng = len(axes), np.random.default_rng(seed)

    def ask(self, count: int) -> np.ndarray:
        """The next points."""
        return self._rng.random((count, self._size))

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Nothing: the points do not depend on the values."""


class LowDiscrepancy:
    """Points that fill the cube more evenly than random ones; scrambled, so that another seed gives others."""

    sequence: Any

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        self._points = self.sequence(max(len(axes), 1), scramble=True, seed=np.random.default_rng(seed))
        self._size = len(axes)

    def ask(self, count: int) -> np.ndarray:
        """The next points."""
        with warnings.catch_warnings():
            # Sobol points are balanced at powers of two; at other counts they are still more even than random ones.
            warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
            return self._points.random(count)[:, : self._size]

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Nothing: the points do not depend on the values."""


class Sobol(LowDiscrepancy):
    """Sobol's sequence (Sobol 1967; scrambling by Matousek 1998)."""

    sequence = qmc.Sobol


class Halton(LowDiscrepancy):
    """Halton's sequence (Halton 1960; scrambling by Owen 2017)."""

    sequence = qmc.Halton


class Grid:
    """Every combination: all options of listed axes, and as many even steps of each other axis as `count` allows."""

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        self._distributions = [axis.distribution for axis in axes]
        self._spent = False

    def ask(self, count: int) -> np.ndarray:
        """At most `count` points, ends included, the last axis fastest; none the second time."""
        if self._spent:
            return np.empty((0, len(self._distributions)))
        self._spent = True
        listed = [d.listed for d in self._distributions if d.listed]
        combinations = int(np.prod(listed)) if listed else 1
        if combinations > count:
            raise InputError(
                f"run(num_trials={count}, sampler='grid'): the listed values alone make {combinations} combinations; "
                "raise num_trials, or use the sampler 'random'."
            )
        free = len(self._distributions) - len(listed)
        # The rounding keeps 64 ** (1 / 3) from being 3.9999.
        steps = int((count / combinations) ** (1 / free) + 1e-9) if free else 1
        points = list(itertools.product(*(d.grid(steps) for d in self._distributions)))
        return np.array(points).reshape(len(points), len(self._distributions))

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Nothing: the points do not depend on the values."""
