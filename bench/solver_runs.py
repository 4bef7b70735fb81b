"""One method on one smooth problem, by passes: what it reached after how many, and whether it says so rightly."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.tasks import SmoothProblem

MOST = 2000  # passes
NEAR, STRICT, FLAT = 1e-7, 1e-10, 1e-6


class SpentError(Exception):
    """End a method that has had its passes."""


class Ran(NamedTuple):
    """A run: the value at each pass, in order, and the point that the method returned."""

    problem: SmoothProblem
    values: Sequence[float]  # NaN at a pass without a value
    x: np.ndarray
    said: bool  # whether the method says that it has converged
    dtype: Any = np.float64  # that it computed in

    def solved(self, tolerance: float = NEAR) -> bool:
        """Tell whether the point has a known minimum to `tolerance` of it (or below that, where it is 0), or no slope.

        No slope: the largest entry of the (projected) gradient is at most 1e-6 max(1, |f|). A `tolerance` of STRICT
        asks for the value alone. In another `dtype` the point may also be off by the rounding of values there.
        """
        value, slope = at_point(self.problem, self.x, self.dtype)
        if near(self.problem, value, tolerance):
            return True
        flat = slope <= FLAT * max(1.0, abs(value))
        return tolerance > STRICT and (flat or self._is_within_rounding(value))

    def _is_within_rounding(self, value: float) -> bool:
        """Tell whether all that the point has left to gain, by a test in float64, is the rounding of values in `dtype`.

        That is ten rounding units of the value, or what values are off by around the point: there, and where every
        parameter is moved by as much as one rounding unit, at random, 8 times. What is left is the gap to a known
        minimum, or what Newton's step promises over the parameters that no bound holds, by the absolute values of the
        Hessian's eigenvalues.
        """
        eps = float(np.finfo(self.dtype).eps)
        if np.dtype(self.dtype) == np.float64:
            return False
        moves = np.random.default_rng(0).uniform(-1, 1, (9, self.x.size)) * eps
        moves[0] = 0
        points = [np.asarray(self.x * (1 + move), self.dtype) for move in moves]
        run = compiled(self.problem, "value")
        off = max(abs(float(run(jnp.asarray(x))) - float(run(jnp.asarray(x, np.float64)))) for x in points)
        left = min(abs(value - least) for least in self.problem.minima)
        return min(left, self._newton_gain()) <= max(off, 10 * eps * abs(value))

    def _newton_gain(self) -> float:
        """Return by how much Newton's step at the point lowers the quadratic model, where bounds may cut nothing off.

        A parameter at a bound that the gradient points at stays there.
        """
        x = jnp.asarray(self.x, np.float64)
        grad = np.asarray(compiled(self.problem, "value_and_grad")(x)[1])
        lower, upper = bounds_of(self.problem, self.dtype)
        free = ~(((self.x <= lower) & (grad > 0)) | ((self.x >= upper) & (grad < 0)))
        values, basis = np.linalg.eigh(np.asarray(compiled(self.problem, "hessian")(x))[np.ix_(free, free)])
        sizes = np.maximum(np.abs(values), float(np.finfo(float).eps) * np.abs(values).max(initial=0.0))
        return float(np.sum((basis.T @ grad[free]) ** 2 / sizes) / 2)

    def passes(self) -> float:
        """Return the passes until a value is a known minimum to 1e-7 of it; infinity where none is."""
        return first(near(self.problem, np.array(self.values, float), NEAR))

    def passes_to(self, tau: float) -> float:
        """Return the passes until f - f* <= tau (f_0 - f*) (Moré & Wild 2009); infinity where it never was.

        f* is the known minimum nearest to the least value that was found.
        """
        values = np.array(self.values, float)
        if not np.isfinite(values).any():
            return math.inf
        best = np.nanmin(values)
        least = min(self.problem.minima, key=lambda known: abs(best - known))
        return first(values - least <= tau * (values[0] - least))


def near(problem: SmoothProblem, value: Any, tolerance: float) -> np.ndarray:
    """Tell whether values are a known minimum to `tolerance` of it, or to `tolerance` where it is 0."""
    return np.any([np.abs(value - least) <= tolerance * (abs(least) or 1.0) for least in problem.minima], axis=0)


def first(hit: np.ndarray) -> float:
    """Return which is the first that holds, from 1; infinity where none does."""
    return float(np.argmax(hit) + 1) if hit.any() else math.inf


class Counted:
    """A problem whose passes are counted on the host, in float64 or the dtype of its point.

    A value with its gradient, a residual, a residual with its Jacobian, or a Hessian is one pass each time it is asked
    for. Points that it gives and takes are numpy's.
    """

    def __init__(self, problem: SmoothProblem, dtype: Any = np.float64) -> None:
        self.problem, self.values = problem, []
        self.start = start_of(problem).astype(dtype)
        self.best: tuple[float, np.ndarray] = (math.inf, self.start)
        self._dtype = dtype

    def value_and_grad(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return f and its gradient."""
        value, grad = compiled(self.problem, "value_and_grad")(self._given(x))
        self._note(float(value), x)
        return float(value), np.asarray(grad, np.float64)

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """Return the Hessian."""
        self._note(math.nan, x)
        return np.asarray(compiled(self.problem, "hessian")(self._given(x)), np.float64)

    def residual(self, x: np.ndarray) -> np.ndarray:
        """Return the residual."""
        residual = np.asarray(compiled(self.problem, "residual")(self._given(x)), np.float64)
        self._note(float(np.sum(residual**2)), x)
        return residual

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Return the Jacobian of the residual."""
        self._note(math.nan, x)
        return np.asarray(compiled(self.problem, "jacobian")(self._given(x)), np.float64)

    def _given(self, x: np.ndarray) -> jax.Array:
        return jnp.asarray(x, self._dtype)

    def _note(self, value: float, x: np.ndarray) -> None:
        if len(self.values) >= MOST:
            raise SpentError
        self.values.append(value)
        if value < self.best[0]:
            self.best = value, np.array(x)


def counted_run(counted: Counted, call: Callable[[], tuple[np.ndarray, bool]]) -> Ran:
    """Run a method on a counted problem; where its passes end or it fails, the best point counts, and nothing is said.

    `call` returns the point and whether it has converged.
    """
    try:
        x, said = call()
    except (SpentError, ValueError, np.linalg.LinAlgError):
        x, said = counted.best[1], False
    return Ran(counted.problem, counted.values, np.asarray(x, np.float64), said)


def start_of(problem: SmoothProblem) -> np.ndarray:
    """Return the start, moved into the bounds."""
    return np.clip(np.array(problem.start), *bounds_of(problem))


def bounds_of(problem: SmoothProblem, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds as a method in `dtype` sees them, infinite where there are none."""
    low, high = (problem.lower, problem.upper) if problem.lower else ([-np.inf], [np.inf])
    return np.asarray(low, dtype).astype(float), np.asarray(high, dtype).astype(float)


def at_point(problem: SmoothProblem, x: np.ndarray, dtype: Any = np.float64) -> tuple[float, float]:
    """Return the value and the largest entry of the gradient, projected on the bounds; NaN outside the bounds.

    Bounds are those that the method saw, in the `dtype` that it found the point in.
    """
    value, grad = compiled(problem, "value_and_grad")(jnp.asarray(x, np.float64))
    x, slope = np.asarray(x, np.float64), np.asarray(grad)
    if problem.lower:
        lower, upper = bounds_of(problem, dtype)
        if np.any(x < lower) or np.any(x > upper):
            return math.nan, math.nan
        slope = np.clip(x - slope, lower, upper) - x
    return float(value), float(np.max(np.abs(slope)))


_PROGRAMS: dict[tuple[str, str], Callable[..., Any]] = {}


def compiled(problem: SmoothProblem, kind: str) -> Callable[..., Any]:
    """Return the jitted value, value_and_grad, hessian, residual or jacobian of a problem, once each."""
    made = {
        "value": lambda: problem.fn,
        "value_and_grad": lambda: jax.value_and_grad(problem.fn),
        "hessian": lambda: jax.hessian(problem.fn),
        "residual": lambda: problem.residual,
        "jacobian": lambda: jax.jacfwd(problem.residual),  # type: ignore[arg-type]
    }
    if (problem.name, kind) not in _PROGRAMS:
        _PROGRAMS[problem.name, kind] = jax.jit(made[kind]())  # type: ignore[arg-type]
    return _PROGRAMS[problem.name, kind]
