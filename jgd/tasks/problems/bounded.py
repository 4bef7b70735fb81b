"""Fourteen problems with bounds: Hock & Schittkowski's (1981), and Moré, Garbow & Hillstrom's in Gay's (1984) boxes."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jgd.tasks.problems import curve_fits, fixed_size
from jgd.tasks.problems.smooth_problem import SmoothProblem, scalar

INF = math.inf
FREE = {problem.name: problem for problem in (*fixed_size.CASES, *curve_fits.CASES)}


def _hs_3(x: jax.Array) -> jax.Array:
    return x[1] + 1e-5 * (x[1] - x[0]) ** 2


def _hs_4(x: jax.Array) -> jax.Array:
    return (x[0] + 1) ** 3 / 3 + x[1]


def _hs_5(x: jax.Array) -> jax.Array:
    a, b = x
    return jnp.sin(a + b) + (a - b) ** 2 - 1.5 * a + 2.5 * b + 1


def _hs_45(x: jax.Array) -> jax.Array:
    return 2 - jnp.prod(x) / 120


def _hs_110(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.log(x - 2) ** 2 + jnp.log(10 - x) ** 2) - jnp.prod(x) ** 0.2


def _boxed(
    name: str,
    free: str,
    lower: Sequence[float],
    upper: Sequence[float],
    minima: Sequence[float],
    source: str = "Gay 1984",
    start: Sequence[float] = (),
) -> SmoothProblem:
    """Put bounds around the problem `free`, from its own start unless another is given."""
    box = {"lower": tuple(map(float, lower)), "upper": tuple(map(float, upper))}
    start = tuple(map(float, start)) or FREE[free].start
    return dataclasses.replace(FREE[free], name=name, start=start, minima=tuple(minima), source=source, **box)


CASES = (
    _boxed("hs_1", "rosenbrock", (-INF, -1.5), (INF, INF), (0.0,), "HS 1", (-2, 1)),
    _boxed("hs_2", "rosenbrock", (-INF, 1.5), (INF, INF), (0.050426187893607, 4.941229317989186), "HS 2", (-2, 1)),
    scalar("hs_3", _hs_3, (10, 1), (0.0,), "HS 3", lower=(-INF, 0.0), upper=(INF, INF)),
    scalar("hs_4", _hs_4, (1.125, 0.125), (8 / 3,), "HS 4", lower=(1.0, 0.0), upper=(INF, INF)),
    scalar(
        "hs_5", _hs_5, (0, 0), (-math.sqrt(3) / 2 - math.pi / 3,), "HS 5", lower=(-1.5, -3.0), upper=(4.0, 3.0)
    ),
    _boxed("hs_38", "wood", [-10] * 4, [10] * 4, (0.0,), "HS 38"),
    scalar("hs_45", _hs_45, [2] * 5, (1.0,), "HS 45", lower=(0.0,) * 5, upper=(1.0, 2.0, 3.0, 4.0, 5.0)),
    scalar("hs_110", _hs_110, [9] * 10, (-45.77846970744631,), "HS 110", lower=(2.001,) * 10, upper=(9.999,) * 10),
    _boxed("brown_badly_scaled_bounded", "brown_badly_scaled", (0, 3e-5), (1e6, 100), (783.999999295184,)),
    _boxed("beale_bounded", "beale", (0.6, 0.5), (10, 100), (0.0,)),
    _boxed("helical_valley_bounded", "helical_valley", (-100, -1, -1), (0.8, 1, 1), (0.990422120961401,)),
    _boxed("wood_bounded", "wood", [-100] * 4, (0, 10, 100, 100), (1.556700800438565, 7.09383642512905)),
    _boxed("brown_dennis_bounded", "brown_dennis", (-10, 0, -100, -20), (100, 15, 0, 0.2), (88860.4797675004,)),
    _boxed("biggs_bounded", "biggs", (0, 0, 0, 1, 0, 0), (2, 8, 1, 7, 5, 5), (5.32098659078244e-4,)),
)  # fmt: skip
