"""How much of a sweep's outcome each axis decides: a functional analysis of variance over a forest of small trees."""

from typing import NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.space import Trial

TREES = 48
SMALLEST = 3  # trials in a leaf
POOR_FIT = 0.1  # R^2 of trials that a tree has not seen, below which it is too noisy to tell
FEWEST, MOST = 10, 2000  # trials that are worth a forest, and those that it looks at


class Importance(NamedTuple):
    """Shares of the variance of the trials' ranks over the whole space."""

    alone: dict[str, float]  # that each axis explains without the others, the largest first
    together: float  # that only several axes together explain, and what trees add by chance
    fit: float  # R^2 of trials that a tree has not seen; near zero or below, the shares mean nothing

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        head = "Importance: the share of the trials' ranking that each hyperparameter decides"
        rows = [[name, f"{share:.0%}"] for name, share in (self.alone | {"several together": self.together}).items()]
        noisy = "too noisy to tell: the shares mean little" if self.fit < POOR_FIT else "1 is best"
        foot = f"R^2 {self.fit:.2f} of trials that the trees have not seen, {noisy}."
        return Sheet([head], ["hyperparameter", "share"], rows, [foot])


class _Tree(NamedTuple):
    """The leaves of a tree: boxes that fill the unit cube."""

    low: np.ndarray  # f64[leaves, axes]
    high: np.ndarray
    value: np.ndarray  # f64[leaves]


def importance_of(trials: list[Trial], values: np.ndarray, mode: str) -> Importance:
    """Return what `Result.importance` does; the trials are of one space."""
    axes = trials[0].axes
    finite = np.isfinite(np.median(as_loss(values, mode), axis=1)).sum()
    if not axes:
        raise InputError(f"Result.importance: {trials[0].space!r} has no distributions; there is nothing to weigh.")
    if len(trials) < FEWEST or not finite:
        raise InputError(
            f"Result.importance: {count(len(trials), 'trial')} of {trials[0].space!r}, {finite} with a finite median, "
            f"say too little; run at least {FEWEST}."
        )
    points = np.array([trial.units for trial in trials])
    for i, axis in enumerate(axes):
        points[:, i] = _by_value(axis.distribution, points[:, i])
    losses = np.median(as_loss(values, mode), axis=1)
    return importance(points, losses, [axis.name for axis in axes])


def importance(points: np.ndarray, losses: np.ndarray, names: list[str]) -> Importance:
    """Return the importance of the axes of f64[trials, axes], units, for f64[trials], where infinity has failed.

    Each tree is grown on a bootstrap sample of the losses' ranks, so that outliers and failures weigh no more than
    their place; the variance of its prediction, and of its mean over all other axes, are exact sums over its leaves
    (Hutter, Hoos and Leyton-Brown 2014, Alg. 2). The unit cube is weighted evenly, as the distributions say.
    """
    rng = np.random.default_rng(0)
    if len(losses) > MOST:
        some = rng.choice(len(losses), MOST, replace=False)
        points, losses = points[some], losses[some]
    n = len(losses)
    ranks = _ranks(losses)
    shares, seen, votes = [], np.zeros(n), np.zeros(n)
    for _ in range(TREES):
        rows = rng.integers(0, n, n)
        tree = _grow(points[rows], ranks[rows], rng)
        left_out = np.setdiff1d(np.arange(n), rows)
        votes[left_out] += _predict(tree, points[left_out])
        seen[left_out] += 1
        if (share := _shares(tree)) is not None:
            shares.append(share)
    mean = np.mean(shares, axis=0) if shares else np.zeros(len(names))
    judged = seen > 0
    rest = np.sum((ranks[judged] - votes[judged] / seen[judged]) ** 2)
    total = np.sum((ranks[judged] - ranks[judged].mean()) ** 2)
    order = np.argsort(-mean, kind="stable")
    return Importance(
        {names[i]: float(mean[i]) for i in order},
        float(max(0.0, 1 - mean.sum())) if shares else 0.0,
        float(1 - rest / total) if total > 0 else 0.0,
    )


def _by_value(distribution: Distribution, units: np.ndarray) -> np.ndarray:
    """Return one unit for each value: where within a value's share of the interval it was drawn decides nothing."""
    values = [distribution.shown(unit) for unit in units.tolist()]
    if size := distribution.listed:
        options = [distribution.shown((i + 0.5) / size) for i in range(size)]
        return np.array([(options.index(value) + 0.5) / size for value in values])
    # The units of a value lie between those of its neighbours, so their mean keeps the order.
    _, value, counts = np.unique(np.array(values, float), return_inverse=True, return_counts=True)
    return (np.bincount(value, weights=units) / counts)[value]


def _ranks(losses: np.ndarray) -> np.ndarray:
    """Rank losses from 0 to 1; equal losses, such as failures, share the middle of their places."""
    _, inverse, counts = np.unique(losses, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2)[inverse] / max(len(losses) - 1, 1)


def _grow(points: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> _Tree:
    """Return a tree; each split looks at a random half of the axes, so that trees differ."""
    axes = points.shape[1]
    waiting = [(np.arange(len(values)), np.zeros(axes), np.ones(axes))]
    leaves = []
    while waiting:
        rows, low, high = waiting.pop()
        tried = rng.permutation(axes)[: (axes + 1) // 2]
        axis, cut = _split(points[rows][:, tried], values[rows])
        if cut is None:
            leaves.append((low, high, values[rows].mean()))
            continue
        axis = tried[axis]
        below = points[rows, axis] < cut
        middle_low, middle_high = low.copy(), high.copy()
        middle_low[axis] = middle_high[axis] = cut
        waiting += [(rows[below], low, middle_high), (rows[~below], middle_low, high)]
    return _Tree(*map(np.array, zip(*leaves, strict=True)))


def _split(points: np.ndarray, values: np.ndarray) -> tuple[int, float | None]:
    """Return the axis and the place that leave the least variance, or no place."""
    n = len(values)
    if n < 2 * SMALLEST or np.ptp(values) == 0:
        return 0, None
    order = np.argsort(points, axis=0, kind="stable")
    x, sums = np.take_along_axis(points, order, axis=0), np.cumsum(values[order], axis=0)
    counts = np.arange(1, n)[:, None]
    gain = sums[:-1] ** 2 / counts + (sums[-1] - sums[:-1]) ** 2 / (n - counts)
    allowed = (x[1:] > x[:-1]) & (counts >= SMALLEST) & (n - counts >= SMALLEST)
    if not allowed.any():
        return 0, None
    place, axis = np.unravel_index(np.argmax(np.where(allowed, gain, -np.inf)), gain.shape)
    return int(axis), float((x[place, axis] + x[place + 1, axis]) / 2)


def _predict(tree: _Tree, points: np.ndarray) -> np.ndarray:
    inside = np.all((points[:, None] >= tree.low) & ((points[:, None] < tree.high) | (tree.high == 1)), axis=2)
    return inside.astype(float) @ tree.value


def _shares(tree: _Tree) -> np.ndarray | None:
    """Return the share of the tree's variance that each axis explains alone; None where it predicts but one value."""
    sides = tree.high - tree.low
    volume = sides.prod(axis=1)
    mean = volume @ tree.value
    total = volume @ (tree.value - mean) ** 2
    if total <= 1e-12:
        return None
    shares = np.zeros(sides.shape[1])
    for axis in range(len(shares)):
        cuts = np.unique(np.concatenate([tree.low[:, axis], tree.high[:, axis]]))
        if len(cuts) == 2:  # no leaf ends within the axis: exactly nothing, and not what rounding leaves
            continue
        middle = (cuts[:-1] + cuts[1:]) / 2
        inside = (middle[:, None] > tree.low[:, axis]) & (middle[:, None] < tree.high[:, axis])
        marginal = inside @ (tree.value * volume / sides[:, axis])
        shares[axis] = np.diff(cuts) @ (marginal - mean) ** 2 / total
    return shares
