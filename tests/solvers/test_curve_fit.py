"""curve_fit: scipy's parameters and covariances, units, lanes, and what it refuses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd import Stop
from tests.refusal import refused

wrong: Any = jgd  # for arguments of a wrong type

RNG = np.random.default_rng(1)
X = np.linspace(0, 4, 30)
Y = 2.5 * np.exp(-1.3 * X) + 0.5 + 0.05 * RNG.normal(size=30)
SIGMA = 0.05 * (1 + X)
FULL = np.diag(SIGMA**2) + 0.001 * np.exp(-np.abs(X[:, None] - X[None]))
START = {"rate": 1.0, "scale": 1.0, "floor": 1.0}
TIGHT = Stop(relative_gradient_norm=1e-12, max_evaluations=300)


def decay(x, p):
    return p["scale"] * jnp.exp(-p["rate"] * x) + p["floor"]


def decay_of_numbers(x, floor, rate, scale):
    return scale * np.exp(-rate * x) + floor


def vector(params):
    return np.array([params["floor"], params["rate"], params["scale"]])  # a dict's leaves are in the order of its keys


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("sigma", [np.full(30, 0.05), SIGMA, FULL], ids=["alike", "1-D", "2-D"])
def test_parameters_and_covariance_are_scipy_s(sigma, absolute, x64):
    fit = jgd.curve_fit(decay, X, Y, START, stop=TIGHT, sigma=sigma, absolute_sigma=absolute)
    popt, pcov = scipy.optimize.curve_fit(
        decay_of_numbers, X, Y, np.ones(3), sigma, absolute, ftol=1e-14, xtol=1e-14, gtol=1e-14
    )
    assert fit.solution.success
    np.testing.assert_allclose(vector(fit.params), popt, rtol=1e-6)  # their Jacobian is one of differences
    np.testing.assert_allclose(fit.covariance, pcov, rtol=1e-5)
    np.testing.assert_allclose(vector(fit.standard_errors), np.sqrt(np.diag(pcov)), rtol=1e-5)


def test_bounds_and_losses_choose_trf_and_give_scipy_s_covariance(x64):
    bounds = ({"rate": 0.0, "scale": 0.0, "floor": 0.0}, {"rate": 1.2, "scale": 9.0, "floor": 9.0})
    fit = jgd.curve_fit(decay, X, Y, START, bounds=bounds, loss="soft_l1", loss_scale=0.1)
    popt, pcov = scipy.optimize.curve_fit(
        decay_of_numbers, X, Y, np.ones(3), bounds=([0, 0, 0], [9, 1.2, 9]), loss="soft_l1", f_scale=0.1,
        ftol=1e-14, xtol=1e-14, gtol=1e-12,
    )  # fmt: skip
    np.testing.assert_allclose(vector(fit.params), popt, rtol=1e-5)  # both stop short of the active bound
    np.testing.assert_allclose(fit.covariance, pcov, rtol=1e-4)


def test_the_covariance_has_its_slope(x64):
    """Of p x with x = a X it is the residuals' squares over (m - 1) a^2 |X|^2, and those do not depend on a."""
    value, slope = jax.value_and_grad(lambda a: jgd.curve_fit(lambda x, p: p * x, a * X, Y, 1.0).covariance[0, 0])(2.0)
    np.testing.assert_allclose(value, np.sum((Y - X @ Y / (X @ X) * X) ** 2) / 29 / 4 / (X @ X), rtol=1e-10)
    np.testing.assert_allclose(slope, -value, rtol=1e-8)  # the parameter's error


def test_whole_numbers_to_start_from_are_floats():
    whole = {"rate": 1, "scale": 1, "floor": 1}
    np.testing.assert_array_equal(
        vector(jgd.curve_fit(decay, X, Y, whole).params), vector(jgd.curve_fit(decay, X, Y, START).params)
    )


def lorentzian(f, p):
    return p[0] / (1 + ((f - p[1]) / p[2]) ** 2)


def test_a_lorentzian_with_units_is_fitted_as_one_without(x64):
    """An amplitude of 1e-6 at 1e9 Hz, 1e6 wide: the same steps as at 1 and with a width of 1."""
    t = np.linspace(-5, 5, 40)
    y = lorentzian(t, [1.0, 0.3, 1.0]) + 0.01 * RNG.normal(size=40)
    plain = jgd.curve_fit(lorentzian, t, y, jnp.array([0.5, 1.3, 2.0]))
    units = jgd.curve_fit(lorentzian, 1e9 + 1e6 * t, 1e-6 * y, jnp.array([0.5e-6, 1e9 + 1.3e6, 2e6]))
    assert (plain.solution.success, units.solution.success) == (True, True)
    ours = (units.params - jnp.array([0.0, 1e9, 0.0])) / jnp.array([1e-6, 1e6, 1e6])
    np.testing.assert_allclose(ours, plain.params, rtol=1e-6)  # 1e9 keeps ten digits of the width
    np.testing.assert_allclose(units.standard_errors, plain.standard_errors * jnp.array([1e-6, 1e6, 1e6]), rtol=1e-5)


def test_data_that_do_not_determine_the_parameters_warn_of_infinite_errors(x64):
    with pytest.warns(UserWarning, match="do not determine"):
        fit = jgd.curve_fit(lambda x, p: (p[0] + p[1]) * x, X, Y, jnp.ones(2))
    assert np.isinf(fit.covariance).all()
    with pytest.warns(UserWarning, match="do not determine"):
        few = jgd.curve_fit(decay, X[:3], Y[:3], START)  # as many data as parameters: the scale is unknown
    assert np.isinf(few.covariance).all()
    assert few.solution.value < 1e-15


def test_lanes_over_data_other_optimizers_and_a_number_for_sigma_agree_with_a_solo_fit(x64):
    f, start = jnp.linspace(-5, 5, 30), jnp.array([2.0, 0.0, 2.0])
    y = lorentzian(f, [1.0, 0.3, 1.0]) + 0.01 * jnp.asarray(RNG.normal(size=30))
    solo = jgd.curve_fit(lorentzian, f, y, start, stop=TIGHT)
    lanes = jax.vmap(lambda y: jgd.curve_fit(lorentzian, f, y, start, stop=TIGHT))(jnp.stack([y, 2 * y[::-1]]))
    assert lanes.covariance.shape == (2, 3, 3)
    np.testing.assert_allclose(lanes.covariance[0], solo.covariance, rtol=1e-9)  # sums in another order
    np.testing.assert_allclose(lanes.standard_errors[0], solo.standard_errors, rtol=1e-9)
    by_gradient = jgd.curve_fit(lorentzian, f, y, start, "bfgs", Stop(relative_gradient_norm=1e-8))
    np.testing.assert_allclose(by_gradient.covariance, solo.covariance, rtol=1e-5)  # the gradient's threshold
    scaled = jgd.curve_fit(lorentzian, f, y, start, stop=TIGHT, sigma=0.01)
    np.testing.assert_allclose(scaled.covariance, solo.covariance, rtol=1e-9)  # relative: any number gives the same
    assert "standard errors" in repr(solo)


def of_one_column(x, p):
    return p[0] * x[:, None]


ONES = jnp.ones(1)
BAD = [
    (lambda: wrong.curve_fit(3, X, Y, ONES), "curve_fit(f=3): f must be a function (x, params) -> y; jgd.interop"),
    (
        lambda: wrong.curve_fit(lambda x, a, b: a * x + b, X, Y, ONES),
        "curve_fit(f=<lambda>(x, a, b)): f must be a function (x, params) -> y; jgd.interop.scipy takes scipy's f(x, a",
    ),
    (lambda: jgd.curve_fit(of_one_column, X, Y, ONES), "curve_fit(f=of_one_column): f(x, params) has shape (30, 1)"),
    (lambda: jgd.curve_fit(lorentzian, X, [], ONES), "curve_fit(y): it is empty"),
    (lambda: jgd.curve_fit(lorentzian, X, Y / 0, ONES), "curve_fit(y): 30 of its entries are infinite or NaN"),
    (lambda: jgd.curve_fit(decay, X, Y, START, sigma=0), "curve_fit(sigma): standard deviations must be positive"),
    (lambda: jgd.curve_fit(decay, X, Y, START, sigma=SIGMA[1:]), "curve_fit(sigma): it has shape (29,), and y (30,)"),
    (lambda: jgd.curve_fit(decay, X, Y, START, sigma=-FULL), "curve_fit(sigma): the covariance must be"),
    (lambda: jgd.curve_fit(decay, X, Y, START, "lm", bounds=(0, 1)), "curve_fit(optimizer='lm'): it does not take"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_one_sentence(call, message):
    refused(call, message)
