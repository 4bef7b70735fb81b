"""Values that are known otherwise: closed forms, a quadratic program, matrices with equal singular values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import lsq_linear

from jgd import nonsmooth as ns
from tests.problems import programs_of


def denoised_by_quadratic_program(v, scale):
    """v - D'u, with u the solution of the dual: the least |v - D'u| with |u| <= scale, by active sets."""
    d = np.diff(np.eye(v.size), axis=0)
    found = lsq_linear(d.T, v, bounds=(-scale, scale), method="bvls", tol=1e-15, max_iter=10_000)
    return v - d.T @ found.x


@pytest.mark.parametrize("n", [2, 3, 40])
def test_total_variation_solves_its_quadratic_program(n, x64):
    rng = np.random.default_rng(n)
    v = rng.normal(size=(8, n)).cumsum(1)
    scales = np.array([0.05, 0.3, 1.0, 5.0])
    prox = jax.jit(lambda v, scale: ns.total_variation(scale).prox(v, 1.0))
    for scale in scales:
        expected = np.stack([denoised_by_quadratic_program(row, scale) for row in v])
        np.testing.assert_allclose(prox(v, scale), expected, atol=1e-10)  # that of the program
    weights = rng.uniform(0.1, 1.0, n - 1)
    expected = np.stack([denoised_by_quadratic_program(row, weights) for row in v])
    np.testing.assert_allclose(prox(v, jnp.asarray(weights)), expected, atol=1e-10)
    np.testing.assert_allclose(prox(v, 0.0), v, atol=1e-14)  # rounding of the shift by the mean


def test_total_variation_has_exactly_equal_neighbours_in_float32():
    v = 100.0 + np.repeat([0.1, 3.3, 1.7], 50)
    x = np.asarray(ns.total_variation(3.0).prox(jnp.asarray(v, jnp.float32), 1.0))
    assert np.flatnonzero(np.diff(x)).tolist() == [49, 99]
    by_hand = v.reshape(3, 50).mean(1) + np.array([3, -6, 3]) / 50
    np.testing.assert_allclose(x[[0, 50, 100]], by_hand, atol=1e-4)  # float32 at 100


def test_nuclear_norm_at_equal_and_zero_singular_values(x64):
    rng = np.random.default_rng(0)
    u, w = (np.linalg.qr(rng.normal(size=(n, 3)))[0] for n in (5, 4))
    v = (u * np.array([2.0, 2.0, 0.5])) @ w.T
    penalty = ns.nuclear(0.7)
    np.testing.assert_allclose(penalty.prox(v, 1.0), (u * np.array([1.3, 1.3, 0.0])) @ w.T, atol=1e-14)
    np.testing.assert_allclose(penalty.value(v), 0.7 * 4.5, rtol=1e-14)
    h = rng.normal(size=v.shape)
    _, slope = jax.jvp(lambda v: penalty.prox(v, 1.0), (v,), (h,))
    ahead, behind = (penalty.prox(v + e * h, 1.0) for e in (1e-6, -1e-6))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, atol=1e-8)  # rounding over the distance
    np.testing.assert_array_equal(penalty.prox(jnp.zeros((2, 5, 4)), 1.0), 0)


def test_projections_known_in_closed_form():
    v = jnp.array([0.5, 0.1, -2.0])
    np.testing.assert_allclose(ns.simplex().prox(v, 1.0), [0.7, 0.3, 0.0], rtol=1e-6)
    np.testing.assert_allclose(ns.l1_ball(2.0).prox(v, 1.0), [0.25, 0.0, -1.75], atol=1e-6)
    np.testing.assert_array_equal(ns.l1_ball(3.0).prox(v, 1.0), v)
    np.testing.assert_allclose(ns.l2_ball(1.0).prox(jnp.array([3.0, 4.0]), 1.0), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(ns.box(None, 0.2).prox(v, 1.0), jnp.array([0.2, 0.1, -2.0]))
    np.testing.assert_array_equal(ns.simplex(2.0).lmo(v), [0, 0, 2])
    np.testing.assert_array_equal(ns.l1_ball(2.0).lmo(v), [0, 0, 2])
    np.testing.assert_array_equal(ns.box(-1.0, 3.0).lmo(v), [-1, -1, 3])
    np.testing.assert_allclose(ns.simplex().prox(1e6 + v, 1.0), [0.7, 0.3, 0.0], atol=0.07)  # float32's step at 1e6


def test_a_step_for_each_entry_is_a_diagonal_metric(x64):
    v = {"w": jnp.array([1.0, -2.0, 0.1])}
    steps = {"w": jnp.array([0.5, 2.0, 1.0])}
    for penalty in (ns.l1(0.3), ns.elastic_net(0.2, 0.1), ns.huber(0.5, 0.4), ns.by_path({"w": ns.l1(0.3)})):
        one_by_one = [penalty.prox({"w": v["w"][i : i + 1]}, float(steps["w"][i]))["w"] for i in range(3)]
        np.testing.assert_allclose(penalty.prox(v, steps)["w"], jnp.concatenate(one_by_one), rtol=1e-15)


def test_groups_vanish_together():
    x = {"kernel": jnp.array([[0.1, 0.1], [3.0, 4.0]]), "bias": jnp.array([0.1, -0.1])}
    found = ns.by_path({"kernel": ns.group_l2(1.0, 0)}).prox(x, 1.0)
    np.testing.assert_allclose(found["kernel"], [[0, 0], [2.4, 3.2]], rtol=1e-6)
    np.testing.assert_array_equal(found["bias"], x["bias"])
    labels = {"kernel": np.array([[0], [-1]]), "bias": np.array(0)}
    found = ns.group_l2(1.0, labels).prox(x, 1.0)
    np.testing.assert_array_equal(found["bias"], [0, 0])
    np.testing.assert_array_equal(found["kernel"], x["kernel"] * jnp.array([[0.0], [1.0]]))
    np.testing.assert_allclose(ns.group_l2(1.0, [0, 0, -1]).value(jnp.array([3.0, 4.0, 9.0])), 5.0)
    found = ns.group_l2(1.0, {"kernel": 0, "bias": 1})  # a label for each leaf
    np.testing.assert_allclose(found.value(x), ns.group_l2(1.0).value(x), rtol=1e-6)


def test_penalties_are_values_whose_numbers_are_leaves():
    compiled = jax.jit(lambda penalty, v: penalty.prox(v, 1.0))
    v = jnp.array([1.0, -0.2])
    for scale in (0.1, 0.5):
        np.testing.assert_allclose(compiled(ns.l1(scale), v), ns.l1(scale).prox(v, 1.0))
    assert programs_of(compiled) == 1
    assert repr(ns.l1(0.1)) == "l1(scale=0.1)"
    assert repr(ns.group_l2(0.1, 0)) == "group_l2(scale=0.1, groups=0)"
    lanes = jax.vmap(lambda penalty: penalty.prox(v, 1.0))(ns.l1(jnp.array([0.0, 0.5])))
    np.testing.assert_allclose(lanes, [[1.0, -0.2], [0.5, 0.0]])
