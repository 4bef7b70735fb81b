"""Logistic regression on real data against scikit-learn's solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.solvers import minimize

pytest.importorskip("sklearn")
STOP = jgd.Stop(gradient_norm=1e-8, max_evaluations=5000)


@pytest.fixture(scope="module")
def tumours():
    """Return the features with mean 0 and deviation 1, f[569, 30], and the labels as -1 and 1."""
    from sklearn.datasets import load_breast_cancer

    features, labels = map(np.asarray, load_breast_cancer(return_X_y=True))
    return (features - features.mean(0)) / features.std(0), 2.0 * labels - 1


def loss(weights, features, labels):
    """Return the sum of ln(1 + exp(-y x'w))."""
    return jnp.sum(jax.nn.softplus(-labels * (features @ weights)))


def ridge(weights, features, labels):
    return loss(weights, features, labels) + weights @ weights / 2


@pytest.mark.parametrize("name", ["l-bfgs-b", "newton-cg"])
def test_ridge_is_scikit_learns(tumours, name):
    from sklearn.linear_model import LogisticRegression

    exact = LogisticRegression(C=1.0, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(*tumours)
    with jax.enable_x64(True):
        found = minimize(ridge, name, jnp.zeros(30), STOP, args=tumours)
    assert found.success
    np.testing.assert_allclose(found.params, exact.coef_[0], atol=1e-6)  # |g| / the least curvature, which is 1


def test_lasso_is_scikit_learns(tumours):
    from sklearn.linear_model import LogisticRegression

    exact = LogisticRegression(
        C=1.0, l1_ratio=1.0, fit_intercept=False, solver="liblinear", tol=1e-12, max_iter=100_000, random_state=0
    ).fit(*tumours)
    with jax.enable_x64(True):
        found = minimize(loss, "fista", jnp.zeros(30), STOP, args=tumours, nonsmooth=jgd.nonsmooth.l1(1.0))
        least = loss(exact.coef_[0], *tumours) + np.abs(exact.coef_).sum()
    assert found.success
    np.testing.assert_allclose(found.value, least, rtol=1e-9)
    np.testing.assert_allclose(found.params, exact.coef_[0], atol=1e-6)  # both are exact to far less than that
    np.testing.assert_array_equal(np.asarray(found.params) == 0, np.abs(exact.coef_[0]) < 1e-6)
