"""A smooth function with a start and known minima, as deterministic solvers are compared on."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Function = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class SmoothProblem:
    """A function f[n] -> scalar to minimize, where a solver starts, and the values at its known minima.

    name      Its name and size, such as "watson_9".
    fn        The objective; where there is a residual, the sum of its squares, as Moré, Garbow & Hillstrom (1981)
              print it. Solvers that call half of that their value report half of these minima.
    start     The published start, n numbers. It may lie outside the bounds, as published ones do.
    minima    Values of `fn` at its known local minima and plateaus, ascending, to float64's accuracy.
    source    Whose problem it is.
    residual  f[n] -> f[m], or None where the objective is no sum of squares.
    lower     n least values, -inf for none; empty where the problem has no bounds.
    upper     n largest values, inf for none; empty where the problem has no bounds.

    Functions compute in the dtype of their argument: float32 stays float32 where float64 is enabled.
    """

    name: str
    fn: Function
    start: tuple[float, ...]
    minima: tuple[float, ...]
    source: str
    residual: Function | None = None
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()

    @property
    def n(self) -> int:
        """The number of variables."""
        return len(self.start)

    @property
    def m(self) -> int | None:
        """The number of residuals; None where there are none."""
        if self.residual is None:
            return None
        return jax.eval_shape(self.residual, jax.ShapeDtypeStruct((self.n,), jnp.float32)).shape[0]


def squares(
    name: str, residual: Function, start: Iterable[float], minima: Sequence[float], source: str, **bounds: Any
) -> SmoothProblem:
    """Make the problem of the least sum of squares of a residual."""

    def fn(x: jax.Array) -> jax.Array:
        return jnp.sum(residual(x) ** 2)

    return SmoothProblem(name, fn, tuple(map(float, start)), tuple(minima), source, residual, **bounds)


def scalar(
    name: str, fn: Function, start: Iterable[float], minima: Sequence[float], source: str, **bounds: Any
) -> SmoothProblem:
    """Make the problem of an objective that is no sum of squares, or whose residual nobody uses."""
    return SmoothProblem(name, fn, tuple(map(float, start)), tuple(minima), source, **bounds)


def data_of(x: jax.Array, values: Any) -> jax.Array:
    """Return measured values in the dtype of `x`."""
    return jnp.asarray(values, x.dtype)


def count_to(x: jax.Array, m: int) -> jax.Array:
    """Return 1, 2, ..., m in the dtype of `x`."""
    return jnp.arange(1, m + 1, dtype=x.dtype)
