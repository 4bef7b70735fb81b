"""The tree-structured Parzen estimator: points that resemble the good ones more than the others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from jgd.sweep.samplers.points import Sobol
from jgd.sweep.spaces.combinations import num_settings, setting_at
from jgd.sweep.spaces.space import Axis, is_active

STARTUP = 10  # points before the first model
CANDIDATES = 24  # for each point, of which the most promising is proposed
GOOD = 0.1  # the share of points that are good ones
MOST_GOOD = 25
FEW = 3  # complete points, with fewer of which pruned ones may be good
UNIFORM_TRIES = 50  # to find a setting that has not been proposed
NARROWEST = 0.02  # width of a kernel
STRAY = 0.2  # the probability that a kernel gives to other options than its own


class Tpe:
    """Proposes the candidates with the largest l(x) / g(x): the densities of good points and of all others.

    Both are mixtures of one kernel for each point, a product over all axes: a truncated normal on the unit interval of
    a number, and a peak at the option of a choice; plus a uniform one. A point whose choices make an axis meaningless
    says nothing about that axis. Points that are proposed and not yet told count as bad, so that a batch spreads.
    Pruned points count as bad, but for those that got furthest while fewer than three are complete. (Optuna's fills the
    share of good ones up with them. Measured under halving and ASHA with eta 3, that found worse values on two of three
    problems: what is ahead in the middle is a poor guide to what is best at the end.)
    Kernels are as wide as their points are spread. The first points are Sobol's. (Bergstra et al. 2011; kernels over
    all axes together as in Falkner et al. 2018, arXiv:1807.01774, Sec. 4.1.)
    """

    rounds = 8

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        self._axes = list(axes)
        self._options = np.array([_options(axis) for axis in axes])
        self._rng, self._first = np.random.default_rng(seed), Sobol(axes, seed)
        self._finite, self._seen = num_settings(axes) is not None, set()
        self._points, self._queue = np.empty((0, len(axes))), np.empty((0, len(axes)))
        self._matters = np.empty((0, len(axes)), bool)
        self._values = np.empty(0)  # NaN until told
        self._steps = np.empty(0)  # after which they were pruned; infinity of all others

    def enqueue(self, points: Sequence[Sequence[float]]) -> None:
        """Propose these before any others."""
        self._queue = np.concatenate([self._queue, np.asarray(points, float).reshape(-1, len(self._axes))])

    def ask(self, count: int) -> np.ndarray:
        """The next points."""
        queued, self._queue = self._queue[:count], self._queue[count:]
        self._add(queued)
        if len(queued) == count:
            return self._points[-count:]
        before = len(self._points) - len(queued)
        self._ask(count - len(queued))
        return self._points[before:]

    def _ask(self, count: int) -> None:
        told = int(np.sum(~np.isnan(self._values)))
        if told < STARTUP:
            self._add(self._first.ask(count))
        else:
            for _ in range(count):
                self._add(self._propose()[None])

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Hear the losses of points, by their numbers from zero over all asks."""
        self._values[np.asarray(ids, int)] = values

    def tell_pruned(self, ids: Sequence[int], values: Sequence[float], steps: Sequence[int]) -> None:
        """Hear the losses that pruned points had reached, and after how many steps."""
        self.tell(ids, values)
        self._steps[np.asarray(ids, int)] = steps

    def good(self) -> np.ndarray:
        """The good points, best first, by their numbers over all asks, i[n]."""
        told = np.flatnonzero(~np.isnan(self._values))
        values, steps = self._values[told], self._steps[told]
        well = np.isfinite(values)
        complete = int(np.sum(well & np.isinf(steps)))
        order = told[np.lexsort((values, -steps, ~well))]
        # A failed point is never good, however few the others are.
        return order[: min(int(np.ceil(GOOD * len(told))), MOST_GOOD, max(complete, min(FEW, int(well.sum()))))]

    def _add(self, points: np.ndarray) -> None:
        if self._finite:
            self._seen |= {setting_at(self._axes, point) for point in points.tolist()}
        self._points = np.concatenate([self._points, points])
        matters = np.array([is_active(self._axes, point) for point in points], bool).reshape(points.shape)
        self._matters = np.concatenate([self._matters, matters])
        self._values = np.concatenate([self._values, np.full(len(points), np.nan)])
        self._steps = np.concatenate([self._steps, np.full(len(points), np.inf)])

    def _propose(self) -> np.ndarray:
        """The best of candidates drawn from the density of good points."""
        good = self.good()
        bad = np.delete(np.arange(len(self._points)), good)
        above, below = self._mixture(bad), self._mixture(good)
        candidates = self._unseen(below.draw(CANDIDATES, self._rng))
        return candidates[np.argmax(below.log_density(candidates) - above.log_density(candidates))]

    def _unseen(self, candidates: np.ndarray) -> np.ndarray:
        """Those whose settings have not been proposed, else uniform points of that kind, else all."""
        tries = 0
        while self._finite and tries < UNIFORM_TRIES:
            others = self._rng.random(candidates.shape) if tries else candidates
            new = [setting_at(self._axes, point) not in self._seen for point in others.tolist()]
            if any(new):
                return others[new]
            tries += 1
        return candidates

    def _mixture(self, rows: np.ndarray) -> "_Mixture":
        points, matters = self._points[rows], self._matters[rows]
        if not len(rows):
            return _Mixture(points, matters, self._options, np.ones(len(self._options)))
        count = np.maximum(matters.sum(axis=0), 1)
        mean = np.where(matters, points, 0).sum(axis=0) / count
        # The spread of the points and of one more with that of the whole interval, shrunk by Scott's rule.
        spread = (np.where(matters, points - mean, 0) ** 2).sum(axis=0) + 1 / 12
        width = np.sqrt(spread / (count + 1)) * count ** (-1 / (points.shape[1] + 4))
        return _Mixture(points, matters, self._options, np.clip(width, NARROWEST, 1))


class _Mixture(NamedTuple):
    """Kernels around points, and a uniform one of the same weight."""

    points: np.ndarray  # f64[n, axes]
    matters: np.ndarray  # bool[n, axes]
    options: np.ndarray  # i64[axes], zero for numbers
    width: np.ndarray  # f64[axes]

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Points, f64[count, axes]."""
        chosen = rng.integers(0, len(self.points) + 1, count)  # the last is the uniform one
        uniform, stay = rng.random((count, self.points.shape[1])), rng.random((count, self.points.shape[1])) >= STRAY
        if not len(self.points):
            return uniform
        rows = np.minimum(chosen, len(self.points) - 1)
        x = self.points[rows]
        low, high = ndtr(-x / self.width), ndtr((1 - x) / self.width)
        near = np.clip(x + self.width * ndtri(low + uniform * (high - low)), 0, 1)
        near = np.where(self.options > 0, np.where(stay, x, uniform), near)
        return np.where(self.matters[rows] & (chosen < len(self.points))[:, None], near, uniform)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Up to a constant that is the same for all mixtures of these axes, f64[count]."""
        if not len(self.points):
            return np.zeros(len(x))
        number = (self.matters & (self.options == 0)).astype(float)
        a, b = x / self.width, self.points / self.width
        mass = ndtr((1 - self.points) / self.width) - ndtr(-self.points / self.width)
        peak = np.sum(number * np.log(self.width * mass * np.sqrt(2 * np.pi)), axis=1)
        # The squared distances as products of matrices, which are far quicker than f64[count, n, axes].
        each = -0.5 * (a**2 @ number.T - 2 * a @ (number * b).T + np.sum(number * b**2, axis=1)) - peak
        for i in np.flatnonzero(self.options):
            size, mine = self.options[i], self.points[:, i]
            same = _index(x[:, i, None], size) == _index(mine, size)
            option = np.log(np.where(same, 1 - STRAY + STRAY / size, STRAY / size) * size)
            each += np.where(self.matters[:, i], option, 0.0)
        most = np.maximum(each.max(axis=1), 0.0)  # the uniform kernel's logarithm is 0
        total = np.exp(each - most[:, None]).sum(axis=1) + np.exp(-most)
        return most + np.log(total / (each.shape[1] + 1))


def _options(axis: Axis) -> int:
    """How many options an axis without an order has; zero for one with an order."""
    ordered = getattr(axis.distribution, "ordered", False)
    return 0 if axis.distribution.listed is None or ordered else axis.distribution.listed


def _index(units: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.minimum((units * sizes).astype(int), sizes - 1)
