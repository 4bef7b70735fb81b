"""Methods on vectors: known solutions, one evaluation a turn, ends of their own, lanes, trees, and refusals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from jgd.core import Status
from jgd.core.stop import Stop
from jgd.solvers.methods.gradient_descent import barzilai_borwein
from jgd.solvers.methods.limited_memory import lbfgsb
from jgd.solvers.methods.line_searches import strong_wolfe
from jgd.solvers.methods.nonlinear_cg import nonlinear_cg
from jgd.solvers.methods.quasi_newton import bfgs
from jgd.solvers.minimize import minimize
from jgd.tasks import bounded_problems
from tests.refusal import refused
from tests.solvers.smooth import METHODS, NAMES, PROBLEMS, objective, seen
from tests.tiers import at_once

MOST = 4000
CLOSE = Stop(gradient_norm=1e-12, max_evaluations=500)


def solved(method, name, tol, dtype: Any = np.float64):
    seen()
    start = jnp.asarray(PROBLEMS[name][1], dtype)
    return minimize(
        objective, METHODS[method], start, Stop(gradient_norm=tol, max_evaluations=MOST), args=(NAMES.index(name),)
    )


def distance(found, name):
    params = np.abs(found.params) if name == "wells" else found.params
    return np.max(np.abs(params - PROBLEMS[name][2]))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_solution_and_ends_by_itself(method, x64):
    for name in NAMES:
        if (method, name) == ("gradient-descent", "rosenbrock"):
            continue  # it takes ten thousand steps
        found = solved(method, name, 1e-6)
        # The least curvature at these solutions is 0.13, and the bound allows for the cubic terms: 1e-6 / 0.13 * 2;
        # Nelder and Mead's simplex is this small in values, and in points its square root.
        atol = 2e-5 if method == "nelder-mead" else 1.6e-5
        assert distance(found, name) < atol, name
        assert found.status is (Status.STEP_NORM if method == "nelder-mead" else Status.GRADIENT_NORM), name
        assert len(seen()) == int(found.evaluations), name
        exact = solved(method, name, 0.0)
        assert exact.success, (name, exact.status)
        assert int(exact.evaluations) < MOST, name


@pytest.mark.parametrize("method", at_once(["bfgs", "l-bfgs-b", "nelder-mead"], list(METHODS)))
def test_float32_ends_by_itself(method):
    for name in ("quadratic", "exponential"):
        found = solved(method, name, 0.0, np.float32)
        assert found.success, (name, found.status)
        assert int(found.evaluations) < 2000, name  # Nelder and Mead's takes about 1,000
        # Values cannot tell points apart that are nearer than the square root of the rounding unit, times 20.
        assert distance(found, name) < 7e-3, name


@pytest.mark.parametrize(("method", "theirs"), [("bfgs", "BFGS"), ("l-bfgs-b", "L-BFGS-B"), ("cg pr+", "CG")])
def test_rosenbrock_takes_about_as_many_evaluations_as_scipy_s(method, theirs, x64):
    fn, start, _ = PROBLEMS["rosenbrock"]
    peer = scipy.optimize.minimize(
        jax.jit(jax.value_and_grad(fn)), start, jac=True, method=theirs, options={"gtol": 1e-7}
    )
    found = solved(method, "rosenbrock", 1e-7)
    assert int(found.evaluations) <= 1.5 * peer.nfev  # the paths differ, and one valley's bend may cost some trials


LANES = ["bfgs", "l-bfgs-b", "cg hz by hager_zhang", "barzilai-borwein", "nelder-mead"]


@pytest.mark.parametrize("method", at_once(["bfgs", "nelder-mead"], LANES))
def test_a_lane_is_the_run_alone(method, x64):
    stop = Stop(gradient_norm=1e-6, max_evaluations=MOST)
    starts = jnp.stack([PROBLEMS[name][1] for name in NAMES])
    lanes = jax.vmap(lambda x, i: minimize(objective, METHODS[method], x, stop, args=(i,)))(
        starts, jnp.arange(len(NAMES))
    )
    for i, name in enumerate(NAMES):
        alone = solved(method, name, 1e-6)
        assert Status.of(lanes.status[i]) is alone.status
        # Sums in another order end at another point within the tolerance.
        np.testing.assert_allclose(lanes.params[i], alone.params, atol=2e-5, err_msg=name)
        assert (
            abs(int(lanes.evaluations[i]) - int(alone.evaluations)) <= 0.25 * int(alone.evaluations) + 2
        )  # of some hundred


@pytest.mark.parametrize(
    "method", at_once(["bfgs", "nelder-mead"], ["bfgs", "l-bfgs-b", "cg pr+", "barzilai-borwein", "nelder-mead"])
)
def test_trees_and_complex_parameters(method, x64):
    def fn(p):
        return jnp.abs(p["z"] - (1 + 2j)) ** 2 + jnp.sum(
            (p["w"] - jnp.array([[3.0, 4.0]])) ** 2 * jnp.array([[1.0, 2.0]])
        )

    start = {"z": jnp.array(0.5 + 0j), "w": jnp.ones((1, 2))}
    found = minimize(fn, METHODS[method], start, Stop(gradient_norm=1e-6))
    np.testing.assert_allclose(found.params["z"], 1 + 2j, atol=1e-5)  # a simplex ends at 1e-7, a gradient at 1e-6 / 2
    np.testing.assert_allclose(found.params["w"], [[3.0, 4.0]], atol=1e-5)


def test_one_program_serves_all_hyperparameters():
    traces = []

    @jax.jit
    def solve(method):
        traces.append(method)
        return minimize(lambda x: jnp.sum((x - 1) ** 4), method, jnp.zeros(2)).value

    values = [float(solve(bfgs(strong_wolfe(curv_rtol=rtol)))) for rtol in (0.1, 0.9)]
    assert len(traces) == 1
    assert values[0] != values[1]


def test_a_start_that_is_not_finite_is_said():
    found = minimize(lambda x: jnp.sum(jnp.log(x)), bfgs(), -jnp.ones(2))
    assert found.status is Status.NON_FINITE
    assert int(found.evaluations) == 1


def test_a_wrong_gradient_ends_the_search():
    @jax.custom_jvp
    def wrong(x):
        return jnp.sum(x**2)

    wrong.defjvp(lambda primals, tangents: (wrong(*primals), -jnp.sum(2 * primals[0] * tangents[0])))
    found = minimize(wrong, bfgs(), jnp.ones(2))
    assert found.status in (Status.LINE_SEARCH, Status.PRECISION)  # the last trial may lie a rounding from the start
    assert int(found.evaluations) < 100
    np.testing.assert_array_equal(found.params, 1.0)


def test_what_is_unbounded_below_is_said():
    for method in ("bfgs", "cg"):
        found = minimize(lambda x: jnp.sum(x), method, jnp.ones(2))
        assert found.status is Status.UNBOUNDED


BAD = [
    (lambda: nonlinear_cg("xy"), "NonlinearCG(beta='xy'): beta must be one of 'fr', 'pr+', 'hs', 'dy', 'hz'."),
    (lambda: lbfgsb(memory_size=0), "LBFGSB(memory_size=0): memory_size must be a whole number, at least 1."),
    (lambda: barzilai_borwein(window=0), "BarzilaiBorwein(window=0): window must be a whole number, at least 1."),
    (lambda: strong_wolfe(curv_rtol=1.5), "StrongWolfe(curv_rtol=1.5): curv_rtol must lie in (0, 1)."),
    (
        lambda: minimize(lambda x: jnp.sum(x**2), "bfgs", jnp.ones(2), bounds=(0.0, 1.0)),
        "minimize(optimizer='bfgs'): it does not take bounds=; those that do are augmented-lagrangian, ",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_input_is_refused_in_one_sentence(call, words):
    refused(call, words.removesuffix("."))


def test_a_simplex_that_has_collapsed_into_a_bound_begins_anew(x64):
    """In the helical valley points come to lie in the bound x1 = 0.8, near a saddle whose value is 4."""
    (valley,) = (problem for problem in bounded_problems() if problem.name == "helical_valley_bounded")
    bounds = (jnp.array(valley.lower), jnp.array(valley.upper))
    found = minimize(valley.fn, "nelder-mead", jnp.array(valley.start), bounds=bounds)
    assert found.status is Status.STEP_NORM
    np.testing.assert_allclose(found.value, valley.minima[0], atol=1e-3)  # ten times f_tol


def test_short_steps_are_judged_by_slopes_where_values_cancel(x64):
    """Near the solution the value is 0 but for the rounding of its terms, so that no trial is lower."""
    found = minimize(lambda x: jnp.sum((x[:-1] ** 2 + x[-1] ** 2) ** 2 - 4 * x[:-1] + 3), "sr1", jnp.ones(20), CLOSE)
    assert found.status is Status.GRADIENT_NORM


def test_l_bfgs_ends_by_itself_where_nothing_falls(x64):
    A, stop = jnp.outer(jnp.arange(1.0, 6.0), jnp.arange(1.0, 4.0)), Stop(gradient_norm=0.0, max_evaluations=500)
    found = minimize(lambda x: jnp.sum((A @ x - 1.1) ** 2), "l-bfgs", jnp.array([1.0, 0.3, 0.7]), stop)
    assert found.success
    assert int(found.evaluations) < 100
