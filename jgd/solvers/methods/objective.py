"""A problem as the methods see it: what can be evaluated, and what the solution must obey."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.tree import where
from jgd.core.types import Params
from jgd.solvers.methods.constraint_rows import ConstraintRows


class Point(NamedTuple):
    """A point that was evaluated."""

    params: Params
    value: jax.Array  # f[], the objective, all parts of it
    grad: Params  # of its smooth part: the direction of steepest ascent, also for complex parameters
    aux: Any = None  # what the user's function returned besides
    smooth: Any = None  # f[], the value of the smooth part, where there is another
    residual: Any = None  # f[m], of least squares and of equations
    jacobian: Any = None  # f[m, n], of the residual, or of the constraints where a method wants it
    constraint: Any = None  # f[m], where there are constraints
    multipliers: Any = None  # f[m], of the constraints, as the method knows them


@dataclass(frozen=True)
class Objective:
    """Minimize `fn` over the parameters. Methods on vectors get one whose parameters are a vector, f[n].

    fn          params -> (value, aux), the smooth part of the objective, or its residual where `is_residual`.
    lower       the least parameters, of the parameters' structure; -inf where there is no bound; None without bounds.
    upper       the largest.
    nonsmooth   the other part of the objective: `value(params)`, `prox(params, step)`, and for sets `lmo(grads)`.
    hess        params -> f[n, n], the user's own Hessian.
    loss        of residuals, in place of half the sum of their squares.
    constraints what the parameters must obey besides bounds, for methods that take them.
    is_equations  whether the residual, of n numbers, is to be 0 and not only small.
    """

    fn: Callable[[Params], tuple[Any, Any]]
    is_residual: bool = False
    lower: Params = None
    upper: Params = None
    nonsmooth: Any = None
    hess: Callable[[Params], jax.Array] | None = None
    loss: Any = None
    is_equations: bool = False
    constraints: ConstraintRows | None = None

    def evaluate(self, params: Params) -> Point:
        """Return the value and the gradient, of residuals also those and their Jacobian: one evaluation."""
        if self.is_residual:
            return self._evaluate_residual(params)
        (smooth, aux), grad = jax.value_and_grad(self.fn, has_aux=True)(params)
        # For complex parameters JAX returns the conjugate of the direction of steepest ascent.
        grad = jax.tree.map(jnp.conj, grad)
        if self.nonsmooth is None:
            return Point(params, smooth, grad, aux)
        return Point(params, smooth + self.nonsmooth.value(params), grad, aux, smooth)

    def _evaluate_residual(self, params: Params) -> Point:
        """Give half the sum of squares, its gradient J'r, r and J: by forward mode where J is tall, reverse where wide.

        The function is traced once, and its values are found once. Under a loss, r and J are weighted so that J'r is
        the gradient of the loss.
        """
        residual, forward, aux = jax.linearize(self.fn, params, has_aux=True)
        n, m = params.size, residual.size
        if n <= 2 * m:
            jacobian = jax.vmap(forward, out_axes=1)(jnp.eye(n, dtype=params.dtype))
        else:
            backward = jax.linear_transpose(forward, params)
            (jacobian,) = jax.vmap(backward)(jnp.eye(m, dtype=residual.dtype))
        if self.loss is None:
            value = (residual @ residual) / 2
        else:
            value, (ours, rows) = self.loss.value(residual), self.loss.weights(residual)
            residual, jacobian = ours * residual, rows[:, None] * jacobian
        return Point(params, value, residual @ jacobian, aux, None, residual, jacobian)

    def evaluate_residual_alone(self, params: jax.Array, known: Point) -> Point:
        """Return the point with its residual and value, but with the derivatives of a known one."""
        residual, aux = self.fn(params)
        return known._replace(params=params, value=residual @ residual / 2, aux=aux, residual=residual)

    def inside(self, params: Params) -> Params:
        """Return the nearest parameters that obey the bounds; where the non-smooth part is infinite, its prox."""
        if self.lower is not None:
            params = jax.tree.map(jnp.clip, params, self.lower, self.upper)
        if self.nonsmooth is None or getattr(self.nonsmooth, "is_composed", False):
            return params
        outside = ~jnp.isfinite(self.nonsmooth.value(params))
        return where(outside, self.nonsmooth.prox(params, 1.0), params)

    def nearest(self, params: Params, step: Any) -> Params:
        """Return the prox of what is not smooth: of the non-smooth part, or of the bounds, to which it clips."""
        return self.inside(params) if self.nonsmooth is None else self.nonsmooth.prox(params, step)

    def value(self, params: Params) -> jax.Array:
        """Return the smooth part alone."""
        return self._smooth(self.fn(params)[0])

    def total(self, params: Params) -> jax.Array:
        """Return the whole objective."""
        return self.outcome(params)[0]

    def outcome(self, params: Params) -> tuple[jax.Array, Any]:
        """Return the whole objective, and what the user's function returns besides."""
        out, aux = self.fn(params)
        return self._smooth(out) + (0.0 if self.nonsmooth is None else self.nonsmooth.value(params)), aux

    def _smooth(self, out: jax.Array) -> jax.Array:
        """Return the smooth part of what the function returned: itself, or half the squares of its residual."""
        if not self.is_residual:
            return out
        return (out @ out) / 2 if self.loss is None else self.loss.value(out)

    def stationarity(self, params: Params) -> Params:
        """Give the left side of the equations that hold at a solution, where it is 0; of the parameters' structure."""
        if self.is_equations:
            return self.fn(params)[0]
        return self.projected(params, jax.tree.map(jnp.conj, jax.grad(self.value)(params)))

    def projected(self, params: Params, grad: Params) -> Params:
        """Return the gradient as bounds or a non-smooth part leave it: x - P(x - g), 0 at a solution."""
        if self.lower is None and self.nonsmooth is None:
            return grad
        free = jax.tree.map(jnp.subtract, params, grad)
        return jax.tree.map(jnp.subtract, params, self.nearest(free, 1.0))

    @property
    def has_multipliers(self) -> bool:
        """Whether a solution is parameters with multipliers: of constraints, or of a penalty of a linear map."""
        return self.constraints is not None or getattr(self.nonsmooth, "is_composed", False)

    def optimality_conditions(self, params: jax.Array, multipliers: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Give the conditions of Karush, Kuhn & Tucker as equations: the projected gradient of f + y'c, c's residual.

        With a penalty h(A x): g + A'y, and A x - prox(A x + y), which says that y is a subgradient of h.
        """
        if self.constraints is None:
            at = self.nonsmooth.linear(params)
            pull = self.nonsmooth.transposed(multipliers)
            return jax.grad(self.value)(params) + pull, at - self.nonsmooth.prox_beyond(at + multipliers, 1.0)
        rows = self.rows
        c, backward = jax.vjp(rows.fn, params)
        grad = jax.grad(self.value)(params) + backward(multipliers.astype(c.dtype))[0]
        return self.projected(params, grad), rows.residual(c, multipliers)

    def is_feasible(self, point: Point, allowed: jax.Array | float) -> jax.Array:
        """Tell whether constraints are missed by no more than `allowed` or rounding, bool[].

        True where there are none.
        """
        if self.constraints is None:
            return jnp.array(True)
        return self.constraints.is_feasible(point.constraint, allowed)

    @property
    def rows(self) -> ConstraintRows:
        """The constraints, of which there may be none."""
        none = jnp.broadcast_to(jnp.asarray(0.0), (0,))  # weakly typed: of the point's own dtype, in x64 mode too
        return self.constraints or ConstraintRows(lambda x: jnp.zeros(0, x.dtype), none, none)

    def curvature(self, params: Params) -> Callable[[Params], Params]:
        """Return the map of a direction to the Hessian times it: the user's, or by linearizing the gradient once."""
        if self.hess is not None:
            matrix = self.hessian(params)
            return lambda direction: matrix @ direction
        return jax.linearize(jax.grad(self.value), params)[1]

    def hessian(self, params: jax.Array) -> jax.Array:
        """Return the Hessian at a vector, f[n, n], symmetric to the last bit: the user's, or n products."""
        if self.hess is not None:
            matrix = self.hess(params)
        else:
            matrix = jax.vmap(self.curvature(params))(jnp.eye(params.size, dtype=params.dtype))
        return (matrix + matrix.T) / 2
