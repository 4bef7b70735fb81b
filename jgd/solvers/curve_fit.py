"""Fit a curve to data: least squares of the differences, and how uncertain the parameters are."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import FLAG, checked, function_of
from jgd.core.errors import InputError
from jgd.core.outline import brief
from jgd.core.record import as_function, part, record
from jgd.core.stop import STOP, Stop
from jgd.core.types import Params, Scalar
from jgd.core.user_code import attempt
from jgd.solvers.least_squares import DEFAULT_STOP, Residuals, check_method, residual_problem, search
from jgd.solvers.methods.losses import LOSS, robust_loss
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.vector import Vector
from jgd.solvers.minimize import check_stop, finished
from jgd.solvers.names import METHOD, method_of
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import UserProblem, bounds_of, start_of


@record
class Fit:
    """The parameters of a curve, and their uncertainty. A pytree: under `vmap` every field has a leading axis.

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


@checked(
    f=function_of("(x, params) -> y"),
    params=None,
    optimizer=METHOD,
    stop=STOP,
    absolute_sigma=FLAG,
    loss=LOSS,
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
    `jit` and `vmap`, there without the warning; one function object is compiled once.
    """
    place = "curve_fit"
    if optimizer is None:
        optimizer = "lm" if bounds is None else "trf"
    method, params = method_of(optimizer, place), start_of(place, params)
    stop = check_stop(place, DEFAULT_STOP if stop is None else stop)
    x, y = jax.tree.map(jnp.asarray, np.asarray(x) if isinstance(x, list) else x), _data("y", y)
    _check_curve(f, x, y, params)
    residuals = Residuals(_Differences(as_function(f)), (x, y, _whitening(sigma, y)))
    given = residual_problem(
        place, method, residuals, params, bounds_of(place, bounds, params), robust_loss(loss, loss_scale)
    )
    check_method(place, optimizer, method, given)
    solution, covariance, errors = _fit(given, method, params, stop, absolute_sigma)
    solution = finished(solution)
    if not isinstance(covariance, jax.core.Tracer) and not np.isfinite(covariance).all():
        warnings.warn(
            "curve_fit: the data do not determine the parameters at the solution, so that the covariance is inf; fix "
            "or bound those that have no influence, or pass absolute_sigma=True where there are as many data as "
            "parameters.",
            stacklevel=3,
        )
    return Fit(solution.params, covariance, solution, errors)


@partial(jax.jit, static_argnames="absolute")
def _fit(
    given: UserProblem, method: Method, params: Params, stop: Stop, absolute: bool
) -> tuple[Solution, jax.Array, Params]:
    solution, point = search(given, method, params, stop)
    form = Vector.like(params)
    jacobian = point.jacobian
    if jacobian is None:
        # The method knew of gradients alone.
        by_rows = UserProblem(given.fn.residuals, loss=given.fn.loss, has_aux=True, is_residual=True)
        jacobian = by_rows.on_vectors(form).evaluate(form.pack(solution.params)).jacobian
    m, n = jacobian.shape
    covariance = _inverse_square(jacobian)
    if not absolute:
        covariance *= 2 * solution.value / (m - n) if m > n else jnp.inf
        covariance = jnp.where(jnp.isnan(covariance), jnp.inf, covariance)
    return solution, covariance, form.unpack(jnp.sqrt(jnp.diagonal(covariance)))


def _inverse_square(jacobian: jax.Array) -> jax.Array:
    """(J'J)^-1 by a QR factorization of J with columns of length 1, then the SVD; inf where J lacks rank."""
    m, n = jacobian.shape
    if m < n:
        return jnp.full((n, n), jnp.inf, jacobian.dtype)
    columns = jnp.linalg.norm(jacobian, axis=0)
    columns = jnp.where(columns > 0, columns, 1.0)
    _, singular, right = jnp.linalg.svd(jnp.linalg.qr(jacobian / columns[None], mode="r"))
    full = singular[-1] > m * jnp.finfo(jacobian.dtype).eps * singular[0]
    rows = right / jnp.where(full, singular, 1.0)[:, None] / columns[None]
    return jnp.where(full, rows.T @ rows, jnp.inf)


@record
class _Differences:
    """(f(x, params) - y), whitened, as a function of the parameters."""

    f: Any = part()

    def __call__(self, params: Params, x: Any, y: jax.Array, whitening: jax.Array | None) -> jax.Array:
        """One for each datum."""
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
    """An array of floating or complex numbers, refused where it is empty or not finite."""
    array = attempt(f"curve_fit({name}): reading it", lambda: jnp.asarray(given))
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        array = array.astype(float)
    if not array.size:
        raise InputError(f"curve_fit({name}): it is empty; pass at least one datum.")
    if not isinstance(array, jax.core.Tracer) and not np.isfinite(array).all():
        wrong = int((~np.isfinite(array)).sum())
        raise InputError(f"curve_fit({name}): {wrong} of its entries are infinite or NaN; leave those data out.")
    return array


def _whitening(sigma: Any, y: jax.Array) -> jax.Array | None:
    """What divides the differences, of y's shape, or the Cholesky factor of their covariance."""
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
