"""Quadratic models, indefinite ones and the hard case: what is found obeys the conditions of the minimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.solvers.methods.subproblem import krylov_spectrum, spectrum, truncated_cg, with_cubic_term, within_radius

N = 5
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(N, N)))[0]


def matrix_of(values):
    return (TURN * np.asarray(values)) @ TURN.T


MODELS = {
    "positive": ([1.0, 2, 3, 4, 5], [1.0, 1, 1, 1, 1]),
    "inside": ([1.0, 2, 3, 4, 5], [0.01, 0.01, 0, 0, 0.02]),
    "indefinite": ([-3.0, -1, 2, 4, 5], [1.0, 1, 1, 1, 1]),
    "negative": ([-5.0, -4, -3, -2, -1], [0.1, 1, 1, 1, 1]),
    "hard": ([-3.0, -1, 2, 4, 5], [0.0, 0.1, 0.1, 0, 0]),
    "hard, twofold": ([-3.0, -3, 2, 4, 5], [0.0, 0.0, 0.1, 0, 0]),
    "nearly hard": ([-3.0, -1, 2, 4, 5], [1e-12, 0.1, 0.1, 0, 0]),
    "saddle": ([-3.0, -1, 2, 4, 5], [0.0] * 5),
    "singular": ([0.0, 0, 2, 4, 5], [0.1, 0, 1, 1, 1]),
    "graded": ([1e-8, 1e-4, 1, 1e4, 1e8], [1.0, 1, 1, 1, 1]),
}
radii = pytest.mark.parametrize("radius", [1e-3, 0.5, 10.0])
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@jax.jit
def by_radius(B, g, radius):
    model = spectrum(B, g)
    h = within_radius(model, radius)
    return model.basis @ h, model.decrease(h)


@jax.jit
def by_cubic(B, g, sigma):
    model = spectrum(B, g)
    return model.basis @ with_cubic_term(model, sigma)


@jax.jit
def by_krylov(B, g, radius):
    model = krylov_spectrum(lambda d: B @ d, g, N, 1e-12)
    h = within_radius(model, radius)
    return model.basis @ h, model.decrease(h)


@jax.jit
def by_cg(B, g, radius):
    return truncated_cg(lambda d: B @ d, g, 1e-10, radius)


def multiplier(B, g, d):
    """Return the lam of (B + lam I) d = -g in the least squares sense, and what is left of the equation."""
    lam = -(d @ (B @ d + g)) / (d @ d)
    return lam, np.linalg.norm(B @ d + g + lam * d)


@models
@radii
def test_the_exact_step_obeys_the_conditions_of_the_minimum(x64, model, radius):
    values, a = model
    B, g = matrix_of(values), TURN @ np.asarray(a)
    d, decrease = map(np.asarray, by_radius(B, g, radius))
    scale = np.abs(values).max()
    lam, rest = multiplier(B, g, d)
    assert np.linalg.norm(d) <= radius * (1 + 1e-7)  # the equation of the length is solved to the root of eps
    assert rest <= 1e-7 * (scale * np.linalg.norm(d) + np.linalg.norm(g))
    assert lam >= max(0, -values[0]) - 1e-7 * scale
    if np.linalg.norm(d) < radius * (1 - 1e-7):
        assert abs(lam) <= 1e-7 * scale
    np.testing.assert_allclose(decrease, -(g @ d + d @ B @ d / 2), rtol=1e-7, atol=1e-12)


@models
def test_no_step_within_the_radius_is_lower(x64, model):
    values, a = model
    B, g = matrix_of(values), TURN @ np.asarray(a)
    tried = np.random.default_rng(1).normal(size=(20_000, N))
    for radius in (0.5, 10.0):
        inside = tried / np.linalg.norm(tried, axis=1, keepdims=True) * radius
        inside = inside * np.random.default_rng(2).uniform(size=(len(tried), 1)) ** (1 / N)
        lowest = np.min(inside @ g + np.einsum("ij,jk,ik->i", inside, B, inside) / 2)
        assert -by_radius(B, g, radius)[1] <= lowest + 1e-9


@models
@pytest.mark.parametrize("sigma", [1e-2, 1.0, 1e3])
def test_the_cubic_step_obeys_the_conditions_of_the_minimum(x64, model, sigma):
    """(B + lam I) d = -g with lam = sigma |d| and B + lam I positive semidefinite."""
    values, a = model
    B, g = matrix_of(values), TURN @ np.asarray(a)
    d = np.asarray(by_cubic(B, g, sigma))
    scale, lam = np.abs(values).max(), sigma * np.linalg.norm(d)
    rest = np.linalg.norm(B @ d + g + lam * d)
    assert rest <= 1e-6 * (scale * np.linalg.norm(d) + np.linalg.norm(g))  # lam to the root of eps
    assert lam >= -values[0] * (1 - 1e-7) - 1e-12


@models
@radii
def test_a_whole_krylov_space_gives_the_exact_step(x64, model, radius):
    """Where g has a part in every direction; else the minimum among those where it has one."""
    values, a = model
    B, g = matrix_of(values), TURN @ np.asarray(a)
    d, decrease = map(np.asarray, by_krylov(B, g, radius))
    exact = float(by_radius(B, g, radius)[1])
    assert np.linalg.norm(d) <= radius * (1 + 1e-7)
    np.testing.assert_allclose(decrease, -(g @ d + d @ B @ d / 2), rtol=1e-6, atol=1e-12)
    assert decrease <= exact * (1 + 1e-6) + 1e-12
    if np.all(np.asarray(a) != 0) or not np.any(a):
        np.testing.assert_allclose(decrease, exact, rtol=1e-5)  # of graded values the space is exact to their ratio


@models
@radii
def test_conjugate_gradients_stay_inside_and_do_half_of_what_is_possible(x64, model, radius):
    """On convex models (Yuan 2000); elsewhere at least what the steepest descent inside does."""
    values, a = model
    B, g = matrix_of(values), TURN @ np.asarray(a)
    d, decrease = map(np.asarray, by_cg(B, g, radius))
    assert np.linalg.norm(d) <= radius * (1 + 1e-12)
    np.testing.assert_allclose(decrease, -(g @ d + d @ B @ d / 2), rtol=1e-6, atol=1e-12)
    if not np.any(a):
        return
    bend, length = g @ B @ g, np.linalg.norm(g)
    t = min(radius / length, length**2 / bend) if bend > 0 else radius / length
    assert decrease >= (t * length**2 - t**2 * bend / 2) * (1 - 1e-9)
    if values[0] >= 0:
        assert decrease >= 0.5 * float(by_radius(B, g, radius)[1]) * (1 - 1e-6)


def test_conjugate_gradients_without_a_radius_solve_and_end_at_negative_curvature(x64):
    g = jnp.arange(1.0, N + 1)
    solve = jax.jit(lambda B: truncated_cg(lambda d: B @ d, g, 1e-12)[0])
    B = matrix_of([1.0, 2, 3, 4, 5])
    np.testing.assert_allclose(solve(B), -np.linalg.solve(B, g), rtol=1e-9)
    along = solve(-B)
    np.testing.assert_allclose(along / jnp.linalg.norm(along), -g / jnp.linalg.norm(g), rtol=1e-12)
