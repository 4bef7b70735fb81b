"""Constraints on Hock and Schittkowski's published problems, which both methods solve."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.stop import Stop
from jgd.tasks import constrained_problems

METHODS = ["sqp", "augmented-lagrangian"]
TIGHT = Stop(gradient_norm=1e-8)


CASES = constrained_problems()


N, M, INF = 10, 8, np.inf


# Of all problems together. scipy's SLSQP with ftol=1e-14 makes 692, and on HS 7 another 5,404 without an end.
EVALUATIONS = {"sqp": 450, "augmented-lagrangian": 8500}


def objective(x, which):
    """Return the function of this number, of as many of ten variables as it has."""
    return jax.lax.switch(which, [lambda x, p=p: p.fn(x[: p.n]) for p in CASES], x)


def constraint(x, which):
    """Return its constraints, and zeros up to eight, so that one program solves all."""

    def of(p):
        return lambda x: jnp.concatenate([p.constraint(x[: p.n]), jnp.zeros(M - len(p.least), x.dtype)])

    return jax.lax.switch(which, [of(p) for p in CASES], x)


def padded(values, length, fill):
    return jnp.array([*values, *[fill] * (length - len(values))], float)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_published_problems_are_solved(method, x64):
    evaluations = 0
    for i, p in enumerate(CASES):
        lower, upper = padded(p.lower or [-INF] * p.n, N, 0.0), padded(p.upper or [INF] * p.n, N, 0.0)
        limits = padded(p.least, M, -INF), padded(p.most, M, INF)
        found = jgd.minimize(
            objective, method, padded(p.start, N, 0.0), TIGHT, args=(i,), bounds=(lower, upper),
            constraints=jgd.inequality(constraint, *limits),
        )  # fmt: skip
        assert found.success, (p.name, found)
        # The printed minima have 9 digits; 1e-7 in the conditions is less of the value.
        error = min(abs(float(found.value) - least) / max(1.0, abs(least)) for least in p.minima)
        assert error < 1e-6, (p.name, found)
        x = found.params
        missed = np.maximum(limits[0] - constraint(x, i), constraint(x, i) - limits[1])
        np.testing.assert_allclose(found.violation, max(0.0, missed.max()), atol=1e-15)
        assert found.violation < 1e-6
        assert np.all((x >= lower) & (x <= upper))
        evaluations += int(found.evaluations)
    assert evaluations <= EVALUATIONS[method]


@pytest.mark.parametrize("name", ["hs_28", "hs_39"])
def test_sqp_with_the_exact_hessian_takes_fewer_evaluations(name, x64):
    """On a quadratic function, and on a linear one whose constraints alone are curved."""
    p = next(one for one in CASES if one.name == name)
    asked = jgd.inequality(p.constraint, jnp.array(p.least), jnp.array(p.most))
    learned, exact = (
        jgd.minimize(p.fn, "sqp", jnp.array(p.start, float), TIGHT, constraints=asked, hess=hess)
        for hess in (None, jax.hessian(p.fn))
    )
    assert exact.success
    np.testing.assert_allclose(exact.value, p.minima[0], atol=1e-7)
    assert exact.evaluations < learned.evaluations
