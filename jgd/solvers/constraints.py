"""Constraints as users state them: functions of the parameters that return pytrees, with their limits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import Kind, checked, function_of
from jgd.core.errors import InputError
from jgd.core.record import as_function, part, record
from jgd.core.tree import name_of
from jgd.core.types import Params
from jgd.core.user_code import attempt
from jgd.nonsmooth.nonsmooth import broadcasts
from jgd.solvers.derivatives import is_traced
from jgd.solvers.methods.constraint_rows import ConstraintRows
from jgd.solvers.methods.vector import Vector


@record
class Constraint:
    """lower <= fun(params, *args) <= upper; `equality` and `inequality` make one."""

    fun: Any = part()  # a function as a pytree
    lower: Any = part(default=None)
    upper: Any = part(default=None)


SCIPY_TAKES = "jgd.interop.scipy takes scipy's"  # of the forms of a problem
FUN = function_of("(params, *args) -> a tree of arrays")
LIMITS = Kind(
    "be a number, an array, or a tree of them like the function's values",
    lambda x: (
        bool(jax.tree.leaves(x)) and all(_is_real_number(leaf) for leaf in jax.tree.leaves(x)) and not callable(x)
    ),
)


@checked(fun=FUN, value=LIMITS)
def equality(fun: Callable[..., Any], value: Any = 0.0) -> Constraint:
    """Ask that `fun(params, *args)` be `value`: a constraint of `jgd.minimize`.

    `fun` returns any pytree of real arrays; `value` is a number, or a tree like it. It may be traced and batched, and a
    solution has a derivative with respect to it.
    """
    return Constraint(as_function(fun), value, value)


@checked(fun=FUN, lower=LIMITS, upper=LIMITS)
def inequality(fun: Callable[..., Any], lower: Any = None, upper: Any = None) -> Constraint:
    """Ask that `lower <= fun(params, *args) <= upper`, of which None is no limit: a constraint of `jgd.minimize`.

    `fun` returns any pytree of real arrays; each limit is a number, or a tree like it. scipy's "ineq" is `lower=0`.
    Limits may be traced and batched, and a solution has a derivative with respect to them. Limits that are equal are
    an equality.
    """
    if lower is None and upper is None:
        raise InputError("inequality(lower=None, upper=None): nothing is asked; pass a lower or an upper limit.")
    return Constraint(as_function(fun), lower, upper)


CONSTRAINTS = Kind(
    "be a constraint, such as jgd.inequality(fun, upper=1.0), or a tuple, list or dict of them; "
    f"{SCIPY_TAKES} dicts and constraints",
    lambda x: all(isinstance(one, Constraint) for one in each_of(x)),
)


def each_of(constraints: Any) -> list[Any]:
    """Return the constraints of a tree, in its order."""
    return jax.tree.leaves(constraints, is_leaf=lambda x: isinstance(x, Constraint))


def constraint_tree(constraints: Any, fill: Callable[[Constraint], Any]) -> Any:
    """Return the tree with something in the place of each constraint."""
    return jax.tree.map(fill, constraints, is_leaf=lambda x: isinstance(x, Constraint))


def form_of(constraints: Any, params: Params, args: tuple[Any, ...]) -> Vector:
    """Return the form of all values together, which are one vector f[m]."""
    values = constraint_tree(constraints, lambda one: jax.eval_shape(one.fun, params, *args))
    return Vector.like(values)


def rows_of(constraints: Any, form: Vector, params: Params, args: tuple[Any, ...]) -> ConstraintRows:
    """Return the constraints as methods see them, of parameters that are a vector of this form."""
    values = form_of(constraints, params, args)

    def limit(name: str, otherwise: float) -> jax.Array:
        def of(one: Constraint) -> Any:
            given, like = getattr(one, name), jax.eval_shape(one.fun, params, *args)
            given = otherwise if given is None else given
            if jax.tree.structure(given) == jax.tree.structure(0.0):
                given = jax.tree.map(lambda _: given, like)
            return given

        return values.pack(constraint_tree(constraints, of))

    def fn(x: jax.Array) -> jax.Array:
        tree = form.unpack(x)
        return values.pack(constraint_tree(constraints, lambda one: one.fun(tree, *args))).astype(x.dtype)

    dtype = form.dtype
    return ConstraintRows(fn, limit("lower", -jnp.inf).astype(dtype), limit("upper", jnp.inf).astype(dtype))


def check_constraints(
    place: str, constraints: Any, params: Params, args: tuple[Any, ...], at_start: bool = True
) -> None:
    """Refuse constraints whose values are no real arrays, or not finite at the start, and limits that do not fit.

    Without `at_start` they are not evaluated.
    """
    for i, one in enumerate(each_of(constraints)):
        name = getattr(getattr(one.fun, "fn", one.fun), "__qualname__", type(one.fun).__name__)
        here = f"{place}(constraints=): constraint {i}, {name}"
        values = attempt(f"{here}: fun(params, *args)", lambda one=one: jax.eval_shape(one.fun, params, *args))
        if not jax.tree.leaves(values):
            raise InputError(f"{here}: it returns no arrays; return the values that are to be limited.")
        for path, x in jax.tree_util.tree_leaves_with_path(values):
            if not jnp.issubdtype(x.dtype, jnp.floating):
                raise InputError(
                    f"{here}: it must return real floating numbers, not {x.dtype}{list(x.shape)} at {name_of(path)}; "
                    "return differences, or the real and imaginary parts."
                )
        lower, upper = (_fitted(f"{here}: {side}", getattr(one, side), values) for side in ("lower", "upper"))
        _check_order(here, lower, upper, values)
        if at_start and not is_traced():
            found = one.fun(params, *args)
            if not all(np.all(np.isfinite(x)) for x in jax.tree.leaves(found)):
                raise InputError(f"{here}: it is infinite or NaN at the start; begin where it is finite.")


def _fitted(place: str, given: Any, values: Any) -> list[Any] | None:
    """Return the leaves of a limit for each of the values, refused where their shapes do not broadcast."""
    if given is None:
        return None
    leaves = jax.tree_util.tree_leaves_with_path(values)
    if jax.tree.structure(given) == jax.tree.structure(0.0):
        limits = [given] * len(leaves)
    elif jax.tree.structure(given) == jax.tree.structure(values):
        limits = jax.tree.leaves(given)
    else:
        raise InputError(
            f"{place} is {jax.tree.structure(given)}, and the values are {jax.tree.structure(values)}; pass a number, "
            "or a tree like them."
        )
    for (path, x), limit in zip(leaves, limits, strict=True):
        if not broadcasts(np.shape(limit), x.shape):
            raise InputError(
                f"{place}: at {name_of(path)} it has shape {np.shape(limit)}, and the value {x.shape}; pass a number, "
                "or one of its shape."
            )
    return limits


def _check_order(place: str, lower: list[Any] | None, upper: list[Any] | None, values: Any) -> None:
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(values)]
    sides = (side if side is not None else [end] * len(paths) for side, end in ((lower, -np.inf), (upper, np.inf)))
    for path, low, high in zip(paths, *sides, strict=True):
        if any(isinstance(x, jax.core.Tracer) for x in (low, high)):
            continue
        if not np.all(np.asarray(low) <= np.asarray(high)):
            raise InputError(
                f"{place}: at {name_of(path)} a lower limit is NaN or above the upper one; pass lower <= upper."
            )


def _is_real_number(x: Any) -> bool:
    if isinstance(x, (bool, complex, str)):
        return False
    return isinstance(x, (int, float)) or (hasattr(x, "dtype") and np.dtype(x.dtype).kind in "iuf")
