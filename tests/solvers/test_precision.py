"""float32 on hard problems: where a method says that it has converged, a test in float64 agrees."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.status import Status
from jgd.solvers.names import METHODS
from tests.tiers import at_once

EPS = float(np.finfo(np.float32).eps)
# Residuals that are quadratic in four variables, so that all problems are one program, and their starts.
PROBLEMS = {
    "scales": (lambda a, b, c, d: (1e3 * (a + b - 2), 0.01 * (a - b - 1), c - 1, 1e-3 * (d - 5), 1.0), [0.0, 0, 0, 0]),
    "valley": (lambda a, b, c, d: (300 * (b - a * a), 1 - a, 100 * (d - c * c), 1 - c, 0.0), [-1.2, 1, -1.2, 1]),
    "penalty": (lambda a, b, c, d: (*(3e-3 * (x - 1) for x in (a, b, c, d)), a * a + b * b + c * c + d * d - 0.25),
                [1.0, 2, 3, 4]),
    "units": (lambda a, b, c, d: (1e3 * a * b - 1, a - 1e-3, b - 1, 100 * c - d, 1.0 + d), [0.0, 1, 1, -5]),
    "singular": (lambda a, b, c, d: (a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2, 0.0),
                 [3.0, -1, 0, 1]),
}  # fmt: skip
SMOOTH = [name for name in METHODS if not getattr(METHODS[name], "needs", frozenset()) - {"residual"}]


@cache
def coefficients(name):
    """Return the constants, slopes and curvatures of a problem's residuals: f[5], f[5, 4], f[5, 4, 4]."""
    at, eye, zero = (lambda x: np.array(PROBLEMS[name][0](*x), float)), np.eye(4), np.zeros(4)
    bends = np.array([[(at(x + y) - at(x) - at(y) + at(zero)) / 2 for x in eye] for y in eye])
    curvature = np.moveaxis(bends, -1, 0)
    return at(zero), np.stack([at(x) - at(zero) for x in eye], 1) - np.einsum("kii->ki", curvature), curvature


def residual(x, data):
    constant, slope, curvature = data
    return constant + slope @ x + curvature @ x @ x


def left_to_gain(name, x):
    """Return the value in float64, and by how much Newton's step with positive eigenvalues promises to lower it."""
    _, slope, curvature = coefficients(name)
    r, J = residual(x, coefficients(name)), slope + 2 * curvature @ x
    values, basis = np.linalg.eigh(2 * (J.T @ J + 2 * np.einsum("k,kij->ij", r, curvature)))
    along = basis.T @ (2 * r @ J)
    sizes = np.maximum(np.abs(values), 1e-14 * np.abs(values).max())
    return r @ r, np.sum(along**2 / sizes) / 2


@pytest.mark.parametrize("name", at_once(("bfgs", "cg", "newton-cg", "trust-ncg", "l-bfgs", "lm"), SMOOTH))
def test_it_says_that_it_has_converged_only_where_float64_agrees(name):
    """100 rounding units of the value, or the square of 100 of the root of the first: a promise is one to a factor."""
    stop = jgd.Stop(gradient_norm=1e-12, max_evaluations=1000)
    squares = "residual" in getattr(METHODS[name], "takes", frozenset())

    def fn(x, data):
        return residual(x, data) if squares else jnp.sum(residual(x, data) ** 2)

    def solve(start, data):
        return (jgd.least_squares if squares else jgd.minimize)(fn, name, start, stop, args=(data,))

    starts = jnp.array([start for _, start in PROBLEMS.values()], jnp.float32)
    data = jax.tree.map(lambda *x: jnp.asarray(np.stack(x), jnp.float32), *map(coefficients, PROBLEMS))
    found = jax.jit(jax.vmap(solve))(starts, data)
    for problem, x, end, start in zip(PROBLEMS, np.asarray(found.params, float), found.status, starts, strict=True):
        (value, gain), (first, _) = left_to_gain(problem, x), left_to_gain(problem, np.asarray(start, float))
        says = Status.of(end).converged or Status.of(end) is Status.PRECISION
        assert not says or gain <= max(100 * EPS * value, (100 * EPS) ** 2 * first), (problem, Status.of(end))


def scales(x):
    """Brown's badly scaled problem (Moré, Garbow & Hillstrom 1981, 4): its root is (1e6, 2e-6)."""
    return jnp.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


@pytest.mark.parametrize("name", ["lm", "trf"])
def test_a_large_parameter_hides_no_step_of_a_small_one(name):
    """The value was 1e-5 with PRECISION: a change of 1e-3 of the second parameter, 1e-13 of the first, was no step."""
    found = jgd.least_squares(scales, name, jnp.ones(2, jnp.float32), jgd.Stop(gradient_norm=1e-12))
    assert found.success
    assert np.sum(np.square(scales(np.asarray(found.params, float)))) < 1e-12  # float32 has (1e6, 2e-6) to 1e-7 of it


BOX = (np.array([0, 3e-5], np.float32), np.array([1e6, 100], np.float32))  # the minimum is in the corner (1e6, 3e-5)


def test_trf_lies_on_a_bound_that_only_rounding_parts_it_from():
    """It came within two rounding units, where a step was no longer one; at the bound the value is (3e-5 1e6 - 2)^2."""
    found = jgd.least_squares(scales, "trf", jnp.ones(2, jnp.float32), jgd.Stop(gradient_norm=1e-12), bounds=BOX)
    assert found.success
    assert found.params.tolist() == [BOX[1][0], BOX[0][1]]


@pytest.mark.parametrize("name", ["sqp", "nelder-mead"])
def test_a_value_of_1e12_that_hides_steps_is_no_solution(name):
    """Both said so at the start: a step, or a simplex, of length 1 there changes the value by less than its rounding.

    The corner is met exactly by sqp, whose program ends 1e-5 off its bounds, and to rounding by the simplex.
    """
    stop = jgd.Stop(gradient_norm=1e-12)
    found = jgd.minimize(lambda x: jnp.sum(scales(x) ** 2), name, jnp.ones(2, jnp.float32), stop, bounds=BOX)
    assert found.success
    np.testing.assert_allclose(found.params, [BOX[1][0], BOX[0][1]], rtol=0 if name == "sqp" else 1e-6)


def test_a_simplex_that_sees_no_difference_grows_only_so_far():
    """Its edges go from 0.05 to 1e6, below 1/eps, and back to 1e-4, 36 halvings of both: 325 evaluations."""
    found = jgd.minimize(lambda x: 1 + 0 * jnp.sum(x), "nelder-mead", jnp.ones(2, jnp.float32))
    assert found.success
    assert found.evaluations < 400


def test_a_step_that_is_lost_in_rounding_is_no_sign_of_a_solution():
    """Barzilai-Borwein said PRECISION at a value of 0.14: ten steps of 1e-10 of the gradient left x as it was."""
    powell = next(p for p in jgd.tasks.more_garbow_hillstrom() if p.name == "powell_badly_scaled")
    found = jgd.minimize(
        powell.fn, "barzilai-borwein", jnp.array(powell.start, jnp.float32), jgd.Stop(gradient_norm=0.0)
    )
    assert found.value > 0.1  # the minimum is 0
    assert not found.success


def test_a_sequence_of_quadratic_programs_ends_by_what_its_last_model_promised():
    """It said LINE_SEARCH two rounding units above the minimum: the identity promised 97, and rounding is 0.1."""
    dennis = next(p for p in jgd.tasks.bounded_problems() if p.name == "brown_dennis_bounded")
    bounds = tuple(jnp.array(side, jnp.float32) for side in (dennis.lower, dennis.upper))
    start = jnp.clip(jnp.array(dennis.start, jnp.float32), *bounds)
    found = jgd.minimize(dennis.fn, "sqp", start, jgd.Stop(gradient_norm=0.0), bounds=bounds)
    assert found.success
    assert float(found.value) == pytest.approx(dennis.minima[0], rel=1e-6)  # ten rounding units


def test_a_direction_that_promises_little_is_no_sign_of_a_solution():
    """Steepest descent said PRECISION at 3.1e-5: ten times what it promised was 2e-9, and a trial was off by 8e-9."""
    brown = next(p for p in jgd.tasks.more_garbow_hillstrom() if p.name == "brown_almost_linear_10")
    start, stop = jnp.array(brown.start, jnp.float32), jgd.Stop(gradient_norm=1e-12)
    found = jgd.minimize(brown.fn, "gradient-descent", start, stop)
    assert not found.success or found.value < 1e-7  # the minimum is 0
