"""Smooth functions of four parameters behind one objective, so that each method is compiled once for all of them."""

import jax
import jax.numpy as jnp
import numpy as np

from jgd.solvers.methods.gradient_descent import barzilai_borwein, steepest_descent
from jgd.solvers.methods.hager_zhang import hager_zhang
from jgd.solvers.methods.limited_memory import lbfgsb
from jgd.solvers.methods.nelder_mead import nelder_mead
from jgd.solvers.methods.nonlinear_cg import BETAS, nonlinear_cg
from jgd.solvers.methods.quasi_newton import bfgs, dfp

SCALES = (1.0, 4.0, 9.0, 16.0)


def scales(x):
    """In the dtype of x: JAX keeps the program of a branch, and in it the constants, for float32 as for float64."""
    return jnp.array(SCALES, x.dtype)


# Each with its start and its solution; of the wells, which lie at -1 and 1, either will do.
PROBLEMS = {
    "quadratic": (lambda x: 0.5 * jnp.sum(scales(x) * (x - 1) ** 2) + 1, np.zeros(4), np.ones(4)),
    "barrier": (lambda x: jnp.sum(x - jnp.log(x)), np.array([1e-3, 0.1, 3.0, 20.0]), np.ones(4)),
    "roots": (lambda x: jnp.sum(x - 2 * jnp.sqrt(x)), np.array([1e-4, 0.1, 3.0, 4.0]), np.ones(4)),
    "exponential": (lambda x: jnp.sum(jnp.exp(x) - scales(x) * x), np.zeros(4), np.log(SCALES)),
    "wells": (lambda x: jnp.sum(x**4 / 4 - x**2 / 2), np.array([-0.5, -1e-3, 0.01, 2.0]), np.ones(4)),
    "rosenbrock": (
        lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
        np.array([-1.2, 1.0, -1.2, 1.0]),
        np.ones(4),
    ),
}
NAMES = list(PROBLEMS)
SEEN: list = []
"""The points at which `objective` was evaluated, since it was cleared."""


def objective(x, which):
    """Return the function of this number.

    Keeps the points at which it is evaluated, in float32, as callbacks may get them.
    """
    jax.debug.callback(lambda value: SEEN.append(np.float32(value)), x)
    return jax.lax.switch(which, [fn for fn, _, _ in PROBLEMS.values()], x)


def seen():
    """Return the points of the last call, and none for the next."""
    jax.effects_barrier()
    points = list(SEEN)
    SEEN.clear()
    return points


METHODS = {
    "bfgs": bfgs(),
    "bfgs by hager_zhang": bfgs(hager_zhang()),
    "dfp": dfp(),
    "l-bfgs-b": lbfgsb(),
    **{f"cg {beta}": nonlinear_cg(beta) for beta in BETAS},
    "cg hz by hager_zhang": nonlinear_cg("hz", hager_zhang()),
    "barzilai-borwein": barzilai_borwein(),
    "gradient-descent": steepest_descent(),
    "nelder-mead": nelder_mead(x_tol=1e-7, f_tol=1e-10),
}
