"""The smooth problems are the published ones: their starts, their minima, and what scipy finds from there."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import Bounds, least_squares, minimize

from jgd.tasks import bounded_problems, constrained_problems, cutest_selection, more_garbow_hillstrom

MGH = {problem.name: problem for problem in more_garbow_hillstrom()}
CUTEST = {problem.name: problem for problem in cutest_selection()}
BOUNDED = {problem.name: problem for problem in bounded_problems()}
ALL = {**MGH, **CUTEST, **BOUNDED}

# The minima that the paper prints, six digits each; zero for all others.
MINIMA = {
    "freudenstein_roth": 48.9842, "jennrich_sampson": 124.362, "bard": 8.21487e-3, "gaussian": 1.12793e-8,
    "meyer": 87.9458, "kowalik_osborne": 3.07505e-4, "brown_dennis": 85822.2, "osborne_1": 5.46489e-5,
    "biggs": 5.65565e-3, "osborne_2": 4.01377e-2, "watson_6": 2.28767e-3, "watson_9": 1.39976e-6,
    "penalty_1_4": 2.24997e-5, "penalty_1_10": 7.08765e-5, "penalty_2_4": 9.37629e-6, "penalty_2_10": 2.93660e-4,
    "trigonometric_10": 2.79506e-5, "brown_almost_linear_10": 1.0, "linear_full_rank_10": 10.0,
    "linear_rank_1_10": 20 * 19 / (2 * 41), "linear_rank_1_zeros_10": (400 + 60 - 6) / (2 * 37),
    "chebyquad_8": 3.51687e-3, "chebyquad_10": 6.50395e-3,
}  # fmt: skip
# Norms of the residual at the start, as MINPACK's own tests print them, or in closed form.
START_NORMS = {
    "rosenbrock": 4.919350, "freudenstein_roth": 20.01249, "helical_valley": 50.0, "powell_singular": 14.66288,
    "bard": 6.456136, "kowalik_osborne": 0.07289151, "meyer": 41153.47, "watson_6": 5.477226, "watson_9": 5.477226,
    "box": 32.11158, "jennrich_sampson": 64.58563, "brown_dennis": 2815.438, "chebyquad_8": 0.1965139,
    "brown_almost_linear_10": 16.53022, "osborne_1": 0.9375640, "osborne_2": 1.446865, "wood": 19192**0.5,
    "beale": 14.203125**0.5, "linear_full_rank_10": 50**0.5,
}  # fmt: skip
# Of CUTEst's functions the values at the start, in closed form, and the minima that its files print.
START_VALUES = {
    "arwhead_100": 3 * 99, "bdqrtic_100": 96 * (1 + 15**2), "dixmaana_90": 1 + 90 * 4 + (60 * 64 + 30 * 4) / 8,
    "dqdrtic_50": 48 * 9 * 201, "dqrtic_50": sum((2 - i) ** 4 for i in range(1, 51)),
    "edensch_36": 16 + 35 * (6**4 + 48**2 + 9**2),
    "eigenals_42": sum((1 - i) ** 2 for i in range(1, 7)), "engval1_100": 99 * 59, "liarwhd_36": 36 * (4 * 144 + 9),
    "nondia_100": 4 + 99 * 400, "tridia_50": sum(range(2, 51)),
}  # fmt: skip
LEAST_VALUES = {"bdqrtic_100": 378.769, "edensch_36": 219.28, "engval1_100": 109.09, "dixmaana_90": 1, "genrose_50": 1}
# Hock & Schittkowski's minima, and of the boxes of Gay those that the literature on them prints.
BOUNDED_VALUES = {
    "hs_2": 0.0504261879, "hs_4": 8 / 3, "hs_5": -1.91322295, "hs_45": 1, "hs_110": -45.77846971,
    "brown_badly_scaled_bounded": 784.0, "helical_valley_bounded": 0.99042212, "wood_bounded": 1.5567008,
    "brown_dennis_bounded": 88860.479, "biggs_bounded": 5.3209865e-4,
}  # fmt: skip


def published(table, name, digits):
    """Give a relative tolerance of one unit in the last digit that is printed; minima of zero are held to 0 exactly."""
    return pytest.approx(table.get(name, 0.0), rel=10.0 ** (1 - digits), abs=0)


def reached(problem, value):
    """Tell whether a value is a known minimum: 1e-9 of it, which scipy's tolerances of 1e-13 allow; of zeros 1e-12."""
    return any(abs(value - least) <= 1e-9 * abs(least) + 1e-12 * (least == 0) for least in problem.minima)


def start_of(problem):
    low, high = (problem.lower, problem.upper) if problem.lower else (-np.inf, np.inf)
    return np.clip(np.array(problem.start), low, high)


def fitted(problem, method):
    """Give the least sum of squares that scipy finds; a point's Jacobian comes with its residual, from one program."""
    both = jax.jit(lambda x: (problem.residual(x), jax.jacfwd(problem.residual)(x)))
    seen = {}

    def at(x):
        if x.tobytes() not in seen:
            seen[x.tobytes()] = tuple(map(np.asarray, both(x)))
        return seen[x.tobytes()]

    exact: dict[str, Any] = {"ftol": 1e-13, "xtol": 1e-13, "gtol": 1e-13, "max_nfev": 2000}
    box = (problem.lower, problem.upper) if problem.lower else (-np.inf, np.inf)
    x_scale = "jac" if method == "trf" else 1.0
    jac: Any = lambda x: at(x)[1]  # noqa: E731
    return (
        2
        * least_squares(
            lambda x: at(x)[0], start_of(problem), jac, bounds=box, method=method, x_scale=x_scale, **exact
        ).cost
    )


def descended(problem, method):
    """Return the least value that scipy finds with gradients."""
    fn = jax.jit(jax.value_and_grad(problem.fn))
    options = {"maxiter": 5000, "ftol": 0.0, "gtol": 1e-10} if method == "L-BFGS-B" else {"maxiter": 500, "ftol": 1e-15}
    bounds = Bounds(problem.lower, problem.upper) if problem.lower else None
    found = minimize(
        lambda x: tuple(np.asarray(part, float) for part in fn(x)),
        start_of(problem),
        jac=True,
        bounds=bounds,
        method=method,
        options=options,
    )
    return float(found.fun)


def test_the_sets_are_whole():
    assert (len(MGH), len(CUTEST), len(BOUNDED)) == (39, 12, 14)
    assert {int(problem.source.split()[1]) for problem in MGH.values()} == set(range(1, 36))
    assert all(36 <= problem.n <= 100 for problem in CUTEST.values())
    assert sum(problem.residual is not None for problem in BOUNDED.values()) == 9
    assert all((problem.m or 0) >= problem.n for problem in MGH.values())


@pytest.mark.parametrize("problem", ALL.values(), ids=list(ALL))
def test_float32_stays_and_is_finite_at_the_start(x64, problem):
    assert list(problem.minima) == sorted(problem.minima)
    assert len(problem.lower) == len(problem.upper) == (problem.n if problem.lower else 0)
    value, grad = jax.jit(jax.value_and_grad(problem.fn))(jnp.array(problem.start, jnp.float32))
    assert (value.dtype, grad.dtype) == (jnp.float32, jnp.float32)
    assert np.isfinite(value)
    assert np.isfinite(grad).all()
    expected = START_NORMS[problem.name] ** 2 if problem.name in START_NORMS else START_VALUES.get(problem.name)
    if expected is not None:  # of seven printed digits and float32's rounding, squared
        assert float(value) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("problem", MGH.values(), ids=list(MGH))
def test_scipy_ends_in_a_published_minimum(x64, problem):
    assert any(least == published(MINIMA, problem.name, 6) for least in problem.minima)
    assert reached(problem, fitted(problem, "trf"))


@pytest.mark.parametrize("problem", CUTEST.values(), ids=list(CUTEST))
def test_large_ones_have_the_minima_that_their_files_print(x64, problem):
    assert problem.minima[0] == published(LEAST_VALUES, problem.name, 5)
    assert reached(problem, descended(problem, "L-BFGS-B"))


@pytest.mark.parametrize("problem", BOUNDED.values(), ids=list(BOUNDED))
def test_two_methods_of_scipy_agree_on_bounded_minima(x64, problem):
    assert problem.minima[0] == published(BOUNDED_VALUES, problem.name, 8)
    assert reached(problem, descended(problem, "L-BFGS-B"))
    assert reached(problem, descended(problem, "SLSQP") if problem.residual is None else fitted(problem, "dogbox"))


def test_constrained_problems_are_whole(x64):
    problems = constrained_problems()
    assert len({problem.name for problem in problems}) == len(problems) == 26
    for problem in problems:
        x = jax.ShapeDtypeStruct((problem.n,), jnp.float32)
        value, c = jax.eval_shape(problem.fn, x), jax.eval_shape(problem.constraint, x)
        assert (value.dtype, c.dtype) == (jnp.float32, jnp.float32)
        assert value.shape == ()
        assert c.shape == (len(problem.least),) == (len(problem.most),)
        assert len(problem.lower) == len(problem.upper) == (problem.n if problem.lower else 0)
        assert list(problem.minima) == sorted(problem.minima)
