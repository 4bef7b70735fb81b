"""Twenty-six constrained problems of Hock & Schittkowski (1981, Test Examples for Nonlinear Programming Codes)."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import cache, partial

import jax
import jax.numpy as jnp

from jgd.tasks.problems.smooth_problem import Function, SmoothProblem

INF = math.inf


@dataclasses.dataclass(frozen=True)
class ConstrainedProblem(SmoothProblem):
    """A smooth problem with constraints `least <= constraint(x) <= most`, equalities where both are the same.

    constraint  f[n] -> f[m].
    least       m least values, -inf for none.
    most        m largest values, inf for none.
    """

    constraint: Function = dataclasses.field(kw_only=True)
    least: tuple[float, ...] = dataclasses.field(kw_only=True)
    most: tuple[float, ...] = dataclasses.field(kw_only=True)


def _problem(
    number: int,
    fn: Function,
    start: Sequence[float],
    minima: Sequence[float],
    *,
    equal: Callable[[jax.Array], Sequence[jax.Array]] | None = None,
    positive: Callable[[jax.Array], Sequence[jax.Array]] | None = None,
    lower: Sequence[float] = (),
    upper: Sequence[float] = (),
) -> ConstrainedProblem:
    """Make a problem as the book states it: `positive(x) >= 0` and `equal(x) = 0`, bounds on all variables or none."""

    def constraint(x: jax.Array) -> jax.Array:
        return jnp.stack([*(positive(x) if positive else ()), *(equal(x) if equal else ())])

    x = jax.ShapeDtypeStruct((len(start),), jnp.float32)
    inequalities, equalities = (0 if side is None else len(jax.eval_shape(side, x)) for side in (positive, equal))
    n = len(start)
    if lower or upper:
        lower, upper = lower or [-INF] * n, upper or [INF] * n
    return ConstrainedProblem(
        f"hs_{number}", fn, tuple(map(float, start)), tuple(minima), f"HS {number}",
        lower=tuple(map(float, lower)), upper=tuple(map(float, upper)), constraint=constraint,
        least=(0.0,) * (inequalities + equalities), most=(INF,) * inequalities + (0.0,) * equalities,
    )  # fmt: skip


_hs = partial(partial, _problem)  # to be made when somebody asks: counting the constraints takes tracing them


def _squares(*parts: jax.Array) -> jax.Array:
    return sum((part**2 for part in parts), start=jnp.zeros_like(parts[0]))


def _rosenbrock(x: jax.Array) -> jax.Array:
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def _hs_35(x: jax.Array) -> jax.Array:
    a, b, c = x
    return 9 - 8 * a - 6 * b - 4 * c + 2 * a**2 + 2 * b**2 + c**2 + 2 * a * b + 2 * a * c


def _hs_43(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    return a**2 + b**2 + 2 * c**2 + d**2 - 5 * a - 5 * b - 21 * c + 7 * d


def _hs_43_positive(x: jax.Array) -> list[jax.Array]:
    a, b, c, d = x
    return [
        8 - a**2 - b**2 - c**2 - d**2 - a + b - c + d,
        10 - a**2 - 2 * b**2 - c**2 - 2 * d**2 + a + d,
        5 - 2 * a**2 - b**2 - c**2 - 2 * a + b + d,
    ]


def _hs_65(x: jax.Array) -> jax.Array:
    return (x[0] - x[1]) ** 2 + (x[0] + x[1] - 10) ** 2 / 9 + (x[2] - 5) ** 2


def _hs_76(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    return a**2 + b**2 / 2 + c**2 + d**2 / 2 - a * c + c * d - a - 3 * b + c - d


def _hs_77(x: jax.Array) -> jax.Array:
    return (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6


def _hs_77_equal(x: jax.Array) -> list[jax.Array]:
    a, b, c, d, e = x
    return [a**2 * d + jnp.sin(d - e) - 2 * math.sqrt(2), b + c**4 * d**2 - 8 - math.sqrt(2)]


def _hs_78_equal(x: jax.Array) -> list[jax.Array]:
    a, b, c, d, e = x
    return [x @ x - 10, b * c - 5 * d * e, a**3 + b**3 + 1]


def _hs_100(x: jax.Array) -> jax.Array:
    a, b, c, d, e, f, g = x
    bowl = (a - 10) ** 2 + 5 * (b - 12) ** 2 + c**4 + 3 * (d - 11) ** 2 + 10 * e**6
    return bowl + 7 * f**2 + g**4 - 4 * f * g - 10 * f - 8 * g


def _hs_100_positive(x: jax.Array) -> list[jax.Array]:
    a, b, c, d, e, f, g = x
    return [
        127 - 2 * a**2 - 3 * b**4 - c - 4 * d**2 - 5 * e,
        282 - 7 * a - 3 * b - 10 * c**2 - d + e,
        196 - 23 * a - b**2 - 6 * f**2 + 8 * g,
        -4 * a**2 - b**2 + 3 * a * b - 2 * c**2 - 5 * f + 11 * g,
    ]


def _hs_113(x: jax.Array) -> jax.Array:
    a, b, c, d, e, f, g, h, i, j = x
    bowl = a**2 + b**2 + a * b - 14 * a - 16 * b + (c - 10) ** 2 + 4 * (d - 5) ** 2 + (e - 3) ** 2
    return bowl + 2 * (f - 1) ** 2 + 5 * g**2 + 7 * (h - 11) ** 2 + 2 * (i - 10) ** 2 + (j - 7) ** 2 + 45


def _hs_113_positive(x: jax.Array) -> list[jax.Array]:
    a, b, c, d, e, f, g, h, i, j = x
    return [
        105 - 4 * a - 5 * b + 3 * g - 9 * h,
        -10 * a + 8 * b + 17 * g - 2 * h,
        8 * a - 2 * b - 5 * i + 2 * j + 12,
        -3 * (a - 2) ** 2 - 4 * (b - 3) ** 2 - 2 * c**2 + 7 * d + 120,
        -5 * a**2 - 8 * b - (c - 6) ** 2 + 2 * d + 40,
        -((a - 8) ** 2) / 2 - 2 * (b - 4) ** 2 - 3 * e**2 + f + 30,
        -(a**2) - 2 * (b - 2) ** 2 + 2 * a * b - 14 * e + 6 * f,
        3 * a - 6 * b - 12 * (i - 8) ** 2 + 7 * j,
    ]


CASES = (
    _hs(6, lambda x: (1 - x[0]) ** 2, (-1.2, 1), (0.0,), equal=lambda x: [10 * (x[1] - x[0] ** 2)]),
    _hs(
        7, lambda x: jnp.log(1 + x[0] ** 2) - x[1], (2, 2), (-math.sqrt(3),),
        equal=lambda x: [(1 + x[0] ** 2) ** 2 + x[1] ** 2 - 4],
    ),
    _hs(
        10, lambda x: x[0] - x[1], (-10, 10), (-1.0,),
        positive=lambda x: [-3 * x[0] ** 2 + 2 * x[0] * x[1] - x[1] ** 2 + 1],
    ),
    _hs(
        11, lambda x: (x[0] - 5) ** 2 + x[1] ** 2 - 25, (4.9, 0.1), (-8.498464223,),
        positive=lambda x: [x[1] - x[0] ** 2],
    ),
    _hs(
        12, lambda x: x[0] ** 2 / 2 + x[1] ** 2 - x[0] * x[1] - 7 * x[0] - 7 * x[1], (0, 0), (-30.0,),
        positive=lambda x: [25 - 4 * x[0] ** 2 - x[1] ** 2],
    ),
    _hs(
        14, lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2, (2, 2), (9 - 23 * math.sqrt(7) / 8,),
        positive=lambda x: [1 - x[0] ** 2 / 4 - x[1] ** 2], equal=lambda x: [x[0] - 2 * x[1] + 1],
    ),
    _hs(
        15, _rosenbrock, (-2, 1), (306.5, 360.379767),
        positive=lambda x: [x[0] * x[1] - 1, x[0] + x[1] ** 2], upper=(0.5, INF),
    ),
    _hs(
        22, lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2, (2, 2), (1.0,),
        positive=lambda x: [2 - x[0] - x[1], x[1] - x[0] ** 2],
    ),
    _hs(
        24, lambda x: ((x[0] - 3) ** 2 - 9) * x[1] ** 3 / (27 * math.sqrt(3)), (1, 0.5), (-1.0,),
        positive=lambda x: [
            x[0] / math.sqrt(3) - x[1], x[0] + math.sqrt(3) * x[1], 6 - x[0] - math.sqrt(3) * x[1]
        ], lower=(0, 0),
    ),
    _hs(
        26, lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4, (-2.6, 2, 2), (0.0,),
        equal=lambda x: [(1 + x[1] ** 2) * x[0] + x[2] ** 4 - 3],
    ),
    _hs(
        27, lambda x: (x[0] - 1) ** 2 / 100 + (x[1] - x[0] ** 2) ** 2, (2, 2, 2), (0.04,),
        equal=lambda x: [x[0] + x[2] ** 2 + 1],
    ),
    _hs(
        28, lambda x: _squares(x[0] + x[1], x[1] + x[2]), (-4, 1, 1), (0.0,),
        equal=lambda x: [x[0] + 2 * x[1] + 3 * x[2] - 1],
    ),
    _hs(
        29, lambda x: -jnp.prod(x), (1, 1, 1), (-16 * math.sqrt(2),),
        positive=lambda x: [48 - x[0] ** 2 - 2 * x[1] ** 2 - 4 * x[2] ** 2],
    ),
    _hs(35, _hs_35, [0.5] * 3, (1 / 9,), positive=lambda x: [3 - x[0] - x[1] - 2 * x[2]], lower=(0, 0, 0)),
    _hs(
        39, lambda x: -x[0], [2] * 4, (-1.0,),
        equal=lambda x: [x[1] - x[0] ** 3 - x[2] ** 2, x[0] ** 2 - x[1] - x[3] ** 2],
    ),
    _hs(
        40, lambda x: -jnp.prod(x), [0.8] * 4, (-0.25,),
        equal=lambda x: [x[0] ** 3 + x[1] ** 2 - 1, x[0] ** 2 * x[3] - x[2], x[3] ** 2 - x[1]],
    ),
    _hs(43, _hs_43, [0] * 4, (-44.0,), positive=_hs_43_positive),
    _hs(
        48, lambda x: _squares(x[0] - 1, x[1] - x[2], x[3] - x[4]), (3, 5, -3, 2, -2), (0.0,),
        equal=lambda x: [jnp.sum(x) - 5, x[2] - 2 * (x[3] + x[4]) + 3],
    ),
    _hs(
        65, _hs_65, (-5, 5, 0), (0.9535288567,),
        positive=lambda x: [48 - x @ x], lower=(-4.5, -4.5, -5), upper=(4.5, 4.5, 5),
    ),
    _hs(
        71, lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2], (1, 5, 5, 1), (17.0140173,),
        positive=lambda x: [jnp.prod(x) - 25], equal=lambda x: [x @ x - 40], lower=[1] * 4, upper=[5] * 4,
    ),
    _hs(
        76, _hs_76, [0.5] * 4, (-103 / 22,),
        positive=lambda x: [
            5 - x[0] - 2 * x[1] - x[2] - x[3], 4 - 3 * x[0] - x[1] - 2 * x[2] + x[3], x[1] + 4 * x[2] - 1.5
        ], lower=[0] * 4,
    ),
    _hs(77, _hs_77, [2] * 5, (0.24150513,), equal=_hs_77_equal),
    _hs(78, jnp.prod, (-2, 1.5, 2, -1, -1), (-2.91970041,), equal=_hs_78_equal),
    _hs(
        80, lambda x: jnp.exp(jnp.prod(x)), (-2, 2, 2, -1, -1), (0.0539498478,), equal=_hs_78_equal,
        lower=(-2.3, -2.3, -3.2, -3.2, -3.2), upper=(2.3, 2.3, 3.2, 3.2, 3.2),
    ),
    _hs(100, _hs_100, (1, 2, 0, 4, 0, 1, 1), (680.6300573,), positive=_hs_100_positive),
    _hs(113, _hs_113, (2, 3, 5, 5, 1, 2, 7, 3, 6, 10), (24.3062091,), positive=_hs_113_positive),
)  # fmt: skip


@cache
def all_constrained() -> tuple[ConstrainedProblem, ...]:
    """Make all of them, once."""
    return tuple(make() for make in CASES)
