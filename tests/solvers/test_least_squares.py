"""least_squares: closed forms, scipy's answers, what it does where trials are rejected, and what it refuses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd import Status, Stop
from jgd.solvers.methods.linear_model import LinearModel
from jgd.solvers.names import METHODS
from tests.refusal import refused

wrong: Any = jgd  # for arguments of a wrong type

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(8, 3)), RNG.normal(size=8)
X = np.linspace(0, 4, 30)
CLEAN = 2.5 * np.exp(-1.3 * X) + 0.5
NOISY = CLEAN + 0.05 * RNG.normal(size=30)
NOISY[[3, 17]] += 3.0  # outliers, so that losses differ
START = [1.0, 1.0, 1.0]
MEYER = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872.0]
TIGHT = Stop(relative_gradient_norm=1e-13, max_evaluations=300)
BY_JACOBIAN = {
    "lm": METHODS["lm"](),
    "geodesic": METHODS["lm"](geodesic=True),
    "trf": METHODS["trf"](),
    "gauss-newton": METHODS["gauss-newton"](),
}


def line(params, a, b):
    r = a[:, :2] @ params["w"] + a[:, 2] * params["b"] - b
    return {"first": r[:4].reshape(2, 2), "rest": r[4:]}


def decay(p, x, y):
    return p[0] * jnp.exp(-p[1] * x) + p[2] - y


def rosenbrock(p):
    return jnp.stack([10 * (p[1] - p[0] ** 2), 1 - p[0]])


def logarithm(p):
    return jnp.log(p)


@pytest.mark.parametrize("method", [*BY_JACOBIAN.values(), "bfgs"], ids=[*BY_JACOBIAN, "bfgs"])
def test_a_line_has_a_closed_form(method, x64):
    found = jgd.least_squares(line, method, {"w": jnp.ones(2), "b": 1.0}, args=(jnp.asarray(A), jnp.asarray(B)))
    expected, (squares,), *_ = np.linalg.lstsq(A, B)
    # The gradient is below 1e-8 of the start's, of order 10, and the least curvature is above 1.
    np.testing.assert_allclose([*found.params["w"], found.params["b"]], expected, atol=1e-7)
    np.testing.assert_allclose(found.value, squares / 2, rtol=1e-12)  # quadratic in the error above
    assert found.success
    assert found.residual["first"].shape == (2, 2)
    np.testing.assert_allclose(sum(np.sum(r**2) for r in found.residual.values()) / 2, found.value, rtol=1e-12)
    if method != "bfgs":
        assert found.evaluations <= 5  # the second point is the answer, up to the damping of the first step


@pytest.mark.parametrize(
    ("loss", "method"),
    [*((loss, "lm") for loss in ("linear", "soft_l1", "huber", "cauchy", "arctan")), ("cauchy", "geodesic")],
)
def test_losses_give_scipy_s_answer(loss, method, x64):
    def on_numpy(p):
        return p[0] * np.exp(-p[1] * X) + p[2] - NOISY

    args = (jnp.asarray(X), jnp.asarray(NOISY))
    method = BY_JACOBIAN[method]
    found = jgd.least_squares(decay, method, jnp.asarray(START), TIGHT, args=args, loss=loss, loss_scale=0.1)
    theirs = scipy.optimize.least_squares(
        on_numpy, START, "3-point", loss=loss, f_scale=0.1, x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-12
    )
    assert found.success
    np.testing.assert_allclose(found.params, theirs.x, rtol=1e-6)  # their Jacobian is one of differences
    np.testing.assert_allclose(found.value, theirs.cost, rtol=1e-10)
    np.testing.assert_allclose(found.residual, theirs.fun, atol=1e-6)


def test_a_loss_far_from_the_data_takes_no_more_evaluations_than_scipy(x64):
    x = np.linspace(0, 10, 30)
    y = 2 * x + 1 + np.where(np.arange(30) % 6 == 0, 20.0, 0.1 * np.cos(9 * x))

    def line(p):
        return p[0] * x + p[1] - y

    found = jgd.least_squares(line, "trf", jnp.zeros(2), loss="huber", loss_scale=0.1)
    theirs = scipy.optimize.least_squares(line, np.zeros(2), loss="huber", f_scale=0.1)
    assert found.success
    np.testing.assert_allclose(found.value, theirs.cost, rtol=1e-6)  # both stop by 1e-8 of it, or so
    assert found.evaluations <= theirs.nfev


def test_bounds_give_scipy_s_answer_and_are_never_left(x64):
    lower, upper = jnp.array([0.0, 0.0, 0.7]), jnp.array([2.0, jnp.inf, jnp.inf])

    def inside(p, x, y):
        # NaN outside the bounds, also by rounding.
        return jnp.where(jnp.all((p >= lower) & (p <= upper)), decay(p, x, y), jnp.nan)

    args = (jnp.asarray(X), jnp.asarray(NOISY))
    found = jgd.least_squares(
        inside, "trf", jnp.asarray(START), Stop(value_change=1e-14, max_evaluations=300), args=args, history=True,
        bounds=(lower, upper),
    )  # fmt: skip
    theirs = scipy.optimize.least_squares(
        decay, START, "2-point", (lower, upper), ftol=1e-15, xtol=1e-15, gtol=1e-10, args=args
    )
    assert found.success
    assert np.isfinite(found.history.value).all()
    np.testing.assert_allclose(found.params, theirs.x, atol=1e-5)  # both stop short of active bounds
    np.testing.assert_allclose(found.value, theirs.cost, rtol=1e-6)
    assert found.evaluations <= 20  # theirs took 17 steps


@pytest.mark.parametrize("method", BY_JACOBIAN.values(), ids=list(BY_JACOBIAN))
def test_trials_that_are_not_finite_or_too_high_only_shorten_the_step(method, x64):
    """The Gauss-Newton step from 20 for log x = 0 ends at -40."""
    found = jgd.least_squares(logarithm, method, jnp.array([20.0]), Stop(gradient_norm=1e-9, patience=1), history=True)
    assert found.status is Status.GRADIENT_NORM
    assert not np.isfinite(found.history.value).all()
    assert not found.history.accepted.all()
    np.testing.assert_allclose(found.params, 1.0, rtol=1e-8)  # the gradient is log(x) / x


def test_units_decide_nothing(x64):
    """Meyer's problem (MGH 10), whose parameters differ by 1e6, and whose valley is long."""
    t = 45 + 5 * jnp.arange(1.0, 17)
    y = jnp.array(MEYER)
    found = jgd.least_squares(lambda p: p[0] * jnp.exp(p[1] / (t + p[2])) - y, "lm", jnp.array([0.02, 4000.0, 250.0]))
    assert found.success
    np.testing.assert_allclose(2 * found.value, 87.9458, rtol=1e-6)  # the published minimum
    assert found.evaluations < 150  # scipy's lm evaluates the residual and the Jacobian 240 times


def test_what_the_data_do_not_determine_stays_near_the_start(x64):
    """J has rank 1: the least step moves both parameters alike. Two data, three parameters: the same."""
    sums = jnp.array([[1.0, 1.0], [2.0, 2.0]])
    found = jgd.least_squares(lambda p: sums @ p - jnp.array([3.0, 6.0]), "lm", jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(found.params, [2.0, 1.0], rtol=1e-12)  # one step, up to rounding
    wide = jgd.least_squares(lambda p: p[:2] * p[2] - jnp.array([2.0, 3.0]), "lm", jnp.ones(3))
    assert (wide.success, found.success) == (True, True)
    assert wide.value < 1e-15


@pytest.mark.parametrize("method", ["lm", "trf", "gauss-newton"])
def test_float32_ends_at_its_rounding(method):
    found = jgd.least_squares(rosenbrock, method, jnp.array([-1.2, 1.0]), Stop(gradient_norm=0.0, max_evaluations=200))
    assert found.success
    assert found.evaluations < 60
    np.testing.assert_allclose(found.params, 1.0, atol=1e-4)
    noisy = jgd.least_squares(
        decay, method, jnp.ones(3), Stop(gradient_norm=0.0), args=(jnp.asarray(X), jnp.asarray(NOISY))
    )
    assert noisy.status is Status.PRECISION
    assert noisy.evaluations < 60


def test_a_lane_equals_the_solo_run_and_one_program_serves_all_data(x64):
    traces = []

    def counted(p, x, y):
        traces.append(0)
        return decay(p, x, y)

    data = jnp.stack([jnp.asarray(CLEAN), jnp.asarray(NOISY), 3 * jnp.asarray(NOISY) - 1])

    def fit(y):
        return jgd.least_squares(counted, "lm", jnp.ones(3), args=(jnp.asarray(X), y))

    lanes = jax.jit(jax.vmap(fit))(data)
    alone = [fit(y) for y in data[:1]]
    first = len(traces)
    alone += [fit(y) for y in data[1:]]
    assert len(traces) - first == 2  # the check of what it returns, for each call
    for i, solo in enumerate(alone):
        assert (int(lanes.evaluations[i]), int(lanes.status[i])) == (int(solo.evaluations), int(solo.status))
        np.testing.assert_allclose(lanes.params[i], solo.params, rtol=1e-9)  # sums in another order


def test_any_optimizer_minimizes_half_the_squares():
    args = (jnp.asarray(A, jnp.float32), jnp.asarray(B, jnp.float32))
    params = {"w": jnp.ones(2), "b": jnp.ones(())}
    found = jgd.least_squares(line, jgd.adam(0.1), params, Stop(max_steps=3), args=args, history=True)

    def half(params):
        return sum(jnp.sum(r**2) for r in line(params, *args).values()) / 2

    theirs = jgd.minimize(half, jgd.adam(0.1), params, Stop(max_steps=3), history=True)
    np.testing.assert_allclose(found.history.value, theirs.history.value, rtol=1e-5)  # sums in another order
    assert found.residual["first"].shape == (2, 2)


def integers(p):
    return jnp.arange(3)


def nothing(p):
    return ()


ONES = jnp.ones(2)
BAD = [
    (lambda: wrong.least_squares(3, "lm", ONES), "least_squares(residual=3): residual must be a function"),
    (lambda: jgd.least_squares(rosenbrock, "ml", ONES), "least_squares(optimizer=): unknown name 'ml'. Did you mean"),
    (lambda: jgd.least_squares(rosenbrock, "lm", ONES, bounds=(0, 2)), "least_squares(optimizer='lm'): it does not"),
    (lambda: jgd.least_squares(rosenbrock, "trf", ONES, bounds=(2, 0)), "least_squares(bounds=): at "),
    (lambda: jgd.least_squares(integers, "lm", ONES), "least_squares(integers): it must return residuals, floating"),
    (lambda: jgd.least_squares(nothing, "lm", ONES), "least_squares(nothing): it must return residuals, floating"),
    (lambda: jgd.least_squares(decay, "lm", ONES), "least_squares(decay): calling it failed with TypeError"),
    (lambda: jgd.least_squares(rosenbrock, "lm", ONES, has_aux=True), "least_squares(rosenbrock): with has_aux=True"),
    (lambda: jgd.least_squares(rosenbrock, "lm", ONES, loss="hubert"), "least_squares(loss='hubert'): loss must be"),
    (lambda: jgd.least_squares(rosenbrock, "lm", ONES, loss="huber", loss_scale=0), "least_squares(loss_scale=0): los"),
    (lambda: jgd.least_squares(rosenbrock, "lm", ONES, Stop()), "least_squares(stop=Stop()): it holds no rule"),
    (lambda: jgd.minimize(lambda p: p @ p, "lm", ONES), "minimize(optimizer='lm'): it needs a residual, which jgd"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_one_sentence(call, message):
    refused(call, message)


def test_the_solution_has_the_derivative_of_the_closed_form_and_a_callback_sees_the_residuals(x64):
    def weights(b):
        return jgd.least_squares(lambda p, b: jnp.asarray(A) @ p - b, "lm", jnp.ones(3), args=(b,)).params

    np.testing.assert_allclose(jax.jacrev(weights)(jnp.asarray(B)), np.linalg.pinv(A), atol=1e-10)  # one linear solve
    seen = []
    jgd.least_squares(
        rosenbrock, "lm", jnp.array([-1.2, 1.0]), callback=lambda s: seen.append(s.residual) or len(seen) == 3
    )
    assert [r.shape for r in seen] == [(2,)] * 3


def test_gauss_newton_leaves_no_direction_across_the_gradient(x64):
    # From its start the Jacobian of Biggs's function nearly loses rank: without the region 2,000 evaluations are spent.
    (problem,) = (one for one in jgd.tasks.more_garbow_hillstrom() if one.name == "biggs")
    assert problem.residual is not None
    found = jgd.least_squares(problem.residual, "gauss-newton", jnp.array(problem.start), Stop(max_evaluations=100))
    assert found.success
    assert min(abs(2 * found.value - least) for least in problem.minima) < 1e-7


@pytest.mark.parametrize("share", [0.9, 1e-3, 1e-12])
def test_a_step_within_a_radius_is_as_long_as_it(share, x64):
    """Singular values spread over 12 decades; to the percent that the docstring promises."""
    singular = jnp.logspace(0, -12, 9)
    model = LinearModel(jnp.ones(9), singular, jnp.eye(9), jnp.ones(9))
    radius = share * model.step_norm()
    step, damping = model.within(radius)
    assert float(jnp.linalg.norm(step)) == pytest.approx(float(radius), rel=0.01)
    assert damping > 0
    inside, none = model.within(2 * model.step_norm())
    assert none == 0
    np.testing.assert_allclose(inside, model.step(), rtol=1e-12)  # the same formula, in another program
