"""Mirror descent in the geometries of sets: boxes, half-lines, balls and several at once, against scipy's solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import lsq_linear

from jgd import nonsmooth as ns
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.solvers import minimize

M, N = 40, 12
RNG = np.random.default_rng(0)
A = RNG.normal(size=(M, N)) * np.logspace(0, -0.5, N)
B = A @ np.where(np.arange(N) < 4, [1.0, -2.0, 1.5, 1.0] * 3, 0.0) + 0.3 * RNG.normal(size=M)
STOP = Stop(gradient_norm=1e-9)
CLOSE = 1e-6  # the residual over the least curvature, 0.03, with room


def loss(x):
    return jnp.sum((A @ x - B) ** 2) / (2 * M)


BOXES = {
    "box": (ns.box(-0.5, 1.2), (-0.5, 1.2)),
    "from below": (ns.non_negative(), (0.0, np.inf)),
    "from above": (ns.box(None, 1.0), (-np.inf, 1.0)),
}


@pytest.mark.parametrize(("part", "bounds"), BOXES.values(), ids=BOXES)
def test_bounds_are_scipy_s_from_inside_and_from_a_corner(part, bounds, x64):
    known = lsq_linear(A, B, bounds, tol=1e-14, method="bvls").x
    for start in (0.5, 0.0 if bounds[0] == 0.0 else 9.0):
        found = minimize(loss, "mirror-descent", jnp.full(N, start), STOP, nonsmooth=part)
        assert found.status is Status.GRADIENT_NORM
        np.testing.assert_allclose(found.params, known, atol=CLOSE)
        assert np.isfinite(part.value(found.params))


@pytest.mark.parametrize("radius", [1.0, 9.0])
def test_balls_whose_bound_holds_and_not(radius, x64):
    part = ns.l2_ball(radius)
    known = minimize(loss, "projected-gradient", jnp.zeros(N), Stop(gradient_norm=1e-11), nonsmooth=part).params
    found = minimize(loss, "mirror-descent", jnp.full(N, 3.0), STOP, nonsmooth=part)
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, known, atol=CLOSE)


def test_several_sets_and_free_leaves_of_a_tree(x64):
    part = ns.by_path({"^a": ns.simplex(), "^b": ns.box(0, None)})
    start = {"a": jnp.ones(4) / 4, "b": jnp.zeros(4), "c": jnp.zeros(4)}
    of_tree = lambda p: loss(jnp.concatenate([p["a"], p["b"], p["c"]]))  # noqa: E731
    found, known = (
        minimize(of_tree, method, start, STOP, nonsmooth=part) for method in ("mirror-descent", "projected-gradient")
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=CLOSE), found.params, known.params)


@pytest.mark.parametrize(
    "part", [ns.box(-0.5, 1.2), ns.box(0.0, None), ns.box(None, None), ns.non_negative(), ns.simplex(), ns.l2_ball(2.0)]
)
def test_a_step_is_stationary_where_the_divergence_s_gradient_is_the_objective_s(part, x64):
    # <y, g> + D(y, x) / t has no slope along directions that stay in the set, at y = mirror(x, g, t).
    x, g, t = jnp.array([0.5, 0.3, 0.2]), jnp.array([0.7, -0.4, 0.1]), 0.3
    y = part.mirror(x, g, t)
    slope = jax.grad(lambda y: y @ g + part.divergence(y, x) / t)(y)
    slope = slope - jnp.mean(slope) if isinstance(part, ns.simplex) else slope
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    assert part.divergence(x, x) == 0
    np.testing.assert_allclose(part.mirror(x, g, 1e-9), x, atol=1e-8)


def test_what_has_no_map_is_refused():
    part = ns.by_path({"^a": ns.simplex(), "^b": ns.l1_ball(1.0)})
    with pytest.raises(InputError, match=r"by_path.mirror: L1Ball has none; pass sets that have one") as error:
        minimize(lambda p: jnp.sum(p["a"] + p["b"]), "mirror-descent", dict.fromkeys("ab", jnp.ones(2)), nonsmooth=part)
    assert "\n" not in str(error.value)
