"""float32 in x64 mode: every method, with all that it takes, is traced in float32 and answers in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr

import jgd
from jgd.solvers.names import METHODS
from tests.nonsmooth.test_properties import CASES, points
from tests.tiers import at_once

ns = jgd.nonsmooth
A = np.arange(12, dtype=np.float32).reshape(4, 3)
PARAMS = {"x": np.ones(3, np.float32), "y": np.float32(0.5)}
ASKED = (jgd.inequality(lambda p: p["x"], upper=1.0), jgd.equality(lambda p: {"sum": jnp.sum(p["x"])}, 1.0))
SETS = {"frank-wolfe": ns.simplex(1.0), "mirror-descent": ns.simplex(1.0)}
# One of each family; the slow tests have the others.
FAMILIES = ("augmented-lagrangian", "bfgs", "frank-wolfe", "l-bfgs-b", "mirror-descent", "sqp", "trf", "trust-exact")


def residual(p):
    return jnp.concatenate([A @ p["x"] - 1, p["y"][None]])


def fn(p):
    return jnp.sum(residual(p) ** 2)


def calls(name):
    """Yield the calls that a method takes."""
    takes, needs = (getattr(METHODS[name], part, frozenset()) for part in ("takes", "needs"))
    if "residual" in takes:
        yield lambda p: jgd.least_squares(residual, name, p, loss="huber")
        if "bounds" in takes:
            yield lambda p: jgd.least_squares(residual, name, p, bounds=(0.0, 2.0))
        return
    given = {"bounds": (0.0, 2.0), "constraints": ASKED, "hess": jax.hessian(fn), "nonsmooth": SETS.get(name, ns.l1(1))}
    if not needs:
        yield lambda p: jgd.minimize(fn, name, p)
    for part in sorted(takes & set(given)):
        both = {**{need: given[need] for need in needs}, part: given[part]}
        yield lambda p, both=both: jgd.minimize(fn, name, p, **both)
    if "composed" in takes:
        jumps = ns.compose(ns.l1(0.1), lambda p: jnp.diff(p["x"]))
        yield lambda p: jgd.minimize(fn, name, p, nonsmooth=jumps)


def in_double(jaxpr, found):
    """Return the equations that make arrays of float64: numbers such as Stop's are scalars, or weakly typed."""
    for equation in jaxpr.eqns:
        for aval in (one.aval for one in equation.outvars):
            double = getattr(aval, "dtype", None) in (np.float64, np.complex128)
            if double and aval.ndim and not aval.weak_type:
                found.append(str(equation)[:200])
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(inner, (Jaxpr, ClosedJaxpr)):
                    in_double(getattr(inner, "jaxpr", inner), found)
    return found


def assert_single(call, *args):
    jaxpr, shapes = jax.make_jaxpr(call, return_shape=True)(*args)
    for path, x in jax.tree_util.tree_leaves_with_path(shapes):
        assert x.dtype not in (np.float64, np.complex128), jax.tree_util.keystr(path)
    assert in_double(jaxpr.jaxpr, []) == []


@pytest.mark.parametrize("name", at_once(FAMILIES, METHODS.keys()))
def test_a_method_computes_and_answers_in_the_dtype_of_its_start(name, x64):
    for call in calls(name):
        assert_single(call, PARAMS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_so_do_penalties_and_their_derivatives(case, x64):
    def both(v, h):
        return jax.jvp(lambda v: (case.penalty.prox(v, 0.7), case.penalty.value(v)), (v,), (h,))

    v = jax.tree.map(lambda x: x[0], points(case, 1, dtype=np.float32))
    assert_single(both, v, v)
