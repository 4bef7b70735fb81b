"""jgd.interop.scipy: a table of calls, the same to scipy and to jgd, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd.interop import scipy as ours
from jgd.interop.scipy.arguments import callback_for, split_options, with_derivative_of
from jgd.interop.scipy.minimize import COUNTERPARTS
from tests.tiers import at_once

T = np.linspace(0, 4, 30)
Y = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.05 * np.random.default_rng(0).normal(size=30)
START = [-1.2, 1.0]
BOX = np.array([[-1.0, -1.0], [0.5, 2.0]])


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def rosenbrock_slope(x):
    return jnp.stack([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])


def rosenbrock_hessian(x):
    return jnp.array([[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200.0]])


def rosenbrock_product(x, p):
    return rosenbrock_hessian(x) @ p


def both(x):
    return rosenbrock(x), rosenbrock_slope(x)


def shifted(x, a):
    return jnp.sum((x - a) ** 4 + (x - a) ** 2)


def decay(x, t, y, kind="plain"):
    return x[0] * jnp.exp(-x[1] * t) + x[2] - y


def decay_slope(x, t):
    return jnp.stack([jnp.exp(-x[1] * t), -x[0] * t * jnp.exp(-x[1] * t), jnp.ones_like(t)], 1)


def curve(t, a, b, c):
    return a * jnp.exp(-b * t) + c


def equations(x, c):
    return jnp.stack([x[0] + 0.5 * (x[0] - x[1]) ** 3 - c, 0.5 * (x[1] - x[0]) ** 3 + x[1]])


def equations_slope(x, c):
    square = 1.5 * (x[0] - x[1]) ** 2
    return jnp.array([[1 + square, -square], [-square, 1 + square]])


SLOPES = {"jac": rosenbrock_slope, "hess": rosenbrock_hessian}
MINIMIZED = {
    "default": (rosenbrock, START, {}),
    "own slope": (rosenbrock, START, {"method": "bfgs", "jac": rosenbrock_slope, "tol": 1e-6}),
    "slope beside": (both, START, {"jac": True, "options": {"gtol": 1e-6, "maxiter": 100}}),
    "cg": (rosenbrock, START, {"method": "CG"}),
    "newton-cg": (rosenbrock, START, {"method": "Newton-CG", **SLOPES}),
    "products": (rosenbrock, START, {"method": "Newton-CG", "jac": rosenbrock_slope, "hessp": rosenbrock_product}),
    "trust-exact": (rosenbrock, START, {"method": "trust-exact", **SLOPES, "options": {"gtol": 1e-6}}),
    "bounds": (rosenbrock, [0.0, 0.0], {"bounds": [(None, 0.5), (0.0, None)]}),
    "Bounds": (
        rosenbrock,
        [0.0, 0.0],
        {"bounds": scipy.optimize.Bounds(BOX[0], BOX[1]), "method": "L-BFGS-B"},
    ),
    "nelder-mead": (rosenbrock, START, {"method": "nelder-mead", "options": {"xatol": 1e-6, "fatol": 1e-8}}),
    "argument": (shifted, [0, 0, 0], {"args": 2.0, "options": {"disp": False}}),
}


@pytest.mark.parametrize(("fun", "x0", "keywords"), MINIMIZED.values(), ids=list(MINIMIZED))
def test_minimize_answers_as_scipy_does(fun, x0, keywords, x64):
    theirs = scipy.optimize.minimize(fun, x0, **keywords)
    mine = ours.minimize(fun, x0, **keywords)
    assert mine.success is True
    assert mine.status == 0
    assert theirs.success or "precision loss" in theirs.message  # which its own "CG" meets on some processors
    # The gradients are below 1e-4 at most, and the least curvature of Rosenbrock's function is 0.4.
    np.testing.assert_allclose(mine.x, theirs.x, atol=3e-4)
    assert mine.fun == mine["fun"] <= theirs.fun + 1e-7
    assert isinstance(mine.message, str)
    assert mine.nfev >= mine.nit > 0
    if "jac" in theirs:
        value = jax.grad(rosenbrock if fun is both else fun)(mine.x, *([2.0] if fun is shifted else []))
        np.testing.assert_allclose(mine.jac, value, atol=1e-10)
    if fun is rosenbrock and not keywords:
        np.testing.assert_allclose(mine.hess_inv, np.linalg.inv(rosenbrock_hessian(mine.x)), rtol=1e-8)


def test_products_of_the_hessian_act():
    x, p = jnp.array([1.0, 2.0]), jnp.array([0.5, -1.0])
    for slope in (None, lambda x: 2 * x):
        fn = with_derivative_of(lambda x: x @ x, slope, lambda x, p: 7 * p)
        value, product = jax.jvp(jax.grad(fn), (x,), (p,))
        np.testing.assert_allclose(value, 2 * x)
        np.testing.assert_allclose(product, 7 * p)


def test_a_value_may_be_an_array_of_one_number(x64):
    found = ours.minimize(lambda x: (x - 2) ** 2, 0.0)
    np.testing.assert_allclose(found.x, [2.0], atol=1e-5)  # gtol, over the curvature 2
    assert isinstance(found.fun, float)


def test_options_of_the_line_search_and_of_printing_act():
    method, _, told = split_options(
        "", COUNTERPARTS["l-bfgs-b"], None, {"maxls": 40, "maxcor": 3, "iprint": 1, "return_all": False}, {}
    )
    assert (method.line_search.max_steps, method.memory_size, told) == (40, 3, True)
    method, _, told = split_options("", COUNTERPARTS["cg"], None, {"c1": 1e-3, "c2": 0.3, "iprint": -1}, {})
    assert (method.line_search.slope_rtol, method.line_search.curv_rtol, told) == (1e-3, 0.3, False)


def test_a_callback_of_two_arguments_ends_the_search_by_true():
    see = callback_for(lambda x, state: state.fun < x[0], lambda found: ours.OptimizeResult(fun=2.0))
    solution = jgd.Solution(params=np.array([3.0]), value=2.0, gradient_norm=0.0, steps=1, status=0)
    assert see is not None
    assert see(solution) is True
    assert callback_for(lambda x, kept=(): True, lambda found: None)(solution) is None  # pyright: ignore


def test_both_kinds_of_callback_and_the_end_by_one(x64):
    plain, named = [], []

    def by_name(intermediate_result):
        named.append(intermediate_result.fun)
        if len(named) == 3:
            raise StopIteration

    found = ours.minimize(rosenbrock, START, callback=plain.append)
    assert len(plain) == found.nit
    np.testing.assert_array_equal(plain[-1], found.x)
    stopped = ours.minimize(rosenbrock, START, callback=by_name)
    assert (stopped.success, stopped.status, stopped.nit) == (False, 99, 3)


LEAST_SQUARES = {
    "default": {},
    "lm": {"method": "lm"},
    "bounds": {"bounds": ([0, 0, 0.6], [2.0, np.inf, np.inf])},
    "loss": {"loss": "soft_l1", "f_scale": 0.05, "ftol": 1e-12, "xtol": 1e-12},
    "limit": {"max_nfev": 2},
    "keywords": {"args": (T,), "kwargs": {"y": Y, "kind": "plain"}, "jac": lambda x, t, **_: decay_slope(x, t)},
}


@pytest.mark.parametrize("keywords", LEAST_SQUARES.values(), ids=list(LEAST_SQUARES))
def test_least_squares_answers_as_scipy_does(keywords, x64):
    keywords = {"args": (T, Y)} | keywords
    theirs = scipy.optimize.least_squares(decay, [1.0, 1.0, 1.0], **keywords)
    mine = ours.least_squares(decay, [1.0, 1.0, 1.0], **keywords)
    assert (mine.status > 0, mine.status == 0) == (theirs.status > 0, theirs.status == 0)
    assert mine.success == theirs.success == ("max_nfev" not in keywords)
    assert mine.jac.shape == theirs.jac.shape
    if mine.success:
        np.testing.assert_allclose(mine.x, theirs.x, atol=1e-4)  # 1e-8 of the cost, by the square
        np.testing.assert_allclose(mine.cost, theirs.cost, rtol=1e-6)
        np.testing.assert_allclose(mine.grad, theirs.grad, atol=1e-3)
        np.testing.assert_allclose(mine.fun, theirs.fun, atol=1e-4)


FITS = {
    "default": {},
    "sigma": {"p0": [1, 1, 1], "sigma": 0.05 * np.ones(30), "absolute_sigma": True},
    "bounds": {"bounds": (0, [2.0, 3.0, 3.0])},
}


def within(x, a):
    return a - x @ x


LIMITS: Any = [0.2, -1], [0.5, 1]  # scipy types them as numbers
CONSTRAINTS = {
    "a dict": {"type": "ineq", "fun": within, "args": (1.5,), "jac": lambda x, a: -2 * x},
    "two dicts": [{"type": "ineq", "fun": within, "args": (1.5,)}, {"type": "eq", "fun": lambda x: x[0] + x[1] - 1}],
    "linear": scipy.optimize.LinearConstraint([[1.0, 2.0]], -np.inf, 1.0),
    "both": [
        scipy.optimize.LinearConstraint([[1.0, 1.0], [1.0, -1.0]], *LIMITS),
        scipy.optimize.NonlinearConstraint(lambda x: x @ x, 0.1, 2.0),
    ],
}


@pytest.mark.parametrize("name", at_once(["both"], list(CONSTRAINTS)))
def test_constraints_answer_as_scipy_s_do(name, x64):
    asked = CONSTRAINTS[name]
    theirs = scipy.optimize.minimize(
        rosenbrock, [0.5, 0.2], jac=rosenbrock_slope, method="SLSQP", constraints=asked, options={"ftol": 1e-12}
    )
    mine = ours.minimize(rosenbrock, [0.5, 0.2], constraints=asked)
    assert mine.success
    np.testing.assert_allclose(mine.x, theirs.x, atol=1e-5)  # 1e-6 in the conditions, and theirs
    np.testing.assert_allclose(mine.fun, theirs.fun, atol=1e-6)
    assert mine.maxcv < 1e-6
    assert len(mine.v) == (len(asked) if isinstance(asked, list) else 1)
    assert mine.nfev <= 2 * theirs.nfev + 5


@pytest.mark.parametrize("method", at_once(["SLSQP"], ["SLSQP", "trust-constr"]))
def test_methods_with_constraints_need_none(method, x64):
    mine = ours.minimize(rosenbrock, [0.5, 0.2], method=method, bounds=[(None, 0.8), (None, None)])
    assert mine.success
    np.testing.assert_allclose(mine.x, [0.8, 0.64], atol=1e-6)


@pytest.mark.parametrize("keywords", FITS.values(), ids=list(FITS))
def test_curve_fit_answers_as_scipy_does(keywords, x64):
    p, covariance = ours.curve_fit(curve, T, Y, **keywords)
    their_p, theirs = scipy.optimize.curve_fit(curve, T, Y, **keywords)
    np.testing.assert_allclose(p, their_p, atol=1e-4)
    np.testing.assert_allclose(covariance, theirs, rtol=1e-2, atol=1e-8)  # by the Jacobian at points 1e-4 apart
    *_, told, message, ier = ours.curve_fit(curve, T, Y, full_output=True)
    assert (told.success, ier, message) == (True, told.status, told.message)
    assert ier in (1, 2, 3, 4)


def test_curve_fit_takes_a_jacobian_and_leaves_out_what_is_nan(x64):
    called = []

    def slope(t, a, b, c):
        called.append(t)
        return decay_slope(jnp.stack([a, b, c]), t)

    y = np.where(T < 0.5, np.nan, Y)
    given: Any = {
        "p0": [1, 1, 1],
        "jac": slope,
        "nan_policy": "omit",
        "sigma": np.diag(0.1 + T),
        "absolute_sigma": True,
    }
    p, covariance = ours.curve_fit(curve, T, y, **given)
    their_p, theirs = scipy.optimize.curve_fit(curve, T, y, **given)
    np.testing.assert_allclose(p, their_p, rtol=1e-3)  # both stop by 1e-8 of the cost, in a flat valley
    np.testing.assert_allclose(covariance, theirs, rtol=1e-2)
    assert called


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "anderson"])
def test_root_answers_as_scipy_does(method, x64):
    jac = equations_slope if method in ("hybr", "lm") else None
    theirs = scipy.optimize.root(equations, [0.0, 0.0], args=(1.0,), jac=jac, method=method)
    mine = ours.root(equations, [0.0, 0.0], 1.0, method, jac)
    assert mine.success
    assert theirs.success
    assert mine.status == 1  # theirs is 1 to 4
    np.testing.assert_allclose(mine.x, theirs.x, atol=1e-5)  # their Broyden stops at 6e-6
    np.testing.assert_allclose(mine.fun, 0, atol=2e-12)
