"""The problem as a user states it, checked, and as the methods see it."""

import dataclasses
import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import Kind
from jgd.core.errors import InputError
from jgd.core.leaves import check_real
from jgd.core.outline import shown
from jgd.core.record import part, record, static
from jgd.core.tree import check_inexact, name_of
from jgd.core.types import Params
from jgd.core.user_code import attempt
from jgd.nonsmooth.composed import Composed
from jgd.nonsmooth.nonsmooth import broadcasts
from jgd.solvers.constraints import SCIPY_TAKES, constraint_tree, form_of, rows_of
from jgd.solvers.methods.from_transform import FromTransform
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.objective import Objective
from jgd.solvers.methods.vector import Trees, Vector
from jgd.solvers.solution import Solution


@record
class UserProblem:
    """A function with what belongs to it. A pytree, so that programs take the arrays in it as arguments."""

    fn: Any = part()  # a function as a pytree
    args: tuple[Any, ...] = part(default=())
    bounds: Any = part(default=None)  # (lower, upper), both of the parameters' structure and shapes
    nonsmooth: Any = part(default=None)
    hess: Any = part(default=None)  # a function as a pytree
    loss: Any = part(default=None)  # of residuals, a RobustLoss
    constraints: Any = part(default=None)  # a Constraint, or a tree of them
    has_aux: bool = static(default=False)
    is_residual: bool = static(default=False)
    is_equations: bool = static(default=False)
    shows_residuals: bool = static(default=False)  # the aux is (residuals, the user's aux)

    def objective(self, params: Params) -> tuple[Any, Any]:
        """Return the value, or the residual, and what comes with it."""
        return self.fn(params, *self.args) if self.has_aux else (self.fn(params, *self.args), None)

    def with_args(self, args: tuple[Any, ...]) -> "UserProblem":
        """Return the same with other arguments."""
        return dataclasses.replace(self, args=args)

    def as_returned(self, solution: Solution) -> Solution:
        """Return the solution with residuals and aux as the user's function returned them, and multipliers likewise."""
        solution = self._with_multipliers(solution)
        if not self.shows_residuals:
            return solution
        residual, aux = solution.aux
        return dataclasses.replace(solution, residual=residual, aux=aux)

    def _with_multipliers(self, solution: Solution) -> Solution:
        """Return the solution with multipliers in the constraints' structure and their violation, if there are any."""
        if self.constraints is None:
            return dataclasses.replace(solution, multipliers=None)
        form = form_of(self.constraints, solution.params, self.args)
        rows = rows_of(self.constraints, Vector.like(solution.params), solution.params, self.args)
        c = form.pack(constraint_tree(self.constraints, lambda one: one.fun(solution.params, *self.args)))
        missed = jnp.max(rows.violation(c), initial=0.0)
        return dataclasses.replace(solution, multipliers=form.unpack(solution.multipliers), violation=missed)

    def for_method(self, method: Method, params: Params) -> tuple[Objective, Vector | Trees]:
        """Return the problem as the method sees it: on the user's trees for optimizers, else on vectors of a form."""
        if isinstance(method, FromTransform):
            return self.on_trees(), Trees()
        form = Vector.like(params)
        return self.on_vectors(form), form

    def on_trees(self) -> Objective:
        """Return the problem whose parameters are the user's."""
        lower, upper = self.bounds or (None, None)
        return Objective(self.objective, self.is_residual, lower, upper, self.nonsmooth, loss=self.loss)

    def on_vectors(self, form: Vector) -> Objective:
        """Return the problem whose parameters are a vector of this form."""
        lower, upper = (None, None) if self.bounds is None else map(form.pack, self.bounds)
        nonsmooth = None if self.nonsmooth is None else _OnVectors(self.nonsmooth, form)
        hess = None if self.hess is None else form.over(lambda x: form.pack_matrix(self.hess(x, *self.args)))
        fn = form.over(self.objective)
        rows = None if self.constraints is None else rows_of(self.constraints, form, form.tree, self.args)
        return Objective(fn, self.is_residual, lower, upper, nonsmooth, hess, self.loss, self.is_equations, rows)


class _OnVectors:
    """A non-smooth part of the objective, of a vector x: h(x), or h(A x) where it is composed with a linear map."""

    def __init__(self, nonsmooth: Any, form: Vector) -> None:
        self.of_tree, self.form = nonsmooth, form
        self.is_composed = isinstance(nonsmooth, Composed)
        self.inner, self.beyond = nonsmooth, form
        if self.is_composed:
            shapes: Any = jax.eval_shape(nonsmooth.at, form.tree)
            self.inner = nonsmooth.penalty
            self.beyond = Vector.like(jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes))

    def value(self, x: jax.Array) -> jax.Array:
        """Return its value."""
        return self.of_tree.value(self.form.unpack(x))

    def prox(self, x: jax.Array, step: Any) -> jax.Array:
        """Return its prox; one that is composed has none."""
        return self.of_tree.prox(x, step) if self.is_composed else self.prox_beyond(x, step)

    def linear(self, x: jax.Array) -> jax.Array:
        """Return A x, f[m]: x itself where there is no A."""
        return self.beyond.pack(self.of_tree.at(self.form.unpack(x))) if self.is_composed else x

    def pushed(self, v: jax.Array) -> jax.Array:
        """Return the linear part of A times a vector."""
        return jax.jvp(self.linear, (jnp.zeros_like(v),), (v,))[1]

    def transposed(self, w: jax.Array) -> jax.Array:
        """Return A'w, f[n]."""
        x = jax.ShapeDtypeStruct((sum(map(math.prod, self.form.shapes)),), self.form.dtype)
        return jax.linear_transpose(self.pushed, x)(w)[0] if self.is_composed else w

    def value_beyond(self, z: jax.Array) -> jax.Array:
        """Return the value of h at z, in place of A x."""
        return self.inner.value(self.beyond.unpack(z))

    def prox_beyond(self, z: jax.Array, step: Any) -> jax.Array:
        """Return the prox of h at z."""
        return self.beyond.pack(self.inner.prox(self.beyond.unpack(z), step))

    def lmo(self, grads: jax.Array) -> jax.Array:
        """Return the point of its set that lies furthest against the gradient."""
        return self.form.pack(self._own("lmo", "jgd.nonsmooth.l1_ball(1.0)")(self.form.unpack(grads)))

    def mirror(self, x: jax.Array, grads: jax.Array, step: Any) -> jax.Array:
        """Return the step of mirror descent."""
        mirror = self._own("mirror", "jgd.nonsmooth.simplex()")
        return self.form.pack(mirror(self.form.unpack(x), self.form.unpack(grads), step))

    def divergence(self, new: jax.Array, old: jax.Array) -> jax.Array:
        """Return the divergence of mirror descent."""
        return self.of_tree.divergence(self.form.unpack(new), self.form.unpack(old))

    def _own(self, name: str, example: str) -> Any:
        """Return a method of it that not all have."""
        if not callable(getattr(self.of_tree, name, None)):
            raise InputError(
                f"minimize(nonsmooth={type(self.of_tree).__name__}): it has no {name}, which this method needs; "
                f"pass a set that has one, such as {example}, or use 'fista'."
            )
        return getattr(self.of_tree, name)


def start_of(place: str, params: Params) -> Params:
    """Return the parameters as arrays, whole numbers as floats; refused if there are none."""
    check_inexact(f"{place}(params)", params, integers=True)
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x, float)), params)
    if not jax.tree.leaves(params):
        raise InputError(f"{place}(params): there are no arrays in it; pass the point to start from.")
    return params


FUNCTION = Kind("be a function (params, *args) -> scalar; a jgd.Task is trained by jgd.fit", callable)
BOUNDS = Kind(
    f"be a pair (lower, upper), each None, a number, or a tree like the parameters; {SCIPY_TAKES} Bounds and pairs",
    lambda x: x is None or (isinstance(x, tuple | list) and len(x) == 2),
)


def bounds_of(place: str, bounds: Any, params: Params) -> tuple[Params, Params] | None:
    """Return `(lower, upper)` in the parameters' shapes. Each is None, a number, or a tree like the parameters."""
    if bounds is None:
        return None
    check_real(f"{place}(bounds=)", params, "complex ones have no order", "leave bounds out")
    lower, upper = (
        _bound(f"{place}(bounds=): {side}", given, params, otherwise)
        for side, given, otherwise in zip(("lower", "upper"), bounds, (-jnp.inf, jnp.inf), strict=True)
    )
    for (path, low), high in zip(jax.tree_util.tree_leaves_with_path(lower), jax.tree.leaves(upper), strict=True):
        traced = isinstance(low, jax.core.Tracer) or isinstance(high, jax.core.Tracer)
        if not traced and not np.all(np.asarray(low) <= np.asarray(high)):
            raise InputError(
                f"{place}(bounds=): at {name_of(path)} a lower bound is NaN or above the upper one; pass (lower, "
                "upper) with lower <= upper."
            )
    return lower, upper


def _bound(place: str, given: Any, params: Params, otherwise: float) -> Params:
    given = otherwise if given is None else given
    if jax.tree.structure(given) != jax.tree.structure(params):
        if jax.tree.structure(given) != jax.tree.structure(0):
            raise InputError(
                f"{place} is {jax.tree.structure(given)}, and the parameters are {jax.tree.structure(params)}; pass "
                f"None, a number, or a tree like the parameters; {SCIPY_TAKES} pairs (least, largest)."
            )
        given = jax.tree.map(lambda _: given, params)

    def fitted(path: Any, p: jax.Array, bound: Any) -> jax.Array:
        if not broadcasts(np.shape(bound), p.shape):
            raise InputError(
                f"{place}: at {name_of(path)} it has shape {np.shape(bound)}, and the parameter {p.shape}."
            )
        return jnp.broadcast_to(jnp.asarray(bound, p.dtype), p.shape)

    return jax.tree_util.tree_map_with_path(fitted, params, given)


def check_nonsmooth(place: str, nonsmooth: Any, bounds: Any, params: Params) -> None:
    """Refuse a non-smooth part beside bounds, and one that does not fit the parameters, from shapes alone."""
    if nonsmooth is None:
        return
    if bounds is not None:
        raise InputError(
            f"{place}(nonsmooth={type(nonsmooth).__name__}): a method takes the prox of one part, and bounds are "
            "another; leave bounds out, or put the penalty into the function if it is smooth between them."
        )
    here = f"{place}(nonsmooth={type(nonsmooth).__name__})"
    if isinstance(nonsmooth, Composed):
        _check_linear(here, nonsmooth, params)
        params, nonsmooth = jax.eval_shape(nonsmooth.at, params), nonsmooth.penalty
    if not all(hasattr(x, "dtype") or isinstance(x, (int, float)) for x in jax.tree.leaves(nonsmooth)):
        raise InputError(f"{here}: pass a pytree of numbers and arrays, such as a NamedTuple with value and prox.")
    value: Any = attempt(f"{here}: value(params)", lambda: jax.eval_shape(nonsmooth.value, params))
    if getattr(value, "shape", None) != ():
        raise InputError(f"{here}: value(params) must return a scalar, not {shown(value)}.")
    near = attempt(f"{here}: prox(params, 1.0)", lambda: jax.eval_shape(lambda x: nonsmooth.prox(x, 1.0), params))
    if jax.tree.structure(near) != jax.tree.structure(params):
        raise InputError(
            f"{here}: prox(params, step) must return a tree like the parameters, {jax.tree.structure(params)}, not "
            f"{jax.tree.structure(near)}."
        )
    for (path, x), p in zip(jax.tree_util.tree_leaves_with_path(near), jax.tree.leaves(params), strict=True):
        if x.shape != p.shape:
            raise InputError(
                f"{here}: at {name_of(path)} prox(params, step) has shape {x.shape}, and the parameter {p.shape}; "
                "return an array of its shape."
            )


def _check_linear(here: str, composed: Composed, params: Params) -> None:
    """Refuse a map that fails, and where the parameters are known one that is not linear but for a constant."""
    attempt(f"{here}: linear(params)", lambda: jax.eval_shape(composed.at, params))
    if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves((composed, params))):
        return
    none, one, two = (composed.at(jax.tree.map(lambda p, k=k: k * (p + 1), params)) for k in (0, 1, 2))
    bend = jax.tree.map(lambda a, b, c: jnp.max(jnp.abs(a - 2 * b + c), initial=0), none, one, two)
    size = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a) + jnp.abs(b), initial=0), none, two)
    if any(float(b) > 1e-3 * float(s) for b, s in zip(jax.tree.leaves(bend), jax.tree.leaves(size), strict=True)):
        raise InputError(
            f"{here}: linear(params) must be linear, but for a constant; put what bends into the function."
        )


def name_of_function(fn: Any) -> str:
    """Return the name of a user's function, which may stand in a pytree."""
    return getattr(getattr(fn, "fn", fn), "__qualname__", type(fn).__name__)


def without_aux(place: str, what: str, out: Any, has_aux: bool) -> Any:
    """Return the part of an answer that counts, or the error that there is no aux beside it."""
    if has_aux and not (isinstance(out, tuple) and len(out) == 2):
        raise InputError(f"{place}: with has_aux=True it must return ({what}, aux), not a {type(out).__name__}.")
    return out[0] if has_aux else out


def check_value(place: str, given: UserProblem, params: Params) -> None:
    """Refuse a function whose value is no real scalar, from shapes alone."""
    place = f"{place}(fn={name_of_function(given.fn)})"
    out: Any = attempt(f"{place}: fn(params, *args)", lambda: jax.eval_shape(given.fn, params, *given.args))
    value: Any = without_aux(place, "scalar", out, given.has_aux)
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        found = f"{value.dtype}{list(value.shape)}" if hasattr(value, "shape") else f"a {type(value).__name__}"
        raise InputError(
            f"{place}: it must return a real floating scalar, not {found}; reduce it, for example with .sum(), or pass "
            "has_aux=True if it returns (scalar, aux)."
        )
