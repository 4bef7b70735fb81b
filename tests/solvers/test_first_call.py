"""A program of a search holds the user's function once, so that its first call compiles it once."""

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.status import Status
from jgd.solvers import curve_fit, least_squares, minimize
from tests.counters import equations

# A few more than there are; 735, 821, 698 and 745 before the line search held one cubic and each number once.
MOST_EQUATIONS = {"bfgs": 580, "l-bfgs": 650, "cg": 560, "newton-cg": 590}


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


@pytest.mark.parametrize(("name", "most"), MOST_EQUATIONS.items())
def test_a_search_is_a_small_program_that_xla_compiles_as_one_function(name, most):
    """Equations are what tracing and compiling cost; LAPACK's calls keep XLA from compiling a loop as one function."""
    program = jax.make_jaxpr(lambda x: minimize(marked, name, x, derivative="through").params)(jnp.array([0.1, 0.2]))
    assert equations(program.jaxpr) <= most
    assert not {"triangular_solve", "cholesky", "custom_linear_solve", "scatter"} & primitives(program.jaxpr)


def primitives(jaxpr):
    """Return the names of the primitives of a jaxpr and of those inside its own."""
    inner = [x for eqn in jaxpr.eqns for x in jax.tree.leaves(tuple(eqn.params.values())) if hasattr(x, "eqns")]
    return {eqn.primitive.name for eqn in jaxpr.eqns}.union(*(primitives(getattr(x, "jaxpr", x)) for x in inner))


def test_a_first_fit_compiles_one_program_and_traces_the_curve_thrice():
    """Where parameters and data are known: one trace each for the check, the loop's form and the loop."""
    traced, compiled = [], []

    def curve(x, params):
        traced.append(1)
        return params[0] * jnp.exp(-params[1] * x) + params[2]

    def listen(event, duration_secs, **given):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(given.get("fun_name"))

    x, start = np.linspace(0, 4, 23), jnp.ones(3)
    y = 2.5 * np.exp(-1.3 * x) + 0.5 + 0.01 * np.cos(9 * x)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        curve_fit(curve, x, y, start)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(traced) == 3
    assert len(compiled) == 1, compiled


@jax.custom_jvp
def uphill(x):
    """Have a derivative of the wrong sign."""
    return jnp.sum((x - 1) ** 2) + 3


@uphill.defjvp
def _(primals, tangents):
    return uphill(*primals), -2 * jnp.sum((primals[0] - 1) * tangents[0])


@pytest.mark.parametrize("name", ["bfgs", "barzilai-borwein"])
def test_wrong_derivatives_are_no_convergence(name):
    found = minimize(uphill, name, jnp.array([3.0, -2.0]))
    assert (found.status, found.success) == (Status.LINE_SEARCH, False)
