"""A program of a search holds the user's function once, so that its first call compiles it once."""

import jax
import jax.numpy as jnp
import pytest

from jgd.core.status import Status
from jgd.solvers import least_squares, minimize


def marked(x):
    return jnp.sum(jax.lax.erf_inv(x) ** 2)


@pytest.mark.parametrize("name", ["bfgs", "l-bfgs-b", "cg", "barzilai-borwein", "sr1", "dfp", "nelder-mead"])
def test_the_function_stands_once_in_the_program(name):
    program = jax.make_jaxpr(lambda x: minimize(marked, name, x, derivative="through").params)(jnp.array([0.1, 0.2]))
    assert str(program).count(" erf_inv ") == 1


@pytest.mark.parametrize("name", ["lm", "trf", "gauss-newton"])
def test_residuals_stand_once_in_the_program(name):
    program = jax.make_jaxpr(lambda x: least_squares(jax.lax.erf_inv, name, x, derivative="through").params)
    assert str(program(jnp.array([0.1, 0.2]))).count(" erf_inv ") == 1


@jax.custom_jvp
def uphill(x):
    """Its derivative has the wrong sign."""
    return jnp.sum((x - 1) ** 2) + 3


@uphill.defjvp
def _(primals, tangents):
    return uphill(*primals), -2 * jnp.sum((primals[0] - 1) * tangents[0])


@pytest.mark.parametrize("name", ["bfgs", "barzilai-borwein"])
def test_wrong_derivatives_are_no_convergence(name):
    found = minimize(uphill, name, jnp.array([3.0, -2.0]))
    assert (found.status, found.success) == (Status.LINE_SEARCH, False)
