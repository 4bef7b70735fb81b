"""Fit a curve to data: least squares of the differences, and how uncertain the parameters are."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import FLAG, checked, function_of
from jgd.core.errors import InputError
from jgd.core.notebook import text_html
from jgd.core.outline import brief
from jgd.core.record import as_function, part, record
from jgd.core.stop import STOP, Stop
from jgd.core.types import Params, Scalar
from jgd.core.user_code import attempt
from jgd.solvers.derivatives import Implicit
from jgd.solvers.least_squares import DEFAULT_STOP, Residuals, check_method, residual_problem
from jgd.solvers.methods.losses import LOSS, LOSS_SCALE, robust_loss
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.vector import Vector
from jgd.solvers.names import METHOD, method_of
from jgd.solvers.search import check_stop, rule_of, search
from jgd.solvers.solution import Solution, finished
from jgd.solvers.user_problem import BOUNDS, UserProblem, bounds_of, start_of


@record
class Fit:
    """Hold the parameters of a curve, and their uncertainty. A pytree: under `vmap` every field has a leading axis.

    `covariance` is that of the parameters as one vector, their leaves in order, each row by row, a complex one as its
    real and then its imaginary parts.
    """

    params: Params = part()
    covariance: jax.Array = part()  # f[n, n]; inf where the data do not determine the parameters
    solution: Solution = part()
    standard_errors: Params = part()  # of the parameters' structure: the roots of the covariance's diagonal

    def __repr__(self) -> str:
        if isinstance(self.covariance, jax.core.Tracer) or np.ndim(self.solution.status):
            return f"Fit({self.solution!r})"
        return f"{self.solution!r}\n  standard errors: {brief(self.standard_errors)}"

    _repr_html_ = text_html


@checked(
    f=function_of("(x, params) -> y; jgd.interop.scipy takes scipy's f(x, a, b)", 2),
    params=None,
    optimizer=METHOD,
    stop=STOP,
    absolute_sigma=FLAG,
    loss=LOSS,
    loss_scale=LOSS_SCALE,
    bounds=BOUNDS,
)
def curve_fit(
    f: Callable[[Any, Params], Any],
    x: Any,
    y: Any,
    params: Params,
    optimizer: Any = None,
    stop: Stop | None = None,
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
    bounds: Any = None,
    loss: str = "linear",
    loss_scale: Scalar = 1.0,
) -> Fit:
    """Fit `f(x, params)` to `y`, from `params`, a tree of arrays: half the sum of ((f - y) / sigma)^2.

    `x` is whatever `f` takes. `optimizer` is "lm" if nothing is said, with `bounds` "trf"; `stop`, `bounds` and `loss`
    are those of `least_squares`, `loss_scale` in units of `sigma`.

    sigma           the standard deviations of `y`, a number or of y's shape, or their covariance, f[m, m], which
                    whitens the differences by its Cholesky factor.
    absolute_sigma  take `sigma` as it is. Otherwise it is relative, and the covariance is scaled so that the reduced
                    chi-square, 2 value / (m - n), is 1.

    The covariance is (J'J)^-1 at the solution, scaled so, and inf, with a warning, where J lacks rank, or where m <= n
    and the scale is not known. It is linear theory: it knows nothing of active bounds or of other minima. Runs under
    `jit` and `vmap`, there without the warning; one function object is compiled once. The parameters and their
    covariance have derivatives with respect to the data, by the implicit function theorem.

    A batch of curves, `ys` with a leading axis, is one call, each fit as it is alone, to rounding, and until the last
    has ended: `jax.jit(jax.vmap(lambda y: jgd.curve_fit(f, x, y, params)))(ys)`.
    """
    place = "curve_fit"
    if optimizer is None:
        optimizer = "lm" if bounds is None else "trf"
    method, params = method_of(optimizer, place), start_of(place, params)
    stop = check_stop(place, DEFAULT_STOP if stop is None else stop)
    stop.refuse(("seconds",), "jgd.least_squares")
    x, y = np.asarray(x) if isinstance(x, list) else x, _data("y", y)
    _check_curve(f, x, y, params)
    residuals = Residuals(_Differences(as_function(f)), (x, y, _whitening(sigma, y)))
    given = residual_problem(method, residuals, bounds_of(place, bounds, params), robust_loss(loss, loss_scale))
    check_method(place, optimizer, method, given)
    solution, jacobian = _fit(given, method, params, stop, rule_of("implicit"))
    solution, known = finished(solution), not isinstance(jacobian, jax.core.Tracer)
    value, xp = solution.value, jnp
    if known:
        # NumPy compiles nothing.
        (jacobian, value), xp = jax.device_get((jacobian, value)), np
    covariance = _covariance(xp, jacobian, value, absolute_sigma)
    if known and not np.isfinite(covariance).all():
        warnings.warn(
            "curve_fit: the data do not determine the parameters at the solution, so that the covariance is inf; fix "
            "or bound those that have no influence, or pass absolute_sigma=True where there are as many data as "
            "parameters.",
            stacklevel=3,
        )
    errors = Vector.like(params).unpack(xp.sqrt(xp.diagonal(covariance)))
    covariance, errors = jax.device_put((covariance, errors))
    return Fit(solution.params, covariance, solution, errors)


@jax.jit
def _fit(
    given: UserProblem, method: Method, params: Params, stop: Stop, rule: Implicit | None
) -> tuple[Solution, jax.Array]:
    """Return the solution, and the Jacobian there, its rows weighted as the loss is curved."""
    solution, point = search(given, method, params, stop, rule)
    residuals, loss = (given.fn, given.loss) if given.is_residual else (given.fn.residuals, given.fn.loss)
    if point.jacobian is not None and loss is None and rule is None:
        return solution, point.jacobian
    # The method knew of gradients alone, or weighted the rows as suits its steps, or the Jacobian has a derivative.
    form = Vector.like(params)
    plain = UserProblem(residuals, has_aux=True, is_residual=True).on_vectors(form)
    point = plain.evaluate(form.pack(solution.params))
    return solution, point.jacobian if loss is None else loss.rows(point.residual)[:, None] * point.jacobian


def _covariance(xp: Any, jacobian: Any, value: Any, absolute: bool) -> Any:
    """Compute (J'J)^-1, scaled by 2 value / (m - n) if not `absolute`; inf where J lacks rank or the scale is unknown.

    It is made by the SVD of J's triangular factor, with columns of length 1. `xp` is numpy or jax.numpy.
    """
    m, n = jacobian.shape
    if m < n or (m == n and not absolute):
        return xp.full((n, n), xp.inf, jacobian.dtype)
    jacobian = xp.where(xp.isfinite(jacobian).all(), jacobian, 0)
    given, jacobian = jacobian, jax.lax.stop_gradient(jacobian) if xp is jnp else jacobian
    columns = xp.linalg.norm(jacobian, axis=0)
    columns = xp.where(columns > 0, columns, 1)
    _, singular, right = xp.linalg.svd(xp.linalg.qr(jacobian / columns[None], mode="r"))
    full = singular[-1] > m * xp.finfo(jacobian.dtype).eps * singular[0]
    rows = right / xp.where(full, singular, 1)[:, None] / columns[None]
    inverse = rows.T @ rows
    if xp is jnp:  # d(J'J)^-1 = -(J'J)^-1 d(J'J) (J'J)^-1, also where singular values are equal
        inverse = inverse - inverse @ (given.T @ given - jacobian.T @ jacobian) @ inverse
    covariance = inverse * (1 if absolute else 2 * value / (m - n))
    return xp.where(full, covariance, xp.asarray(xp.inf, jacobian.dtype))


@record
class _Differences:
    """f(x, params) - y, whitened, as a function of the parameters."""

    f: Any = part()

    def __call__(self, params: Params, x: Any, y: jax.Array, whitening: jax.Array | None) -> jax.Array:
        """Return one for each datum."""
        found = self.f(x, params) - y
        if whitening is None:
            return found
        if whitening.shape == (y.size, y.size) != y.shape:
            return jax.scipy.linalg.solve_triangular(whitening, jnp.ravel(found), lower=True)
        return found / whitening


def _check_curve(f: Any, x: Any, y: jax.Array, params: Params) -> None:
    """Refuse a curve of another shape than the data's, which would broadcast against them."""
    place = f"curve_fit(f={getattr(f, '__qualname__', type(f).__name__)})"
    out = attempt(f"{place}: f(x, params)", lambda: jax.eval_shape(f, x, params))
    if getattr(out, "shape", None) != y.shape:
        raise InputError(
            f"{place}: f(x, params) has shape {getattr(out, 'shape', type(out).__name__)}, and y {y.shape}; return an "
            "array with one entry for each of y."
        )


def _data(name: str, given: Any) -> jax.Array:
    """Return an array of floating or complex numbers, refused where it is empty or not finite."""
    # To put an array where it is computed with compiles nothing, and `asarray` compiles a program.
    read = jax.device_put if isinstance(given, np.ndarray) else jnp.asarray
    array = attempt(f"curve_fit({name}): reading it", lambda: read(given))
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        array = array.astype(float)
    if not array.size:
        raise InputError(f"curve_fit({name}): it is empty; pass at least one datum.")
    if not isinstance(array, jax.core.Tracer) and not np.isfinite(array).all():
        wrong = int((~np.isfinite(array)).sum())
        raise InputError(f"curve_fit({name}): {wrong} of its entries are infinite or NaN; leave those data out.")
    return array


def _whitening(sigma: Any, y: jax.Array) -> jax.Array | None:
    """Return what divides the differences, of y's shape, or the Cholesky factor of their covariance."""
    if sigma is None:
        return None
    sigma = _data("sigma", sigma)
    known = not isinstance(sigma, jax.core.Tracer)
    if sigma.shape in ((), y.shape):
        if known and not np.all(np.asarray(sigma) > 0):
            raise InputError("curve_fit(sigma): standard deviations must be positive; leave out data that have none.")
        return jnp.broadcast_to(sigma, y.shape)
    if sigma.shape != (y.size, y.size):
        raise InputError(
            f"curve_fit(sigma): it has shape {sigma.shape}, and y {y.shape}; pass a number, y's shape, or a covariance "
            f"of shape {(y.size, y.size)}."
        )
    if not known:
        return jnp.linalg.cholesky(sigma)
    try:
        return jnp.asarray(np.linalg.cholesky(np.asarray(sigma)), sigma.dtype)
    except np.linalg.LinAlgError:
        raise InputError("curve_fit(sigma): the covariance must be positive definite, and is not.") from None
