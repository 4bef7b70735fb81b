"""Conditional gradients: the corners of polytopes to many digits, the gap, and few atoms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import lsq_linear
from sklearn.linear_model import Lasso

import jgd
from jgd import nonsmooth as ns
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.solvers import minimize

M, N, SCALE = 40, 12, 0.05
RNG = np.random.default_rng(0)
A = RNG.normal(size=(M, N)) * np.logspace(0, -0.5, N)
B = A @ np.where(np.arange(N) < 4, [1.0, -2.0, 1.5, 1.0] * 3, 0.0) + 0.3 * RNG.normal(size=M)
LASSO = Lasso(SCALE, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(A, B).coef_
BALL = ns.l1_ball(np.sum(np.abs(LASSO)))
TIGHT = Stop(gradient_norm=1e-14, max_evaluations=2000)
CLOSE = 1e-6  # |x - x*|^2 is at most twice the gap over the least curvature, 0.03


def loss(x):
    return jnp.sum((A @ x - B) ** 2) / (2 * M)


def test_the_l1_ball_of_the_lasso_s_norm_has_its_solution(x64):
    found = minimize(loss, "frank-wolfe", jnp.zeros(N), TIGHT, nonsmooth=BALL)
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, LASSO, atol=CLOSE)
    np.testing.assert_array_equal(found.params == 0, LASSO == 0)  # the atoms that are left have weight 0
    assert found.evaluations < 200


def test_boxes_are_scipy_s_and_simplices_those_of_projections(x64):
    known = lsq_linear(A, B, (-0.5, 1.2), tol=1e-14, method="bvls").x
    found = minimize(loss, "frank-wolfe", jnp.zeros(N), TIGHT, nonsmooth=ns.box(-0.5, 1.2))
    np.testing.assert_allclose(found.params, known, atol=CLOSE)
    part = ns.by_path({"^a": ns.simplex(2.0), "^b": ns.box(-0.5, 1.2)})
    tree = {"a": jnp.full(6, 1 / 3), "b": jnp.zeros(6)}
    of_tree = lambda p: loss(jnp.concatenate([p["a"], p["b"]]))  # noqa: E731
    found, known = (
        minimize(of_tree, method, tree, stop, nonsmooth=part)
        for method, stop in (("frank-wolfe", TIGHT), ("projected-gradient", Stop(gradient_norm=1e-10)))
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=CLOSE), found.params, known.params)


@pytest.mark.parametrize("atoms", [1, 3])
def test_few_atoms_are_slower_and_the_gap_bounds_the_error(atoms, x64):
    found = minimize(loss, jgd.frank_wolfe(atoms=atoms), jnp.zeros(N), Stop(gradient_norm=1e-2), nonsmooth=BALL)
    excess = found.value - loss(LASSO)
    assert 0 <= excess <= found.gradient_norm <= 1e-2
    g = A.T @ (A @ found.params - B) / M
    gap = g @ found.params + np.sum(np.abs(LASSO)) * np.max(np.abs(g))
    np.testing.assert_allclose(found.gradient_norm, gap, rtol=1e-8)
    assert np.isfinite(BALL.value(found.params))  # a mean of the set's points is one


def test_a_lane_is_the_solo_run(x64):
    starts, stop = jnp.stack([jnp.zeros(N), jnp.asarray(LASSO)]), Stop(gradient_norm=1e-8)
    lanes = jax.vmap(lambda x: minimize(loss, "frank-wolfe", x, stop, nonsmooth=BALL))(starts)
    for i, start in enumerate(starts):
        alone = minimize(loss, "frank-wolfe", start, stop, nonsmooth=BALL)
        assert lanes.evaluations[i] == alone.evaluations
        np.testing.assert_allclose(lanes.params[i], alone.params, atol=1e-10)  # sums in another order


def test_atoms_are_a_whole_number():
    with pytest.raises(InputError, match="atoms must be a whole number"):
        jgd.frank_wolfe(atoms=0)
