"""ADMM: the lasso, basis pursuit and generalized lassos against scikit-learn, scipy, exact proxes and certificates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.linear_model import Lasso, LogisticRegression

import jgd
from jgd import nonsmooth as ns
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.solvers import minimize

M, N, SCALE = 40, 12, 0.05
RNG = np.random.default_rng(0)
A = RNG.normal(size=(M, N)) * np.logspace(0, -0.5, N)
B = A @ np.where(np.arange(N) < 4, [1.0, -2.0, 1.5, 1.0] * 3, 0.0) + 0.3 * RNG.normal(size=M)
TIGHT = Stop(gradient_norm=1e-9)
CLOSE = 1e-6  # the residual over the least curvature, 0.03, and over the conditions of what is solved
STEPS = jnp.asarray(np.diff(np.eye(N), axis=0))


def loss(x):
    return jnp.sum((A @ x - B) ** 2) / (2 * M)


def distance(x):
    return jnp.sum((x - B[:N]) ** 2) / 2


def solved(fn, nonsmooth, start=None, stop=TIGHT, method="admm", **options):
    start = jnp.zeros(N) if start is None else start
    return minimize(fn, method, start, stop, nonsmooth=nonsmooth, **options)


def test_the_lasso_with_its_exact_zeros(x64):
    known = Lasso(SCALE, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(A, B).coef_
    found = solved(loss, ns.l1(SCALE))
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, known, atol=CLOSE)
    np.testing.assert_array_equal(found.params == 0, known == 0)
    np.testing.assert_allclose(found.value, loss(known) + SCALE * np.sum(np.abs(known)), rtol=1e-12)


@pytest.mark.parametrize("linear", [STEPS, jnp.diff], ids=["matrix", "function"])
def test_total_variation_as_l1_of_differences_is_its_exact_prox(linear, x64):
    known = ns.total_variation(0.4).prox(jnp.asarray(B[:N]), 1.0)
    found = solved(distance, ns.compose(ns.l1(0.4), linear))
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, known, atol=CLOSE)
    np.testing.assert_allclose(found.value, distance(known) + ns.total_variation(0.4).value(known), rtol=1e-7)


def test_the_fused_lasso_by_its_certificate(x64):
    # Both penalties at once: -g = S'y + D'w for multipliers within their scales, found by least squares on the pieces.
    penalty = ns.by_path({"x": ns.l1(SCALE), "d": ns.l1(2 * SCALE)})
    found = solved(loss, ns.compose(penalty, lambda x: {"x": x, "d": jnp.diff(x)}))
    assert found.status is Status.GRADIENT_NORM
    total = lambda x: loss(x) + SCALE * jnp.sum(jnp.abs(x)) + 2 * SCALE * jnp.sum(jnp.abs(jnp.diff(x)))  # noqa: E731
    np.testing.assert_allclose(found.value, total(found.params), rtol=1e-12)
    # A convex function's directional derivatives at its minimum: none is negative beyond the residual.
    directions = np.concatenate([RNG.normal(size=(200, N)), np.eye(N), np.tril(np.ones((N, N)))])
    near = jax.vmap(lambda d: total(found.params + 1e-4 * d))(jnp.asarray(directions))
    assert np.min(near) >= found.value - 1e-10


def test_basis_pursuit_is_the_linear_program_s(x64):
    a = RNG.normal(size=(6, N))
    b = a @ np.where(np.arange(N) == 3, 2.0, np.where(np.arange(N) == 7, -1.0, 0.0))
    program = linprog(np.ones(2 * N), A_eq=np.hstack([a, -a]), b_eq=b)
    penalty = ns.by_path({"0": ns.l1(1.0), "1": ns.box(b, b)})
    found = solved(lambda x: 0.0 * jnp.sum(x), ns.compose(penalty, lambda x: (x, jnp.asarray(a) @ x)))
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, program.x[:N] - program.x[N:], atol=CLOSE)
    np.testing.assert_allclose(found.value, program.fun, rtol=CLOSE)


def test_a_linear_program_and_least_deviations_are_scipy_s_in_few_evaluations(x64):
    # Without extrapolation the first takes 2,370, and the second is not solved after 5,000.
    rng = np.random.default_rng(1)
    cost, rows = rng.uniform(0.5, 2, 10), rng.normal(size=(8, 10))
    limits = rows @ rng.uniform(size=10) - 0.2
    program = linprog(cost, A_ub=rows, b_ub=limits)
    penalty = ns.by_path({"0": ns.box(0.0, None), "1": ns.box(None, limits)})
    found = solved(lambda x: cost @ x, ns.compose(penalty, lambda x: (x, jnp.asarray(rows) @ x)), jnp.zeros(10))
    np.testing.assert_allclose(found.params, program.x, atol=CLOSE)
    assert found.evaluations < 300
    one = np.ones(M)
    program = linprog(np.r_[np.zeros(N), one, one], A_eq=np.hstack([A, np.eye(M), -np.eye(M)]), b_eq=B,
                      bounds=[(None, None)] * N + [(0, None)] * 2 * M)  # fmt: skip
    found = solved(lambda x: 0.0 * jnp.sum(x), ns.compose(ns.l1(1.0), lambda x: jnp.asarray(A) @ x - jnp.asarray(B)))
    np.testing.assert_allclose(found.params, program.x[:N], atol=CLOSE)
    assert found.evaluations < 1000


def test_sets_are_never_left_and_agree_with_projected_gradients(x64):
    for part in (ns.simplex(2.0), ns.box(-0.5, 1.2), ns.l1_ball(2.0)):
        found = solved(loss, part)
        known = solved(loss, part, method="projected-gradient", stop=Stop(gradient_norm=1e-10))
        np.testing.assert_allclose(found.params, known.params, atol=CLOSE)
        assert np.isfinite(part.value(found.params))


def test_a_function_that_is_not_quadratic_in_a_tree(x64):
    signs = np.where(np.median(B) < B, 1.0, -1.0)

    def logistic(params):
        return jnp.mean(jax.nn.softplus(-signs * (A @ params["w"] + params["b"])))

    start = {"w": jnp.zeros(N), "b": jnp.zeros(())}
    found = solved(logistic, ns.by_path({"w": ns.l1(0.02)}), start)
    assert found.status is Status.GRADIENT_NORM
    theirs = solved(logistic, ns.by_path({"w": ns.l1(0.02)}), start, Stop(gradient_norm=1e-10), "fista")
    np.testing.assert_allclose(found.params["w"], theirs.params["w"], atol=1e-5)  # a curvature of 1e-3
    model = LogisticRegression(l1_ratio=1.0, C=1 / (0.02 * M), solver="saga", tol=1e-10, max_iter=100_000)
    np.testing.assert_allclose(found.params["w"], model.fit(A, signs).coef_[0], atol=1e-4)  # saga's own


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_rho_adapts_to_the_units_of_the_function(scale, x64):
    known = solved(loss, ns.l1(SCALE))
    found = solved(lambda x: scale * loss(x), ns.l1(scale * SCALE), stop=Stop(gradient_norm=1e-9 * max(scale, 1e-2)))
    np.testing.assert_allclose(found.params, known.params, atol=1e-4)
    assert found.evaluations < 5 * known.evaluations  # the first rho is too large or too small by 1e4


def test_float32_ends_by_itself():
    a, b = jnp.asarray(A, jnp.float32), jnp.asarray(B, jnp.float32)

    def single(x):
        return jnp.sum((a @ x - b) ** 2) / (2 * M)

    found = minimize(single, "admm", jnp.zeros(N, jnp.float32), Stop(gradient_norm=0.0), nonsmooth=ns.l1(SCALE))
    assert found.status is Status.PRECISION
    assert found.gradient_norm < 1e-4


def test_lasso_hyperparameters_have_their_closed_form_derivatives(x64):
    def weights(scale):
        return solved(loss, ns.l1(scale)).params

    x = np.asarray(weights(SCALE))
    on = x != 0
    slope = np.zeros(N)
    slope[on] = -np.linalg.solve(A[:, on].T @ A[:, on] / M, np.sign(x[on]))
    np.testing.assert_allclose(jax.jacfwd(weights)(SCALE), slope, atol=1e-6)


REFUSED = {
    "fista": (
        lambda: minimize(distance, "fista", jnp.zeros(N), nonsmooth=ns.compose(ns.l1(1.0), STEPS)),
        "it does not take a penalty of a linear map, .*; those that do are admm",
    ),
    "no part": (lambda: minimize(distance, "admm", jnp.zeros(N)), "it needs nonsmooth="),
    "bent": (
        lambda: solved(distance, ns.compose(ns.l1(1.0), lambda x: x**2)),
        r"linear\(params\) must be linear, but for a constant",
    ),
    "a shape": (lambda: solved(distance, ns.compose(ns.l1(1.0), jnp.ones((3, 5)))), r"linear\(params\)"),
    "no map": (lambda: ns.compose(ns.l1(1.0), 3.0), "linear must be a linear function of the parameters, or a matrix"),
    "prox": (lambda: ns.compose(ns.l1(1.0), STEPS).prox(jnp.zeros(N), 1.0), "use the method 'admm'"),
    "many": (
        lambda: jgd.minimize_many(distance, "fista", jnp.zeros((2, N)), nonsmooth=ns.compose(ns.l1(1.0), STEPS)),
        "it does not take a penalty of a linear map, .*; those that do are admm",
    ),
    "rho": (lambda: jgd.admm(rho=0.0), r"rho must lie in \(0, inf\)"),
}


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
