"""Classic test functions of f[n], with their known minima."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.types import Transform
from jgd.optimizers import adam, nadam, sgd
from jgd.schedules import cosine_decay_schedule
from jgd.tasks.suite.problem import Problem, clipped, descent, near
from jgd.train.task import Task

PI = float(np.pi)


def rosenbrock(x: jax.Array) -> jax.Array:
    """Return sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2: a bent valley with a flat floor."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def beale(x: jax.Array) -> jax.Array:
    """Return sum_k (c_k - x (1 - y^k))^2 with c = 1.5, 2.25, 2.625."""
    a, b = x
    return (1.5 - a * (1 - b)) ** 2 + (2.25 - a * (1 - b**2)) ** 2 + (2.625 - a * (1 - b**3)) ** 2


def himmelblau(x: jax.Array) -> jax.Array:
    """Return (x^2 + y - 11)^2 + (x + y^2 - 7)^2, with four minima of 0."""
    a, b = x
    return (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2


def booth(x: jax.Array) -> jax.Array:
    """Return (x + 2y - 7)^2 + (2x + y - 5)^2, a quadratic of condition 9."""
    a, b = x
    return (a + 2 * b - 7) ** 2 + (2 * a + b - 5) ** 2


def styblinski_tang(x: jax.Array) -> jax.Array:
    """Give sum_i (x_i^4 - 16 x_i^2 + 5 x_i) / 2, plus what makes its least value 0; each axis has a second minimum."""
    return jnp.sum((x**4 - 16 * x**2 + 5 * x) / 2 + 39.16616570377142)


def rastrigin(x: jax.Array) -> jax.Array:
    """Return sum_i x_i^2 + 10 (1 - cos 2 pi x_i): a minimum near each integer point."""
    return jnp.sum(x**2 + 10 * (1 - jnp.cos(2 * PI * x)))


def ackley(x: jax.Array) -> jax.Array:
    """Return 20 (1 - exp(-rms(x) / 5)) + e - exp(mean_i cos 2 pi x_i): its minimum is the tip of a cone."""
    square = jnp.mean(x**2)
    rms = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)  # whose slope at the tip is 0 here
    return 20 * (1 - jnp.exp(-rms / 5)) + np.e - jnp.exp(jnp.mean(jnp.cos(2 * PI * x)))


def powell(x: jax.Array) -> jax.Array:
    """Return (a + 10b)^2 + 5 (c - d)^2 + (b - 2c)^4 + 10 (a - d)^4, whose Hessian is singular at the minimum."""
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def wood(x: jax.Array) -> jax.Array:
    """Return two bent valleys, coupled; a saddle near (-1, 1, -1, 1) holds many methods for long."""
    a, b, c, d = x
    valleys = 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
    return valleys + 10 * (b + d - 2) ** 2 + (b - d) ** 2 / 10


def goldstein_price(x: jax.Array) -> jax.Array:
    """Return a polynomial of degree 8 with values from 3 to a million."""
    a, b = x
    first = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    second = 30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
    return first * second


def branin(x: jax.Array) -> jax.Array:
    """Return (y - 5.1 x^2 / 4 pi^2 + 5 x / pi - 6)^2 + 10 (1 - 1 / 8 pi) cos x + 10, with three minima of 5 / 4 pi."""
    a, b = x
    return (b - 5.1 / (4 * PI**2) * a**2 + 5 / PI * a - 6) ** 2 + 10 * (1 - 1 / (8 * PI)) * jnp.cos(a) + 10


def zakharov(x: jax.Array) -> jax.Array:
    """Return |x|^2 + s^2 + s^4 with s = sum_i i x_i / 2: steep walls around a flat floor."""
    s = jnp.sum(jnp.arange(1, len(x) + 1) * x) / 2
    return jnp.sum(x**2) + s**2 + s**4


def easom(x: jax.Array) -> jax.Array:
    """Return 1 - cos x cos y exp(-|(x, y) - pi|^2): a hole in a plane."""
    return 1 - jnp.prod(jnp.cos(x)) * jnp.exp(-jnp.sum((x - PI) ** 2))


class AnalyticFunction(NamedTuple):
    """A test function, where to begin on it, and a minimum of it."""

    formula: Callable[[jax.Array], jax.Array]
    start: Sequence[float]
    minimizer: Sequence[float]
    minimum: float = 0.0
    spread: float = 0.1  # of the starts

    def task(self) -> Task:
        """Return the task of descending on it."""
        return descent(self.formula, near(self.start, self.spread), minimum=self.minimum)


FUNCTIONS = {
    "rosenbrock": AnalyticFunction(rosenbrock, (-1.2, 1), (1, 1)),
    "rosenbrock8": AnalyticFunction(rosenbrock, (-1.2, 1) * 4, (1,) * 8),
    "beale": AnalyticFunction(beale, (1, 1), (3, 0.5)),
    "himmelblau": AnalyticFunction(himmelblau, (0, 0), (3, 2)),
    "booth": AnalyticFunction(booth, (-5, -5), (1, 3)),
    "styblinski_tang": AnalyticFunction(styblinski_tang, (-0.5,) * 8, (-2.9035340277711774,) * 8),
    "rastrigin": AnalyticFunction(rastrigin, (0.3,) * 4, (0,) * 4, spread=0.02),
    "ackley": AnalyticFunction(ackley, (0.35, -0.35), (0, 0), spread=0.02),
    "powell": AnalyticFunction(powell, (3, -1, 0, 1), (0,) * 4),
    "wood": AnalyticFunction(wood, (-3, -1, -3, -1), (1,) * 4),
    "goldstein_price": AnalyticFunction(goldstein_price, (0.5, -0.5), (0, -1), minimum=3.0, spread=0.05),
    "branin": AnalyticFunction(branin, (2.5, 7.5), (PI, 2.275), minimum=5 / (4 * PI)),
    "zakharov": AnalyticFunction(zakharov, (1,) * 6, (0,) * 6),
    "easom": AnalyticFunction(easom, (PI + 1.2, PI - 1.2), (PI, PI), spread=0.05),
}


def _row(name: str, target: float, steps: int, witness: Transform, probes: str, source: str) -> Problem:
    return Problem(name, FUNCTIONS[name].task, target, steps, witness, probes, source, family="test functions")


PROBLEMS = [
    _row("rosenbrock", 1e-3, 1000, adam(0.3), "a curved valley", "Rosenbrock 1960"),
    _row(
        "rosenbrock8",
        1e-2,
        1000,
        adam(cosine_decay_schedule(1.0, 1000)),
        "a curved valley in 8 dimensions",
        "Rosenbrock 1960, chained",
    ),
    _row("beale", 1e-3, 300, adam(0.3), "a flat floor and steep corners", "Beale 1958"),
    _row("himmelblau", 1e-3, 200, adam(0.3), "four equal minima", "Himmelblau 1972"),
    _row("booth", 1e-3, 200, nadam(1.0), "plain descent, from far off", "Booth, see Jamil & Yang 2013"),
    _row("styblinski_tang", 1e-2, 200, adam(0.03), "the better of two minima for each axis", "Styblinski & Tang 1990"),
    _row("rastrigin", 1e-2, 200, adam(0.003), "steps that leave a narrow basin", "Rastrigin 1974, inside one basin"),
    _row("ackley", 1e-2, 500, adam(0.001), "a minimum without a slope of zero", "Ackley 1987, inside one basin"),
    _row("powell", 1e-3, 500, adam(1.0), "a singular Hessian", "Powell 1962"),
    _row("wood", 1e-2, 1000, nadam(1.0), "a saddle in a valley", "Colville 1968"),
    _row("goldstein_price", 1e-2, 300, adam(0.1), "gradients from 1e-2 to 1e5", "Goldstein & Price 1971"),
    _row("branin", 1e-3, 200, adam(0.1), "three equal minima", "Branin 1972"),
    _row(
        "zakharov", 1e-2, 500, clipped(sgd(0.03)), "walls 1e4 steeper than the floor", "Zakharov, see Jamil & Yang 2013"
    ),
    _row("easom", 1e-3, 200, adam(0.01), "a hole with a plain around it", "Easom 1990"),
]
