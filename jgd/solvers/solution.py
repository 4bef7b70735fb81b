"""The solution of a problem: the point, how good it is, what it cost, and why the search stopped there."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.notebook import text_html
from jgd.core.outline import brief
from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.core.types import Params
from jgd.pages.text import count

SUCCESSFUL = np.array([code for code in Status if code.converged or code is Status.PRECISION], np.int32)
"""How searches end that have found what they looked for."""


class History(NamedTuple):
    """The evaluations in their order; NaN where a line search of an optimizer evaluated by itself."""

    value: jax.Array  # f[evaluations]
    gradient_norm: jax.Array  # f[evaluations], at the last accepted point
    accepted: jax.Array  # bool[evaluations], whether it became the new point

    @classmethod
    def empty(cls, length: int, dtype: Any) -> "History":
        """Return room for so many evaluations; further ones are not kept."""
        unknown = jnp.full(length, jnp.nan, dtype)
        return cls(unknown, unknown, jnp.zeros(length, bool))

    def put(self, index: Any, value: Any, gradient_norm: Any, accepted: Any) -> "History":
        """Return the history with an evaluation more."""
        return History(
            self.value.at[index].set(value),
            self.gradient_norm.at[index].set(gradient_norm),
            self.accepted.at[index].set(accepted),
        )


@record
class Solution:
    """Hold the point and what is known about it. A pytree: under `vmap` every field has a leading axis.

    `status` is a `Status`; where the solver was called under `jit` or `vmap`, an i32 array of them, to be read with
    `Status.of`. scipy's names of the fields work as well: `x`, `fun`, `nfev`, `nit`, `success`, `message`.
    """

    params: Params = part()
    value: Any = part()  # of params, the whole objective
    gradient_norm: Any = part()  # the norm that is 0 at a solution: of the gradient, projected where there are bounds
    steps: Any = part()  # i32[], the steps taken
    status: Any = part()
    aux: Any = part(default=None)  # of params, where the function has one
    evaluations: Any = part(default=None)  # i32[], how often the function was evaluated with its derivatives
    history: Any = part(default=None)  # a History, where it was asked for
    residual: Any = part(default=None)  # f[m], of least squares and of equations
    multipliers: Any = part(default=None)  # of the constraints, in their structure: those of f + y'c
    violation: Any = part(default=None)  # f[], by how much the worst of the constraints is missed
    redrawn: Any = part(default=None)  # i32[], how often `minimize_many` drew another start

    @property
    def x(self) -> Params:
        """The parameters."""
        return self.params

    @property
    def fun(self) -> Any:
        """The value."""
        return self.value

    @property
    def nit(self) -> Any:
        """The steps."""
        return self.steps

    @property
    def nfev(self) -> Any:
        """The evaluations."""
        return self.evaluations

    @property
    def success(self) -> Any:
        """Whether a threshold was reached, or all that the dtype allows; bool, with the leading axes of `status`.

        Under `jit` and `vmap` a traced one.
        """
        if isinstance(self.status, jax.core.Tracer):
            return jnp.isin(self.status, SUCCESSFUL)
        found = np.isin(np.asarray(self.status), SUCCESSFUL)
        return found if found.ndim else bool(found)

    @property
    def is_feasible(self) -> Any:
        """Whether constraints hold, bool[], with the leading axes of `status`; true where there are none.

        They hold where a threshold was reached; elsewhere where none is missed by more than sqrt(eps).
        """
        if self.violation is None:
            return jnp.ones(jnp.shape(self.value), bool)
        return self.success | (self.violation <= jnp.finfo(self.violation.dtype).eps ** 0.5)

    @property
    def best_first(self) -> jax.Array:
        """Rank many solutions, i32[n]: those that obey their constraints first, then by their value, NaN last."""
        value = jnp.where(jnp.isfinite(self.value), self.value, jnp.inf)
        if self.violation is None:
            return jnp.argsort(value)
        missed = jnp.where(jnp.isfinite(self.violation), self.violation, jnp.inf)
        return jnp.lexsort((value, jnp.where(self.is_feasible, 0.0, missed)))

    @property
    def message(self) -> Any:
        """Why it stopped, in a sentence; an array of them where there are many solutions."""
        codes = np.asarray(self.status)
        said = np.vectorize(lambda code: str(Status(code)), otypes=[object])(codes)
        return said if codes.ndim else str(said)

    def __repr__(self) -> str:
        if isinstance(self.status, jax.core.Tracer):
            given = (field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None)
            return f"Solution({', '.join(f'{name}={getattr(self, name)!r}' for name in given)})"
        codes, counts = np.unique(np.asarray(self.status), return_counts=True)
        if np.ndim(self.status):
            reasons = [f"{times} {Status.of(code)}" for code, times in zip(codes, counts, strict=True)]
            return "\n  ".join([self._summary(), *reasons])
        missed = "" if self.violation is None else f", violation {float(self.violation):.3g}"
        cost = "" if self.evaluations is None else f" and {count(int(self.evaluations), 'evaluation')}"
        return (
            f"Solution after {count(int(self.steps), 'step')}{cost}: value {float(self.value):.6g}, gradient norm "
            f"{float(self.gradient_norm):.3g}{missed}\n  {Status.of(self.status)}\n  params: {brief(self.params)}"
        )

    def _summary(self) -> str:
        """Tell how many solutions there are, the median of their values, and which is the best."""
        many = count(np.size(self.status), "solution")
        value = np.where(np.isfinite(self.value), self.value, np.inf)
        if np.ndim(self.status) != 1 or np.isinf(value).all():
            return many
        best = int(self.best_first[0])
        params = jax.tree.map(lambda x: x[best], self.params)
        return (
            f"{many}: the best has value {value[best]:.6g}, the median {np.median(value):.6g}\n"
            f"  the best, at index {best}: {brief(params)}"
        )

    _repr_html_ = text_html


def finished(solution: Solution) -> Solution:
    """Return the solution with its `Status`, and with the history that there is, where it is no tracer."""
    if isinstance(solution.status, jax.core.Tracer):
        return solution
    history = solution.history
    if history is not None:
        # NumPy compiles nothing.
        history = jax.tree.map(lambda x: jax.device_put(np.asarray(x)[: int(solution.evaluations)]), history)
    return dataclasses.replace(solution, status=Status.of(solution.status), history=history)
