"""Many small problems in one call, and the first call on one, beside loops of scipy and of jitted solves.

All of `jgd.minimize_many` in one call runs against a loop of scipy's L-BFGS-B with a jitted gradient, one problem after
another, and against a loop that calls one jitted `jgd.minimize` again and again.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone, in_turn, timed, without_ratio

STOP = jgd.Stop(gradient_norm=1e-6, max_evaluations=1000)
SOLVED = 1e-8  # of Rosenbrock's function, whose least value is 0


def rosenbrock(x: jax.Array) -> jax.Array:
    """Return sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def many(quick: bool = False, count: int = 1000, repeats: int = 3) -> Yields:
    """1,000 problems of two variables in one call against a loop of scipy."""
    count, repeats = (8, 1) if quick else (count, repeats)
    points = starts_of(count, 2)
    with jax.enable_x64(True):
        sides = {"jgd.minimize_many": lambda: at_once(points), "loop of scipy": lambda: with_scipy(points)}
        found = in_turn(sides, repeats)
    yield from compared(found, "1,000 problems in one call over a loop of scipy", 50)


def starts(quick: bool = False, count: int = 1024, repeats: int = 3) -> Yields:
    """1,024 starts of a problem of ten variables by BFGS in one call against a loop over jitted solves."""
    count, repeats = (8, 1) if quick else (count, repeats)
    points = starts_of(count, 10)
    with jax.enable_x64(True):
        sides = {"jgd.minimize_many": lambda: at_once(points), "loop of solves": lambda: one_by_one(points)}
        found = in_turn(sides, repeats)
    yield from compared(found, "1,024 BFGS starts in one call over a loop of jitted solves", 10)


def first_call(quick: bool = False, repeats: int = 3) -> Yields:
    """Seconds of the first fit of a curve and of the first search by BFGS, compiling included, against optimistix's."""
    sides: dict[str, Callable[[], float]] = {
        "jgd.curve_fit": lambda: first_seconds(fit_with_jgd, FITTED),
        "jgd.minimize": lambda: first_seconds(search_with_jgd, np.ones(2)),
    }
    if find_spec("optimistix"):
        sides["optimistix.least_squares"] = lambda: first_seconds(fit_with_optimistix, FITTED)
        sides["optimistix.minimise"] = lambda: first_seconds(search_with_optimistix, np.ones(2))
    with jax.enable_x64(True):
        found = in_turn(sides, 1 if quick else repeats)
    for name, seconds in found.items():
        yield {"side": name, **without_ratio(timed(seconds, seconds))}
    texts = ("first fit of three parameters over optimistix's", "first search by BFGS over optimistix's")
    for text, ours, theirs in zip(texts, list(sides)[:2], list(sides)[2:], strict=False):
        times = np.median(found[ours]) / np.median(found[theirs])
        yield Claim(text, float(times), 1.2, at_least=False)


def starts_of(count: int, n: int) -> np.ndarray:
    """Return starts around Rosenbrock's own, f[count, n]."""
    return np.random.default_rng(0).normal(np.tile((-1.2, 1.0), n // 2), 0.5, (count, n))


def compared(found: dict[str, list[tuple[float, np.ndarray]]], text: str, goal: float) -> Yields:
    """Yield a row for each side, with the share that it solved, and the claim that the first is faster."""
    ours, theirs = found
    seconds = {name: [run[0] for run in runs] for name, runs in found.items()}
    for name, runs in found.items():
        solved = 100 * float(np.mean(runs[-1][1] <= SOLVED))
        yield {"side": name, **without_ratio(timed(seconds[name], seconds[ours])), "solved_percent": solved}
    yield Claim(text, float(np.median(seconds[theirs]) / np.median(seconds[ours])), goal)


def at_once(points: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the seconds of a call, once it is compiled, and the values."""
    call = lambda: jgd.minimize_many(rosenbrock, "bfgs", jnp.asarray(points), STOP)  # noqa: E731
    return repeated(lambda: np.asarray(call().value))


def one_by_one(points: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the same, in a loop over one jitted solve."""
    solve = jax.jit(lambda x: jgd.minimize(rosenbrock, "bfgs", x, STOP).value)
    return repeated(lambda: np.array([float(solve(x)) for x in points]))


def with_scipy(points: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the same, in a loop of scipy."""
    from scipy.optimize import minimize

    fn = jax.jit(jax.value_and_grad(rosenbrock))

    def value_and_grad(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, grad = fn(x)
        return float(value), np.asarray(grad)

    options = {"gtol": 1e-6, "ftol": 0.0, "maxfun": 1000}
    call = lambda x: minimize(value_and_grad, x, jac=True, method="L-BFGS-B", options=options).fun  # noqa: E731
    return repeated(lambda: np.array([call(x) for x in points]))


def repeated(call: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Call twice, and return the seconds of the second time, and what it returned."""
    call()
    clock = time.perf_counter()
    values = call()
    return time.perf_counter() - clock, values


def curve(x: Any, params: jax.Array) -> jax.Array:
    """Return a exp(-b x) + c."""
    return params[0] * jnp.exp(-params[1] * x) + params[2]


FITTED = np.array([2.5, 1.3, 0.5])
X = np.linspace(0, 4, 40)
Y = 2.5 * np.exp(-1.3 * X) + 0.5 + 0.01 * np.cos(9 * X)


def first_seconds(call: Callable[[], Any], known: np.ndarray) -> float:
    """Return the seconds of processors that a call takes with no programs left from before; it must find what is known.

    Those of the process and not of the clock, which other work beside would lengthen.
    """
    jax.clear_caches()
    clock = time.process_time()
    params = np.asarray(call())
    seconds = time.process_time() - clock
    assert np.allclose(params, known, atol=0.05), params
    return seconds


def fit_with_jgd() -> Any:
    """Return the parameters that `jgd.curve_fit` finds."""
    return jgd.curve_fit(curve, X, Y, jnp.ones(3)).params  # pyright: ignore[reportAttributeAccessIssue]


def fit_with_optimistix() -> Any:
    """Return the parameters that optimistix's Levenberg-Marquardt finds."""
    import optimistix as optx  # pyright: ignore[reportMissingImports]

    solver = optx.LevenbergMarquardt(rtol=1e-8, atol=1e-8)
    return optx.least_squares(lambda p, args: curve(X, p) - Y, solver, jnp.ones(3)).value


def search_with_jgd() -> Any:
    """Return the parameters that `jgd.minimize` finds."""
    return jgd.minimize(rosenbrock, "bfgs", jnp.array([-1.2, 1.0])).params


def search_with_optimistix() -> Any:
    """Return the parameters that optimistix's BFGS finds."""
    import optimistix as optx  # pyright: ignore[reportMissingImports]

    solver = optx.BFGS(rtol=1e-8, atol=1e-8)
    return optx.minimise(lambda x, args: rosenbrock(x), solver, jnp.array([-1.2, 1.0])).value


if __name__ == "__main__":
    alone(many, starts, first_call)
