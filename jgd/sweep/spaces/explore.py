"""Exploring around a point: each of its numbers a factor away, or drawn anew."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from jgd.sweep.spaces.distributions import Distribution, Listed, Parts
from jgd.sweep.spaces.lattice import Integer, Quantized
from jgd.sweep.spaces.space import Axis, is_active

BISECTIONS = 80  # of the unit interval, after which its ends are neighbouring floats


def explore(
    space_axes: Sequence[Axis],
    units: Sequence[float],
    factors: Sequence[float],
    resample: float,
    rng: np.random.Generator,
) -> tuple[float, ...]:
    """Find a point near `units`: each number that matters times one of `factors`, or drawn anew with a probability.

    Chosen parts stay, because they are structure.
    """
    explored = []
    # Every axis takes its draws, whether they are used or not, so that none shifts those of another.
    draws = rng.random((len(space_axes), 3)).tolist()
    for axis, unit, matters, (lot, anew, which) in zip(
        space_axes, units, is_active(space_axes, units), draws, strict=True
    ):
        if not matters or isinstance(axis.distribution, Parts):
            explored.append(unit)
        elif lot < resample:
            explored.append(anew)
        else:
            explored.append(scaled(axis.distribution, unit, factors[int(which * len(factors))]))
    return tuple(explored)


def scaled(distribution: Distribution, unit: float, factor: float) -> float:
    """Return the unit of the value at `unit` times `factor`, or of the end of the range that lies before it.

    Where values lie on a lattice it is the nearest one that differs from the old; of listed numbers the next larger or
    smaller. A zero of a continuous range stays zero.
    """
    value = distribution.at(unit)
    up = math.copysign(1, factor - 1) * (-1 if value < 0 else 1)  # which way the product lies
    if isinstance(distribution, Listed):
        return _neighbour(distribution, unit, int(up))
    if isinstance(distribution, (Integer, Quantized)):
        return unit_of(distribution, _on_lattice(distribution, value, factor, int(up)))
    return unit_of(distribution, value * factor)


def _neighbour(distribution: Listed, unit: float, up: int) -> float:
    """Return the middle of the share of the next larger or smaller option; of the same one where there is none."""
    options = distribution.options
    order = sorted(range(len(options)), key=options.__getitem__)
    place = order.index(min(int(unit * len(options)), len(options) - 1)) + up
    return (order[min(max(place, 0), len(options) - 1)] + 0.5) / len(options)


def _on_lattice(distribution: Integer | Quantized, value: float, factor: float, up: int) -> float:
    step = distribution.step if isinstance(distribution, Quantized) else 1
    old = round(value / step)
    new = round(value * factor / step)
    multiple = new if new != old else old + up
    return distribution.multiple(multiple) if isinstance(distribution, Quantized) else multiple


def unit_of(distribution: Distribution, value: float) -> float:
    """Return the middle of the units whose value this is, or the end of the interval that is nearest to it.

    Found by bisection: a value never falls as the unit rises. The middle, because at the edge of a lattice point's
    share another machine's rounding could give its neighbour.
    """
    if value <= distribution.at(0.0):
        return 0.0
    if value >= distribution.at(1.0):
        return 1.0
    first = _bisect(lambda unit: distribution.at(unit) >= value)
    beyond = _bisect(lambda unit: distribution.at(unit) > value)
    return (first + beyond) / 2


def _bisect(reached: Callable[[float], bool]) -> float:
    """Return the first unit at which a condition holds that stays true from there on."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
