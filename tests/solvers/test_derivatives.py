"""Derivatives of solutions: closed forms of ridge and logistic regression, every mode and every linear solve."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.stop import Stop
from jgd.solvers.minimize import minimize

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(20, 3)), RNG.normal(size=20)
LABELS = (B > 0).astype(float)
STOP = Stop(gradient_norm=1e-11, max_steps=2000)
DESCENT = jgd.sgd(0.4)  # below 2 over the largest curvature of all the functions here; small programs
START = {"w": np.zeros(3)}


def ridge(params, penalty):
    w = params["w"]
    return jnp.mean((A @ w - B) ** 2) / 2 + penalty * jnp.sum(w**2) / 2


def logistic(params, penalty):
    margins = A @ params["w"]
    return jnp.mean(jnp.logaddexp(0.0, margins) - LABELS * margins) + penalty * jnp.sum(params["w"] ** 2) / 2


def ridge_closed(penalty):
    """Return the solution, its slope and its second derivative: w = H^-1 A'b/m, w' = -H^-1 w, w'' = 2 H^-2 w."""
    inverse = np.linalg.inv(A.T @ A / len(B) + penalty * np.eye(3))
    w = inverse @ (A.T @ B) / len(B)
    return w, -inverse @ w, 2 * inverse @ inverse @ w


def logistic_slope(w, penalty):
    """-(A'SA/m + l I)^-1 w with S = p (1 - p)."""
    p = 1 / (1 + np.exp(-A @ w))
    return -np.linalg.solve(A.T @ ((p * (1 - p))[:, None] * A) / len(B) + penalty * np.eye(3), w)


def solution(penalty, fn=ridge, derivative="implicit", start=START, optimizer=DESCENT):
    return minimize(fn, optimizer, start, STOP, args=(penalty,), derivative=derivative)


def point(penalty, **keywords):
    return solution(penalty, **keywords).params["w"]


def by_hand(matvec, b):
    """Return a solve of one's own: the fixed point of x + (b - H x) / 4, where H lies within (0, 4)."""
    return jax.lax.fori_loop(0, 800, lambda _, x: x + (b - matvec(x)) / 4, jnp.zeros_like(b))


@pytest.mark.parametrize("solve", ["auto", "dense", "cg", "gmres", by_hand])
def test_every_linear_solve_gives_the_closed_form(x64, solve):
    _, slope, _ = ridge_closed(0.3)

    def one(penalty):
        return point(penalty, derivative=jgd.implicit(solve=solve))

    # The error of the slope is that of the solution and of the solve, both about 1e-11.
    np.testing.assert_allclose(jax.jacrev(one)(0.3), slope, rtol=1e-8)
    np.testing.assert_allclose(jax.jvp(one, (0.3,), (1.0,))[1], slope, rtol=1e-8)


def test_second_derivatives_under_jit_and_vmap(x64):
    penalties = jnp.array([0.1, 0.3, 1.0])
    w, slope, second = (np.stack(rows) for rows in zip(*map(ridge_closed, penalties), strict=True))
    found = jax.jit(jax.vmap(lambda x: (point(x), jax.jacfwd(point)(x), jax.jacfwd(jax.jacrev(point))(x))))(penalties)
    for got, expected in zip(found, (w, slope, second), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-7)  # the solution's 1e-11 over the squared curvature, twice


def test_logistic_regression(x64):
    w = point(0.1, fn=logistic, optimizer="bfgs")
    slope = jax.jacfwd(lambda penalty: point(penalty, fn=logistic, optimizer="bfgs"))(0.1)
    np.testing.assert_allclose(slope, logistic_slope(w, 0.1), rtol=1e-8)


def test_an_outer_loss_and_what_the_function_closes_over(x64):
    """The slope of a validation loss by the penalty that the function holds, and not as an argument."""

    def validation(penalty):
        found = minimize(lambda params: ridge(params, penalty), DESCENT, START, STOP)
        return jnp.sum((found.params["w"] - 1.0) ** 2)

    w, slope, _ = ridge_closed(0.3)
    np.testing.assert_allclose(jax.jit(jax.grad(validation))(0.3), 2 * (w - 1) @ slope, rtol=1e-8)


def test_the_value_has_the_slope_of_the_envelope_theorem(x64):
    w, _, _ = ridge_closed(0.3)
    value, slope = jax.value_and_grad(lambda penalty: solution(penalty).value)(0.3)
    np.testing.assert_allclose(slope, w @ w / 2, rtol=1e-10)
    np.testing.assert_allclose(value, ridge({"w": w}, 0.3), rtol=1e-12)


def test_what_the_function_returns_besides_has_its_total_slope(x64):
    """At w = a, 2 a w is 2 a^2; at x = (a + 4) / 5 the residuals (x - a, 2 (x - 1)) are (4 (1 - a), 2 (a - 1)) / 5."""

    def aux(a):
        def fn(w, a):
            return (w - a) ** 2, {"twice": 2 * a * w, "count": 3}

        return minimize(fn, DESCENT, 1.0, STOP, args=(a,), has_aux=True).aux["twice"]

    def residual(a):
        return jgd.least_squares(lambda x, a: jnp.stack([x - a, 2 * (x - 1)]), "lm", 0.0, args=(a,)).residual

    np.testing.assert_allclose(jax.grad(aux)(0.3), 4 * 0.3, rtol=1e-8)  # the solution's 1e-11 and the solve's
    np.testing.assert_allclose(jax.jacfwd(residual)(0.3), [-0.8, 0.4], rtol=1e-8)


def test_start_and_hyperparameters_have_no_slope(x64):
    def of_start(start):
        return jnp.sum(point(0.3, start={"w": start}))

    def of_rate(rate):
        return jnp.sum(minimize(ridge, jgd.sgd(rate), START, STOP, args=(0.3,)).params["w"])

    np.testing.assert_array_equal(jax.grad(of_start)(np.ones(3)), 0.0)
    assert jax.grad(of_rate)(0.3) == 0.0
    assert jax.jvp(of_rate, (0.3,), (1.0,))[1] == 0.0


def test_through_the_steps_a_rate_has_a_slope(x64):
    """w_3 of three steps of gradient descent on (c/2) w^2 is (1 - r c)^3, with the slope -3 c (1 - r c)^2."""

    def third(rate):
        stop = Stop(max_steps=3)
        return minimize(lambda w: w**2, jgd.sgd(rate), 1.0, stop, derivative="through").params

    value, slope = jax.jvp(third, (0.1,), (1.0,))
    np.testing.assert_allclose(value, 0.8**3, rtol=1e-12)
    np.testing.assert_allclose(slope, -3 * 2 * 0.8**2, rtol=1e-12)


def test_through_the_steps_backwards_is_refused_in_one_sentence():
    def found(rate):
        return minimize(lambda w: w**2, jgd.sgd(rate), 1.0, Stop(max_steps=3), derivative="through").params

    with pytest.raises(
        InputError, match=r"minimize\(derivative='through'\): reverse-mode .* or ask for 'implicit' ones\."
    ):
        jax.grad(found)(0.1)


def test_complex_parameters(x64):
    """The minimum of |z - a|^2 + l |z|^2 is a / (1 + l)."""

    def of(penalty):
        found = minimize(lambda z: jnp.abs(z - (1 + 2j)) ** 2 + penalty * jnp.abs(z) ** 2, DESCENT, 0.3 + 0j, STOP)
        return found.params

    slope = jax.jvp(of, (1.0,), (1.0,))[1]
    np.testing.assert_allclose(slope, -(1 + 2j) / 4, rtol=1e-8)


def test_a_flat_direction_has_the_slope_of_least_norm(x64):
    """(x + y - a)^2 has a line of minima; the least change that follows a is a half each."""

    def of(a):
        return minimize(lambda p: (p["w"].sum() - a) ** 2, DESCENT, {"w": np.zeros(2)}, STOP).params["w"]

    np.testing.assert_allclose(jax.jacfwd(of)(1.0), [0.5, 0.5], rtol=1e-8)


def test_whoever_imports_under_jit_knows_what_is_traced():
    """The solvers are imported at their first use, which may be under jit."""
    spec = importlib.util.find_spec("jgd.solvers.derivatives")
    assert spec is not None
    assert spec.loader is not None
    again, load = importlib.util.module_from_spec(spec), spec.loader.exec_module
    inside = []

    @jax.jit
    def first_use(x):
        load(again)
        inside.append(again.is_traced())
        return x

    first_use(1.0)
    assert inside == [True]
    assert not again.is_traced()


@pytest.mark.parametrize("derivative", ["implicitly", None, 3])
def test_another_word_is_refused(derivative):
    with pytest.raises(InputError, match=r"be 'implicit', 'through', or jgd\.implicit"):
        solution(0.3, derivative=derivative)


def test_another_solve_is_refused():
    with pytest.raises(InputError, match="solve must be 'auto', 'dense', 'cg', 'gmres', or a function"):
        jgd.implicit(solve="lu")
