"""scipy's constraints as jgd's: dicts, LinearConstraint, NonlinearConstraint."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.core.record import as_function, part, record
from jgd.interop.scipy.arguments import as_tuple, function_for
from jgd.solvers.constraints import Constraint, equality, inequality

KEYS = ("type", "fun", "jac", "args")


@record
class _Bound:
    """A function with arguments of its own, which ignores those of the objective."""

    fun: Any = part()
    args: tuple[Any, ...] = part(default=())

    def __call__(self, x: jax.Array, *_: Any) -> Any:
        return self.fun(x, *self.args)


@record
class _Linear:
    """The map x -> A x."""

    matrix: Any = part()

    def __call__(self, x: jax.Array, *_: Any) -> jax.Array:
        return jnp.asarray(self.matrix, x.dtype) @ x


def constraints_of(place: str, constraints: Any, x: jax.Array) -> tuple[Constraint, ...]:
    """Return jgd's constraints of scipy's: one, or a list of them."""
    if constraints is None or (isinstance(constraints, Mapping) and not constraints):
        return ()
    several = constraints if isinstance(constraints, (list, tuple)) else [constraints]
    return tuple(_constraint(f"{place}: constraint {i}", one, x) for i, one in enumerate(several))


def _constraint(place: str, given: Any, x: jax.Array) -> Constraint:
    if isinstance(given, Mapping):
        return _of_dict(place, given, x)
    if np.any(getattr(given, "keep_feasible", False)):
        raise InputError(f"{place}(keep_feasible=True): no method here keeps to constraints on the way; leave it out.")
    if hasattr(given, "A"):
        matrix = np.atleast_2d(given.A.toarray() if hasattr(given.A, "toarray") else np.asarray(given.A))
        if matrix.shape[1] != x.size:
            raise InputError(f"{place}(A): it has shape {matrix.shape}, and there are {x.size} variables.")
        return inequality(_Linear(matrix.astype(float)), _limit(given.lb), _limit(given.ub))
    if hasattr(given, "fun") and hasattr(given, "lb"):
        jac = given.jac if callable(given.jac) else None
        fun = function_for(place, given.fun, jac, x, ())
        return inequality(_Bound(as_function(fun)), _limit(given.lb), _limit(given.ub))
    raise InputError(
        f"{place}: it is {shown(given)}; pass scipy's LinearConstraint or NonlinearConstraint, or a dict with 'type' "
        "and 'fun'."
    )


def _of_dict(place: str, given: Mapping[str, Any], x: jax.Array) -> Constraint:
    """Return the constraint of {'type': 'eq' | 'ineq', 'fun': f, 'jac': f', 'args': ()}: f(x) = 0 or f(x) >= 0."""
    kind = str(given.get("type")).lower()
    if kind not in ("eq", "ineq"):
        raise InputError(f"{place}(type={given.get('type')!r}): type must be 'eq' or 'ineq'.")
    if "fun" not in given:
        raise InputError(f"{place}: there is no 'fun' in it; pass the function (x, *args).")
    for key in given:
        if key not in KEYS:
            raise InputError(f"{place}({key}=): it would have no effect; known are {', '.join(KEYS)}.")
    args = as_tuple(place, given.get("args", ()))
    fun = _Bound(as_function(function_for(place, given["fun"], given.get("jac"), x, args)), args)
    return equality(fun) if kind == "eq" else inequality(fun, lower=0.0)


def _limit(value: Any) -> Any:
    array = np.asarray(value, float)
    return float(array) if array.ndim == 0 else array
