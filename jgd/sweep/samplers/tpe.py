"""The tree-structured Parzen estimator: points that resemble the good ones more than the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

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
        self._rng, self._first = np.random.default_rng(seed), Sobol(axes, seed)
        self._finite, self._seen = num_settings(axes) is not None, set()
        self._kernels, self._queue = _Kernels([_options(axis) for axis in axes]), np.empty((0, len(axes)))
        self._values = _Rows()  # NaN until told
        self._steps = _Rows()  # after which they were pruned; infinity of all others

    def enqueue(self, points: Sequence[Sequence[float]]) -> None:
        """Propose these before any others."""
        self._queue = np.concatenate([self._queue, np.asarray(points, float).reshape(-1, len(self._axes))])

    def ask(self, count: int) -> np.ndarray:
        """Return the next points."""
        before = len(self._values.array)
        queued, self._queue = self._queue[:count], self._queue[count:]
        self._add(queued)
        if len(queued) < count:
            self._ask(count - len(queued))
        return self._kernels.points.array[before:].copy()

    def _ask(self, count: int) -> None:
        told = int(np.sum(~np.isnan(self._values.array)))
        if told < STARTUP:
            self._add(self._first.ask(count))
        else:
            good = self.good()
            width = self._kernels.width(good)
            for _ in range(count):
                self._add(self._propose(good, width)[None])

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Hear the losses of points, by their numbers from zero over all asks."""
        self._values.array[np.asarray(ids, int)] = values

    def tell_pruned(self, ids: Sequence[int], values: Sequence[float], steps: Sequence[int]) -> None:
        """Hear the losses that pruned points had reached, and after how many steps."""
        self.tell(ids, values)
        self._steps.array[np.asarray(ids, int)] = steps

    def good(self) -> np.ndarray:
        """Return the good points, best first, by their numbers over all asks, i[n]."""
        told = np.flatnonzero(~np.isnan(self._values.array))
        values, steps = self._values.array[told], self._steps.array[told]
        well = np.isfinite(values)
        complete = well & np.isinf(steps)
        # A failed point is never good, however few the others are.
        most = max(int(complete.sum()), min(FEW, int(well.sum())))
        count = min(int(np.ceil(GOOD * len(told))), MOST_GOOD, most)
        if 0 < count <= complete.sum():  # only those that can be among them are sorted
            known = np.where(complete, values, np.inf)
            near = np.flatnonzero(known <= np.partition(known, count - 1)[count - 1])
            return told[near[np.argsort(known[near], kind="stable")][:count]]
        return told[np.lexsort((values, -steps, ~well))][:count]

    def _add(self, points: np.ndarray) -> None:
        if not len(points):
            return
        if self._finite:
            self._seen |= {setting_at(self._axes, point) for point in points.tolist()}
        self._kernels.append(points, np.array([is_active(self._axes, point) for point in points.tolist()], float))
        self._values.append(np.full(len(points), np.nan))
        self._steps.append(np.full(len(points), np.inf))

    def _propose(self, good: np.ndarray, width: np.ndarray) -> np.ndarray:
        """Return the best of candidates drawn from the density of good points, whose numbers and widths these are."""
        drawn = candidates = self._kernels.draw(good, width, CANDIDATES, self._rng)
        for _ in range(UNIFORM_TRIES if self._finite else 0):
            for point in candidates[np.argsort(-self._kernels.log_ratio(candidates, good, width), kind="stable")]:
                if setting_at(self._axes, point.tolist()) not in self._seen:
                    return point
            candidates = self._rng.random(drawn.shape)
        return drawn[self._kernels.log_ratio(drawn, good, width).argmax()]


class _Rows:
    """Rows that others are added to, in room that doubles."""

    def __init__(self, *shape: int) -> None:
        self._room, self._count = np.empty((64, *shape)), 0

    @property
    def array(self) -> np.ndarray:
        """All of them, which may be written to."""
        return self._room[: self._count]

    def append(self, rows: np.ndarray) -> None:
        """Add rows."""
        while self._count + len(rows) > len(self._room):
            self._room = np.concatenate([self._room, np.empty_like(self._room)])
        self._room[self._count : self._count + len(rows)] = rows
        self._count += len(rows)


class _Kernels:
    """Kernels around points, any of which make a mixture with a uniform one of the same weight.

    The logarithms of n kernels at m points are one product of matrices, f64[m, n]. The row of a kernel has three
    columns for each number x: whether it matters, that times x, and that times x^2; and one for each option of a
    choice: whether the choice matters and takes that option.
    """

    def __init__(self, options: Sequence[int]) -> None:
        self._axes, sizes = len(options), np.array(options, int)
        self._numbers, self._choices = np.flatnonzero(sizes == 0), np.flatnonzero(sizes)
        self._sizes = sizes[self._choices]
        self._option = np.arange(self._sizes.sum()) - np.repeat(np.cumsum(self._sizes) - self._sizes, self._sizes)
        # The own option has 1 - STRAY + STRAY / size, every other STRAY / size, both times size.
        self._own = np.repeat(np.log1p(self._sizes * (1 - STRAY) / STRAY), self._sizes)
        self.points, self._matters = _Rows(len(options)), _Rows(len(options))
        features = 3 * len(self._numbers) + len(self._own)
        self._rows, self._sum = _Rows(features), np.zeros(features)

    def append(self, points: np.ndarray, matters: np.ndarray) -> None:
        """Add kernels around points, f64[n, axes], with 1 where an axis matters and 0 elsewhere."""
        x, on = points[:, self._numbers], matters[:, self._numbers]
        taken = self._taken(points) * np.repeat(matters[:, self._choices], self._sizes, axis=1)
        self.points.append(points)
        self._matters.append(matters)
        rows = np.concatenate([on, on * x, on * x**2, taken], axis=1)
        self._sum += rows.sum(axis=0)
        self._rows.append(rows)

    def width(self, good: np.ndarray) -> np.ndarray:
        """Tell how wide the kernels `good` are on each axis of numbers."""
        x, on = self.points.array[good], self._matters.array[good]
        count = np.maximum(on.sum(axis=0), 1)
        mean = (on * x).sum(axis=0) / count
        return self._shrunk(count, (on * (x - mean) ** 2).sum(axis=0))[self._numbers]

    def draw(self, good: np.ndarray, width: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw points of the mixture of these kernels, f64[count, axes]."""
        from scipy.special import ndtr, ndtri  # imported by those who search in this way

        points, matters = self.points.array[good], self._matters.array[good]
        chosen = rng.integers(0, len(points) + 1, count)  # the last is the uniform one
        uniform, stay = rng.random((count, points.shape[1])), rng.random((count, points.shape[1])) >= STRAY
        if not len(points):
            return uniform
        rows = np.minimum(chosen, len(points) - 1)
        x = points[rows]
        near, x = np.where(stay, x, uniform), x[:, self._numbers]
        low, high = ndtr(-x / width), ndtr((1 - x) / width)
        inside = x + width * ndtri(low + uniform[:, self._numbers] * (high - low))
        near[:, self._numbers] = inside.clip(0, 1)
        return np.where((matters[rows] > 0) & (chosen < len(points))[:, None], near, uniform)

    def log_ratio(self, x: np.ndarray, good: np.ndarray, width: np.ndarray) -> np.ndarray:
        """Compute log l / g at points, for the kernels `good` and all others, up to a constant, f64[count]."""
        inside = self._logarithms(x, good, width)
        others = self._logarithms(x, slice(None), self._width_without(good))
        others[:, good] = -np.inf
        return _log_sum(inside) - _log_sum(others)

    def _logarithms(self, x: np.ndarray, which: Any, width: np.ndarray) -> np.ndarray:
        """Return the logarithms of kernels at points, f64[count, kernels]."""
        rows, numbers, number = self._rows.array[which], len(width), x[:, self._numbers]
        inverse, at = 1 / width**2, np.empty((len(x), self._rows.array.shape[1]))
        at[:, :numbers] = -0.5 * inverse * number**2 - np.log(width * np.sqrt(2 * np.pi))
        at[:, numbers : 2 * numbers] = inverse * number
        at[:, 2 * numbers : 3 * numbers] = -0.5 * inverse
        at[:, 3 * numbers :] = self._taken(x) * self._own + np.log(STRAY)
        centre = rows[:, numbers : 2 * numbers]
        mass = 0.5 * (_erf(centre / (width * np.sqrt(2))) + _erf((1 - centre) / (width * np.sqrt(2))))
        each = at @ rows.T
        each -= np.einsum("nd,nd->n", rows[:, :numbers], np.log(mass))
        return each

    def _width_without(self, good: np.ndarray) -> np.ndarray:
        """Tell how wide all others are."""
        left = self._sum - self._rows.array[good].sum(axis=0)
        count, total, squares = left[: 3 * len(self._numbers)].reshape(3, -1)
        return self._shrunk(np.maximum(count, 1), squares - total**2 / np.maximum(count, 1))

    def _shrunk(self, count: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return the spread of points and of one more with that of the whole interval, shrunk by Scott's rule."""
        width = np.sqrt((spread + 1 / 12) / (count + 1)) * count ** (-1 / (self._axes + 4))
        return width.clip(NARROWEST, 1)

    def _taken(self, x: np.ndarray) -> np.ndarray:
        """Tell which options the choices take at points, 1 or 0, f64[count, options]."""
        if not len(self._choices):
            return x[:, :0]
        index = np.minimum((x[:, self._choices] * self._sizes).astype(int), self._sizes - 1)
        return (np.repeat(index, self._sizes, axis=1) == self._option).astype(float)


def _log_sum(each: np.ndarray) -> np.ndarray:
    """Return the logarithm of the sum of kernels and the uniform one, whose logarithm is 0, from theirs, f64[count].

    It overwrites `each`. Single precision takes a quarter of the time; what is below e^-80 would take longest, and adds
    nothing.
    """
    most = each.max(axis=1, initial=0.0)
    each -= most[:, None]
    small = np.maximum(each, -80, out=each).astype(np.float32)
    return most + np.log(np.exp(small, out=small).sum(axis=1) + np.exp(-most))


def _erf(x: np.ndarray) -> np.ndarray:
    """Return the error function of numbers from zero up, to 2e-7: a third of the time of scipy's.

    (Abramowitz and Stegun 1964, 7.1.26.)
    """
    z = x.astype(np.float32)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.float32(1.061405429) * t
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series += np.float32(coefficient)
        series *= t
    return 1 - series * np.exp(-z * z)


def _options(axis: Axis) -> int:
    """Tell how many options an axis without an order has; zero for one with an order."""
    ordered = getattr(axis.distribution, "ordered", False)
    return 0 if axis.distribution.listed is None or ordered else axis.distribution.listed
