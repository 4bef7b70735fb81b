"""Bounds: every evaluated point obeys them, and the end is a stationary point of the bounded problem."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd.core import Status
from jgd.core.stop import Stop
from jgd.solvers.minimize import minimize
from tests.solvers.smooth import METHODS, NAMES, PROBLEMS, objective, seen

BOUNDED = ["l-bfgs-b", "barzilai-borwein", "nelder-mead"]
STOP = Stop(gradient_norm=1e-7, max_evaluations=3000)
INF = np.inf
# The problem, the start, the bounds.
BOXES = {
    "a corner": ("quadratic", [0.5] * 4, [0, 0, 0, 2], [0.5, 0.5, 0.5, 3]),
    "an infeasible start": ("rosenbrock", [9, -9, 9, -9], [-2, -2, -2, -2], [0.5, 2, 0.8, 2]),
    "one side": ("exponential", [1, 1, 1, 1], [0.5, -INF, -INF, 0], [INF, 1.0, INF, INF]),
    "a fixed one": ("rosenbrock", [0.5, 0.7, 0.5, 0.5], [-INF, 0.7, -INF, -INF], [INF, 0.7, INF, INF]),
    "all fixed": ("quadratic", [0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]),
    "a start at the solution's bounds": ("barrier", [2, 2, 2, 2], [2, 2, 2, 2], [4, 4, 4, 4]),
    "a domain": ("barrier", [1, 1e-6, 5, 2], [1e-6, 1e-6, 1e-6, 1.5], [INF, 5, 5, 5]),
    "no bounds": ("rosenbrock", [-1.2, 1, -1.2, 1], [-INF] * 4, [INF] * 4),
}


def solved(method, box):
    name, start, lower, upper = BOXES[box]
    bounds = (jnp.array(lower, float), jnp.array(upper, float))
    seen()
    return minimize(objective, METHODS[method], jnp.array(start, float), STOP, args=(NAMES.index(name),), bounds=bounds)


@pytest.mark.parametrize("method", BOUNDED)
def test_bounds_are_never_left_and_the_end_is_stationary(method, x64):
    for box, (name, start, lower, upper) in BOXES.items():
        found = solved(method, box)
        points = np.array(seen())
        assert len(points) == int(found.evaluations)
        # The points are kept in float32, and rounding keeps the order.
        assert np.all((points >= np.float32(lower)) & (points <= np.float32(upper))), box
        fn = PROBLEMS[name][0]
        peer = scipy.optimize.minimize(
            jax.jit(jax.value_and_grad(fn)),
            np.clip(start, lower, upper),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(lower, upper, strict=True)),
            options={"gtol": 1e-8, "ftol": 0.0},
        )
        # A gradient of 1e-7 over the least curvature, 0.1, and scipy's own; a simplex may stop 1e-4 from it at a bound.
        np.testing.assert_allclose(found.params, peer.x, atol=1e-3 if method == "nelder-mead" else 1e-5, err_msg=box)
        if method != "nelder-mead":
            assert found.status is Status.GRADIENT_NORM, box
            slope = jax.grad(fn)(found.params)
            residual = jnp.clip(found.params - slope, jnp.array(lower, float), jnp.array(upper, float)) - found.params
            np.testing.assert_allclose(found.gradient_norm, jnp.linalg.norm(residual), atol=1e-12)  # rounding of x - g


def test_no_more_evaluations_than_scipy_s(x64):
    ours, theirs = 0, 0
    for box, (name, start, lower, upper) in BOXES.items():
        ours += int(solved("l-bfgs-b", box).evaluations)
        fn = jax.jit(jax.value_and_grad(PROBLEMS[name][0]))
        options = {"gtol": 1e-7, "ftol": 0.0}
        bounds = list(zip(lower, upper, strict=True))
        theirs += scipy.optimize.minimize(
            fn, np.clip(start, lower, upper), jac=True, method="L-BFGS-B", bounds=bounds, options=options
        ).nfev
    assert ours <= 1.2 * theirs  # single problems differ by a few trials either way


def test_lanes_with_bounds_of_their_own(x64):
    boxes = [box for box in BOXES if BOXES[box][0] == "rosenbrock"]
    starts, lower, upper = (jnp.array([BOXES[box][i] for box in boxes], float) for i in (1, 2, 3))
    args = (NAMES.index("rosenbrock"),)
    lanes = jax.vmap(
        lambda x, low, high: minimize(objective, METHODS["l-bfgs-b"], x, STOP, args=args, bounds=(low, high))
    )(starts, lower, upper)
    for i, box in enumerate(boxes):
        alone = solved("l-bfgs-b", box)
        np.testing.assert_allclose(lanes.params[i], alone.params, atol=1e-6)  # the tolerance over the least curvature
        assert Status.of(lanes.status[i]) is alone.status


def test_one_number_bounds_all_parameters():
    found = minimize(lambda p: jnp.sum((p["a"] - 3) ** 2), "l-bfgs-b", {"a": jnp.zeros((2, 2))}, bounds=(None, 1.0))
    np.testing.assert_array_equal(found.params["a"], 1.0)
    assert found.status is Status.GRADIENT_NORM


def test_what_bounds_and_nothing_else_holds_down(x64):
    """A linear function has its minimum in a corner, where the model's curvature says nothing."""
    found = minimize(lambda x: jnp.sum(jnp.array([1.0, -2.0, 0.0]) * x), "l-bfgs-b", jnp.zeros(3), bounds=(-1.0, 1e6))
    np.testing.assert_array_equal(found.params, [-1.0, 1e6, 0.0])
    assert found.status is Status.GRADIENT_NORM


def test_a_box_gives_the_first_step_its_scale(x64):
    # Wood's valley by small steps takes twice as many evaluations: 53, and 29 from the far side of the box.
    (problem,) = (one for one in jgd.tasks.bounded_problems() if one.name == "wood_bounded")
    bounds = (jnp.array(problem.lower), jnp.array(problem.upper))
    found = minimize(problem.fn, "l-bfgs-b", jnp.array(problem.start), Stop(gradient_norm=1e-9), bounds=bounds)
    assert found.success
    assert found.evaluations < 40
