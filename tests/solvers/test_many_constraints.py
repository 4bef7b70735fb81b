"""Constraints in lanes: each takes the steps of the solo run, and what misses them does not win."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.solvers import basin_hopping
from jgd.solvers.multistart import best_solutions
from jgd.solvers.solution import Solution

STARTS = {"x": np.array([[0.5, 0.2], [-0.8, 0.9], [0.1, -0.3]], np.float32)}
TARGETS = np.array([1.0, 0.5, -1.0], np.float32)
STOP = jgd.Stop(gradient_norm=1e-3, max_steps=100)


def valley(p, target):
    x, y = p["x"]
    return (target - x) ** 2 + 4 * (y - x**2) ** 2


def disk(p, target):
    return {"norm": p["x"] @ p["x"]}


ASKED = (jgd.inequality(disk, upper=0.5),)


@pytest.mark.parametrize("method", ["sqp", pytest.param("augmented-lagrangian", marks=pytest.mark.slow)])
def test_a_lane_is_the_solo_run(method):
    def search(starts, targets):
        return jgd.minimize_many(valley, method, starts, STOP, args=(targets,), constraints=ASKED, lanes=2)

    found = search(STARTS, TARGETS)
    turned = search(jax.tree.map(lambda x: x[::-1], STARTS), TARGETS[::-1])
    jax.tree.map(np.testing.assert_array_equal, turned, jax.tree.map(lambda x: x[::-1], found))
    assert found.success.all()
    assert found.is_feasible.all()
    solo = jgd.minimize(valley, method, {"x": STARTS["x"][1]}, STOP, args=(TARGETS[1],), constraints=ASKED)
    lane = jax.tree.map(lambda x: x[1], found)
    assert lane.status == solo.status
    assert jax.tree.structure(lane.multipliers) == jax.tree.structure(solo.multipliers)
    # Another program rounds otherwise; the conditions hold to 1e-3 in both, and the least curvature is about 1.
    for ours, theirs in ((lane.params, solo.params), (lane.multipliers, solo.multipliers)):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=4e-3), ours, theirs)
    np.testing.assert_allclose(lane.violation, solo.violation, atol=1e-3)


def wells(p):
    """Minima near -1 and 1, the left one lower."""
    return jnp.sum((p**2 - 1) ** 2) + 0.3 * jnp.sum(p)


@pytest.mark.slow
def test_what_misses_constraints_does_not_win():
    """Without x >= 0 the left well is lower."""
    asked = jgd.inequality(lambda p: p, lower=0.0)
    starts = np.array([[-1.5], [0.5]], np.float32)
    best = jgd.multistart(wells, "sqp", starts, STOP, constraints=asked, keep=2)
    assert (best.params >= -1e-3).all()


@pytest.mark.slow
def test_chains_hop_between_minima_that_obey():
    asked = jgd.inequality(lambda p: p, lower=0.0)
    found = basin_hopping(wells, "sqp", np.array([[0.1]], np.float32), constraints=asked, num_hops=4, step_size=2.0)
    np.testing.assert_allclose(found.params, 0.96, atol=0.02)  # the root of 4x^3 - 4x + 0.3 next to 1
    assert found.is_feasible


def test_ranking_puts_what_obeys_first_and_then_the_nearest():
    status = np.array([Status.MAX_STEPS, Status.INFEASIBLE, Status.GRADIENT_NORM, Status.MAX_STEPS])
    values, missed = np.array([-9.0, -8.0, 2.0, -7.0], np.float32), np.array([3.0, 1.0, 1e-5, 0.0], np.float32)
    every = Solution(np.arange(4), values, 0 * values, np.zeros(4, int), status, violation=missed)
    assert best_solutions(every, 4).params.tolist() == [3, 2, 1, 0]
    assert best_solutions(every, 1).params == 3


def test_a_method_without_constraints_is_refused():
    for call in (jgd.minimize_many, jgd.multistart, basin_hopping):
        with pytest.raises(InputError, match="it does not take constraints=; those that do are"):
            call(wells, "bfgs", np.ones((2, 1), np.float32), constraints=jgd.equality(lambda p: p))
