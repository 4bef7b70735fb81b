"""Trust regions, Newton's methods, cubic regularization and SR1: closed forms, saddle points, rounding and lanes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.solvers.names import METHODS, method_of
from tests.tiers import at_once

NAMES = ("newton", "newton-cg", "trust-ncg", "trust-krylov", "trust-exact", "dogleg", "arc", "sr1")
FROM_SADDLES = ("newton", "trust-krylov", "trust-exact", "dogleg", "arc")
every = pytest.mark.parametrize("name", NAMES)


# Every problem is a sum of squares of residuals that are quadratic in four variables, so that all are one program.


def quadratic(a, b, c, d):
    return a - 1, 2 * b + a, 3 * c - b - 1, d + a, a + b + c + d - 3, 0


def rosenbrock(a, b, c, d):
    return 10 * (b - a * a), 1 - a, 10 * (d - c * c), 1 - c, 0, 0


def powell_singular(a, b, c, d):
    return a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2, 0, 0


def wood(a, b, c, d):
    return 10 * (b - a * a), 1 - a, 90**0.5 * (d - c * c), 1 - c, 10**0.5 * (b + d - 2), 0.1**0.5 * (b - d)


def brown_badly_scaled(a, b, c, d):
    return a - 1e6, b - 2e-6, a * b - 2, c, d, 0


def saddle(a, b, c, d):
    """Return a gradient of 0 at the origin, and minima at b = +-1."""
    return a, b * b - 1, c, d, 0, 0


def coefficients(residual):
    """Return the constants, slopes and curvatures of quadratic residuals: f[6], f[6, 4], f[6, 4, 4]."""
    eye = np.eye(4)
    at = lambda x: np.array(residual(*x), float)  # noqa: E731
    constant = at(np.zeros(4))
    bends = [[(at(x + y) - at(x) - at(y) + constant) / 2 for x in eye] for y in eye]
    curvature = np.moveaxis(np.array(bends), -1, 0)
    slope = np.stack([at(x) - constant for x in eye], 1) - np.einsum("kii->ki", curvature)
    return constant, slope, curvature


def squares(x, data):
    constant, slope, curvature = data
    return jnp.sum((constant + slope @ x + curvature @ x @ x) ** 2)


def least_value():
    constant, slope, _ = coefficients(quadratic)
    return np.linalg.lstsq(slope, -constant)[1][0]


CASES = {  # the residual, its start, its minimum, and how near to it a gradient of 1e-8 comes
    "quadratic": (quadratic, [3.0, -1, 2, 0.5], least_value(), 1e-12),
    "rosenbrock": (rosenbrock, [-1.2, 1, -1.2, 1], 0.0, 1e-12),
    "powell singular": (powell_singular, [3.0, -1, 0, 1], 0.0, 1e-9),  # the value goes as |g|^(4/3)
    "wood": (wood, [-3.0, -1, -3, -1], 0.0, 1e-12),
    "brown badly scaled": (brown_badly_scaled, [1.0, 1, 1, 1], 0.0, 1e-12),
}
STOP = Stop(gradient_norm=1e-8, max_evaluations=500)


def run(name, residual, start, stop=STOP):
    data = jax.tree.map(lambda x: jnp.asarray(x, float), coefficients(residual))
    return jgd.minimize(squares, name, jnp.asarray(start, float), stop, args=(data,))


@every
@pytest.mark.parametrize(("residual", "start", "least", "near"), CASES.values(), ids=CASES)
def test_it_finds_the_minimum(x64, name, residual, start, least, near):
    found = run(name, residual, start)
    assert found.status in (Status.GRADIENT_NORM, Status.PRECISION), str(found)
    np.testing.assert_allclose(found.value, least, atol=near)


@pytest.mark.parametrize("name", ["newton", "trust-exact", "trust-krylov", "dogleg"])
def test_a_quadratic_takes_as_few_steps_as_the_radius_allows(x64, name):
    """The radius begins at the length of the steepest descent, and one doubling or two reach Newton's point."""
    assert int(run(name, *CASES["quadratic"][:2]).evaluations) <= (2 if name == "newton" else 5)


@pytest.mark.parametrize("name", at_once(["newton"], ["newton", "trust-exact", "trust-ncg"]))
def test_lanes_equal_solo_runs(x64, name):
    cases = [case[:2] for case in CASES.values()]
    data = jax.tree.map(lambda *x: jnp.stack(x), *(coefficients(residual) for residual, _ in cases))
    starts = jnp.array([start for _, start in cases])
    lanes = jax.jit(jax.vmap(lambda start, data: jgd.minimize(squares, name, start, STOP, args=(data,))))(starts, data)
    for i, case in enumerate(cases):
        alone = run(name, *case)
        # Matrix products of a batch round otherwise, and curved valleys double such differences with every step.
        assert abs(int(lanes.evaluations[i]) - int(alone.evaluations)) <= 3
        np.testing.assert_allclose(lanes.value[i], alone.value, atol=1e-9)


def barrier(x):
    """NaN where an entry is not positive; the minimum is where they are 0.1, and steps lead outside."""
    return jnp.sum(x - 0.1 * jnp.log(x))


@pytest.mark.parametrize("name", ["newton", "newton-cg", "trust-exact", "sr1"])
def test_trials_that_are_not_finite_shorten_the_step(x64, name):
    found = jgd.minimize(barrier, name, jnp.array([4.0, 1e-3]), Stop(gradient_norm=1e-8, max_evaluations=500))
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, 0.1, atol=1e-9)  # the gradient's threshold over a curvature of 10


@pytest.mark.parametrize("name", FROM_SADDLES)
def test_saddle_points_are_left_even_where_the_gradient_is_0(x64, name):
    found = run(name, saddle, [0.0, 0, 0, 0])
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(jnp.abs(found.params), [0, 1, 0, 0], atol=1e-8)


@pytest.mark.parametrize("name", at_once(["newton"], ["newton", "newton-cg", "trust-exact", "trust-ncg", "sr1"]))
def test_float32_ends_at_the_precision(name):
    residual, start, *_ = CASES["rosenbrock"]
    found = run(name, residual, start, Stop(gradient_norm=0.0, max_evaluations=500))
    assert found.status in (Status.PRECISION, Status.GRADIENT_NORM), str(found)
    np.testing.assert_allclose(found.params, 1.0, atol=3e-3)  # the root of float32's rounding over a curvature of 0.4


@pytest.mark.parametrize("name", ["trust-exact", "sr1"])
def test_a_wrong_gradient_makes_the_region_vanish(x64, name):
    @jax.custom_jvp
    def wrong(x):
        return jnp.sum(x**2)

    wrong.defjvp(lambda x, dx: (wrong(*x), -2 * x[0] @ dx[0]))
    found = jgd.minimize(wrong, name, jnp.ones(2), Stop(gradient_norm=1e-8, max_evaluations=500))
    assert found.status is Status.TRUST_REGION
    np.testing.assert_array_equal(found.params, 1.0)


@pytest.mark.parametrize("name", ["newton-cg", "trust-ncg", "trust-krylov", "trust-exact"])
def test_it_needs_no_more_passes_than_scipy_s_method_of_the_name(x64, name):
    """A pass is a value with its gradient, or a Hessian."""
    residual, start = CASES["rosenbrock"][:2]
    data = jax.tree.map(jnp.asarray, coefficients(residual))
    slope, hess = jax.jit(jax.value_and_grad(squares)), jax.jit(jax.hessian(squares))
    options = {"gtol": 1e-8} if name != "newton-cg" else {"xtol": 1e-9}
    theirs = scipy.optimize.minimize(slope, start, (data,), name, jac=True, hess=hess, options=options)
    ours = run(name, residual, start)
    assert int(ours.evaluations + ours.steps) <= theirs.nfev + theirs.nhev


def test_the_user_s_hessian_is_taken():
    def hess(x):
        return 8 * jnp.eye(2)  # four times too steep: a quarter of the way

    found = jgd.minimize(lambda x: jnp.sum(x**2), "newton", jnp.ones(2), Stop(max_steps=1), hess=hess)
    np.testing.assert_allclose(found.params, 0.75, rtol=1e-6)
    for name in NAMES[:-1]:
        assert "hess" in METHODS[name].takes
    with pytest.raises(jgd.InputError, match=r"sr1.*it does not take hess=; those that do are admm, arc, dogleg"):
        jgd.minimize(lambda x: jnp.sum(x**2), "sr1", jnp.ones(2), hess=hess)


@pytest.mark.parametrize("name", at_once(["trust-exact"], ["newton", "trust-exact", "trust-ncg"]))
def test_trees_and_complex_numbers(x64, name):
    def fn(p):
        return jnp.abs(p["z"] - (1 + 2j)) ** 2 + jnp.sum((p["w"] - 3) ** 2) + jnp.sum(p["w"]) ** 4 * 1e-3

    found = jgd.minimize(fn, name, {"z": jnp.array(0j), "w": jnp.zeros((2, 1))}, Stop(gradient_norm=1e-9))
    assert found.params["w"].shape == (2, 1)
    np.testing.assert_allclose(found.params["z"], 1 + 2j, atol=1e-8)
    w = found.params["w"][0, 0]
    np.testing.assert_allclose(2 * (w - 3) + 0.004 * (2 * w) ** 3, 0.0, atol=1e-8)


def test_hyperparameters_are_arguments_of_one_program():
    traces = []

    @jax.jit
    def solve(method):
        traces.append(method)
        return jgd.minimize(lambda x: jnp.sum(x**4 - x), method, jnp.zeros(2), Stop(max_evaluations=5)).value

    values = [float(solve(jgd.trust_exact(radius=radius))) for radius in (0.1, 1.0)]
    assert values[0] != values[1]
    assert len(traces) == 1
    assert repr(method_of("trust-exact")) == repr(jgd.trust_exact())
