"""Methods for composite objectives: certificates, scikit-learn, closed forms, derivatives, ends and refusals."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import lsq_linear
from sklearn.linear_model import ElasticNet, Lasso

import jgd
from jgd import nonsmooth as ns
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.solvers import minimize

M, N, SCALE = 40, 12, 0.05
RNG = np.random.default_rng(0)
A = RNG.normal(size=(M, N)) * np.logspace(0, -0.5, N)
B = A @ np.where(np.arange(N) < 4, [1.0, -2.0, 1.5, 1.0] * 3, 0.0) + 0.3 * RNG.normal(size=M)
LEAST_CURVATURE = np.linalg.eigvalsh(A.T @ A / M)[0]
TIGHT = Stop(gradient_norm=1e-10)
CLOSE = 1e-8  # the residual over the least curvature, 0.03, with room for it being one of a step


def loss(x, a, b):
    return jnp.sum((a @ x.reshape(-1) - b) ** 2) / (2 * M)


def grad(x):
    return (A.T @ (A @ np.ravel(x) - B) / M).reshape(np.shape(x))


def solved(method, nonsmooth, start=None, stop=TIGHT, dtype: Any = float, **options):
    start = np.zeros(N) if start is None else start
    data = (jnp.asarray(A, dtype), jnp.asarray(B, dtype))
    return minimize(loss, method, jnp.asarray(start, dtype), stop, args=data, nonsmooth=nonsmooth, **options)


# The dual norm of the gradient, which is at most `SCALE` at a solution.
NORMS = {
    "l1": (ns.l1(SCALE), (N,), lambda g: np.max(np.abs(g))),
    "group_l2": (ns.group_l2(SCALE, 0), (4, 3), lambda g: np.max(np.linalg.norm(g, axis=1))),
    "total_variation": (ns.total_variation(SCALE), (N,), lambda g: np.max(np.abs(np.cumsum(g)))),
    "nuclear": (ns.nuclear(SCALE), (4, 3), lambda g: np.linalg.norm(g, 2)),
}


@pytest.mark.parametrize(("penalty", "shape", "dual"), NORMS.values(), ids=NORMS)
def test_the_dual_norm_certifies_the_solution(penalty, shape, dual, x64):
    # F(x) - F(x*) <= h(x) + g'x where the dual norm is at most the scale; strong convexity turns it to a distance.
    found = solved("fista", penalty, np.zeros(shape), Stop(gradient_norm=0.0))
    assert found.status in (Status.PRECISION, Status.GRADIENT_NORM)
    g = grad(np.asarray(found.params))
    assert dual(g) <= SCALE * (1 + 1e-12)
    assert dual(g) > SCALE * (1 - 1e-12)  # the penalty acts
    gap = float(penalty.value(found.params)) + np.sum(g * np.asarray(found.params))
    assert abs(gap) <= 1e-12 * LEAST_CURVATURE / 2  # so that |x - x*| <= 1e-6
    np.testing.assert_allclose(found.value, loss(found.params, A, B) + penalty.value(found.params), rtol=1e-14)


@pytest.mark.parametrize("method", ["prox-gradient", "fista"])
def test_lasso_and_elastic_net_are_scikit_learn_s(method, x64):
    options = {"fit_intercept": False, "tol": 1e-14, "max_iter": 100_000}
    lasso = Lasso(SCALE, **options).fit(A, B).coef_
    found = np.asarray(solved(method, ns.l1(SCALE)).params)
    np.testing.assert_allclose(found, lasso, atol=CLOSE)
    np.testing.assert_array_equal(found == 0, lasso == 0)
    both = ElasticNet(2 * SCALE, l1_ratio=0.5, **options).fit(A, B).coef_
    np.testing.assert_allclose(solved(method, ns.elastic_net(SCALE, SCALE)).params, both, atol=CLOSE)


def test_a_free_intercept_in_a_tree(x64):
    def fit(params, a, b):
        return jnp.sum((a @ params["w"] + params["b"] - b) ** 2) / (2 * M)

    start = {"w": jnp.zeros(N), "b": jnp.zeros(())}
    data = (jnp.asarray(A), jnp.asarray(B + 3))
    found = minimize(fit, "fista", start, TIGHT, args=data, nonsmooth=ns.by_path({"^w": ns.l1(SCALE)}))
    known = Lasso(SCALE, tol=1e-14, max_iter=100_000).fit(A, B + 3)
    np.testing.assert_allclose(found.params["w"], known.coef_, atol=CLOSE)
    np.testing.assert_allclose(found.params["b"], known.intercept_, atol=CLOSE)


@pytest.mark.parametrize("method", ["prox-gradient", "fista"])
def test_the_l1_ball_of_the_lasso_s_norm_has_its_solution(method, x64):
    lasso = Lasso(SCALE, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(A, B).coef_
    ball = ns.l1_ball(np.sum(np.abs(lasso)))
    np.testing.assert_allclose(solved(method, ball).params, lasso, atol=CLOSE)


@pytest.mark.parametrize("method", ["projected-gradient", "mirror-descent"])
def test_the_simplex_by_its_gap_from_starts_inside_outside_and_at_a_corner(method, x64):
    for start in (np.full(N, 1 / N), np.zeros(N), np.eye(N)[5]):
        found = solved(method, ns.simplex(2.0), start, Stop(gradient_norm=1e-9))
        assert found.status is Status.GRADIENT_NORM
        x, g = np.asarray(found.params), grad(np.asarray(found.params))
        np.testing.assert_allclose(np.sum(x), 2.0, rtol=1e-14)
        assert np.min(x) >= 0
        assert g @ x - 2.0 * np.min(g) <= 1e-7  # the residual times the gradient and the set, both of order 1


def test_bounds_are_a_box_and_agree_with_scipy(x64):
    theirs = lsq_linear(A, B, (-0.5, 1.2), tol=1e-14, method="bvls").x
    assert 0 < np.sum((theirs > -0.5) & (theirs < 1.2)) < N
    options: dict[str, Any]
    for options in ({"nonsmooth": None, "bounds": (-0.5, 1.2)}, {"nonsmooth": ns.box(-0.5, 1.2)}):
        found = solved("projected-gradient", start=np.full(N, 9.0), **options)
        np.testing.assert_allclose(found.params, theirs, atol=CLOSE)


def test_lasso_hyperparameters_have_their_closed_form_derivatives(x64):
    def weights(scale, b):
        return minimize(loss, "fista", jnp.zeros(N), TIGHT, args=(jnp.asarray(A), b), nonsmooth=ns.l1(scale)).params

    point = (SCALE, jnp.asarray(B))
    x = np.asarray(weights(*point))
    on = x != 0
    assert 3 < on.sum() < N
    inverse = np.linalg.inv(A[:, on].T @ A[:, on] / M)
    by_scale, by_data = np.zeros(N), np.zeros((N, M))
    by_scale[on], by_data[on] = -inverse @ np.sign(x[on]), inverse @ A[:, on].T / M
    for jacobian in (jax.jacfwd, jax.jacrev):
        scale, data = jax.jit(jacobian(weights, (0, 1)))(*point)
        np.testing.assert_allclose(scale, by_scale, atol=1e-8)  # one linear solve with a condition of 100
        np.testing.assert_allclose(data, by_data, atol=1e-8)


ENDS = {
    "prox-gradient": ns.l1(SCALE),
    "fista": ns.l1(SCALE),
    "projected-gradient": ns.simplex(2.0),
    "mirror-descent": ns.simplex(2.0),
    "frank-wolfe": ns.l2_ball(1.0),
}


@pytest.mark.parametrize(("method", "part"), ENDS.items(), ids=ENDS)
def test_float32_ends_by_itself_at_the_solution(method, part):
    found = solved(method, part, stop=Stop(gradient_norm=0.0), dtype=np.float32)
    assert found.params.dtype == jnp.float32
    assert found.status in (Status.PRECISION, Status.GRADIENT_NORM)
    assert found.success
    assert found.gradient_norm < 1e-4  # a hundred units of rounding of a gradient of order 1, and some


@pytest.mark.parametrize("method", ["prox-gradient", "fista"])
def test_a_trial_that_is_not_finite_shortens_the_step(method, x64):
    def barrier(x):
        return jnp.sum(5 * x - jnp.log(x))  # NaN below 0

    found = minimize(
        barrier, method, jnp.ones(3), Stop(gradient_norm=1e-8, max_evaluations=300), nonsmooth=ns.l1(0.1), history=True
    )
    assert not np.all(np.isfinite(found.history.value))
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, 1 / 5.1, atol=1e-8)  # the curvature there is 26


def test_a_lane_is_the_solo_run(x64):
    scales = jnp.array([0.02, 0.05, 0.3])
    lanes = jax.vmap(lambda scale: solved("fista", ns.l1(scale)))(scales)
    assert len(set(lanes.evaluations.tolist())) == 3  # they end at different times
    for i, scale in enumerate(scales):
        alone = solved("fista", ns.l1(scale))
        assert (lanes.steps[i], lanes.evaluations[i]) == (alone.steps, alone.evaluations)
        np.testing.assert_allclose(lanes.params[i], alone.params, atol=1e-12)  # sums in another order


def test_momentum_and_spectral_steps_need_few_evaluations_where_the_condition_is_bad(x64):
    def valley(x):
        return jnp.sum(jnp.logspace(0, -4, N) * (x - 1) ** 2) / 2

    for method in ("prox-gradient", "fista"):
        found = minimize(valley, method, jnp.zeros(N), Stop(gradient_norm=1e-9), nonsmooth=ns.l1(1e-6))
        assert found.evaluations < 4000  # 1,224 and 2,035; steps that grow by 1.5 alone took 62,128


def test_complex_parameters_and_many_starts(x64):
    target = jnp.array([1 + 1j, 0.03j, -2.0])

    def distance(z):
        return jnp.sum(jnp.abs(z - target) ** 2) / 2

    starts = jnp.zeros((3, 3), complex) + jnp.arange(3)[:, None]
    found = jgd.minimize_many(distance, "fista", starts, TIGHT, nonsmooth=ns.l1(0.1))
    known = np.asarray(target) * np.maximum(1 - 0.1 / np.abs(target), 0)
    np.testing.assert_allclose(found.params, np.broadcast_to(known, (3, 3)), atol=CLOSE)


def test_the_subgradient_method_keeps_the_best_point(x64):
    target = jnp.asarray(RNG.normal(size=N))

    def distance(x):
        return jnp.sum(jnp.abs(x - target) * jnp.arange(1, N + 1))

    found = minimize(distance, "subgradient", jnp.zeros(N), Stop(max_steps=2000), history=True)
    assert found.status is Status.MAX_STEPS
    assert found.value == np.min(found.history.value)
    assert np.any(np.diff(found.history.value) > 0)  # it rises and falls
    assert found.value < 1.0  # |x0 - x*| |g| log(k) / sqrt(k) is about 4
    known = minimize(distance, jgd.subgradient(minimum=0.0), jnp.zeros(N), Stop(value=1e-6))
    assert known.status is Status.VALUE
    within = minimize(distance, jgd.subgradient(minimum=0.0), jnp.zeros(N), Stop(max_steps=50), bounds=(-0.1, 0.1))
    assert np.all(np.abs(within.params) <= 0.1)


class Opaque:
    """A penalty that JAX cannot look into."""

    value = prox = staticmethod(jnp.sum)


class Reshaped(NamedTuple):
    """A user's own penalty, whose prox returns another shape."""

    scale: float

    def value(self, params):
        return self.scale * jnp.sum(jnp.abs(params))

    def prox(self, params, step):
        return params[:2] - step * self.scale


REFUSED = {
    "no prox": (
        "bfgs",
        {"nonsmooth": ns.l1(0.1)},
        "it does not take nonsmooth=; those that do are admm, fista, frank-wolfe",
    ),
    "no part": ("fista", {}, "it needs nonsmooth="),
    "a number": ("fista", {"nonsmooth": 0.1}, "nonsmooth must be a penalty or a set with value and prox"),
    "a factory": ("fista", {"nonsmooth": ns.simplex}, "nonsmooth must be a penalty or a set with value and prox"),
    "two parts": (
        "projected-gradient",
        {"nonsmooth": ns.l1(0.1), "bounds": (0.0, 1.0)},
        "a method takes the prox of one part, and bounds are another; leave bounds out",
    ),
    "a tree": ("fista", {"nonsmooth": ns.l1({"w": 0.1})}, "the tree of scale must have the parameters' structure"),
    "a shape": ("fista", {"nonsmooth": ns.l1(np.ones(5))}, "scale has shape (5,)"),
    "no axis": ("fista", {"nonsmooth": ns.total_variation(0.1, axis=1)}, "must have an axis 1"),
    "its own shape": ("fista", {"nonsmooth": Reshaped(0.1)}, "prox(params, step) has shape (2,)"),
    "no pytree": ("fista", {"nonsmooth": Opaque()}, "pass a pytree of numbers and arrays"),
    "no oracle": ("frank-wolfe", {"nonsmooth": ns.l1(0.1)}, "it has no lmo, which this method needs; pass a set"),
    "no bound": ("frank-wolfe", {"nonsmooth": ns.non_negative()}, "the set is not bounded"),
    "no mirror": ("mirror-descent", {"nonsmooth": ns.l1_ball(1.0)}, "such as jgd.nonsmooth.simplex()"),
}


@pytest.mark.parametrize(("method", "options", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(method, options, words):
    with pytest.raises(InputError) as error:
        minimize(lambda x: jnp.sum(x**2), method, jnp.zeros(3), **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
