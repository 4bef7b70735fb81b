"""root and fixed_point: closed forms, scipy's answers, derivatives, and that no other point counts as a root."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd import Status, Stop
from jgd.solvers.root import ROOT_METHODS
from jgd.tasks.problems import more_garbow_hillstrom
from tests.refusal import refused

COSINE = 0.7390851332151607
M = 0.5 * np.array([[0.6, 0.7, 0.0], [-0.5, 0.4, 0.3], [0.1, -0.2, 0.8]])  # its largest singular value is below 0.5
B = np.array([1.0, -2.0, 3.0])
SYSTEMS = {p.name: p for p in more_garbow_hillstrom() if p.m == p.n}


def contraction(x, m=M, b=B):
    return jnp.asarray(m) @ x + b


def two(p, c):
    """w = (2, c/2), b = 4/c: w0 w1 = c, w1 b = 2, w0 = 2."""
    return [p["w"][0] * p["w"][1] - c, p["w"][1] * p["b"] - 2.0, p["w"][0] - 2.0]


def no_root(x):
    return x**2 + 1


PAIR = {"w": np.array([1.0, 1.0]), "b": 1.5}


@pytest.mark.parametrize("name", ROOT_METHODS)
def test_the_fixed_point_of_the_cosine(name, x64):
    found = jgd.fixed_point(jnp.cos, name, 1.0)
    assert found.success
    np.testing.assert_allclose(found.params, COSINE, atol=2e-12)  # |F| <= 1.8e-12, and |F'| > 1
    assert found.gradient_norm == abs(found.residual)


def test_anderson_is_faster_than_the_plain_iteration_on_a_linear_contraction(x64):
    fast, slow = (jgd.fixed_point(contraction, name, jnp.zeros(3)) for name in ("anderson", "picard"))
    for found in (fast, slow):
        assert found.status is Status.GRADIENT_NORM
        np.testing.assert_allclose(found.params, np.linalg.solve(np.eye(3) - M, B), atol=4e-12)  # |(I-M)^-1| < 2
    # Mixing is GMRES here: three changes span the space. The plain iteration gains a factor of 2 a step.
    assert fast.evaluations <= 6
    assert slow.evaluations > 20


@pytest.mark.parametrize("method", ["newton", "broyden"])
@pytest.mark.parametrize("name", ["helical_valley", "brown_almost_linear_10", "broyden_banded_10"])
def test_systems_give_scipy_s_answer(name, method, x64):
    problem = SYSTEMS[name]
    assert problem.residual is not None
    found = jgd.root(problem.residual, method, jnp.asarray(problem.start))
    theirs = scipy.optimize.root(jax.jit(problem.residual), problem.start, jac=jax.jit(jax.jacobian(problem.residual)))
    assert found.status is Status.GRADIENT_NORM
    assert theirs.success
    assert found.gradient_norm <= 1.9e-12
    if name != "brown_almost_linear_10":  # which has two roots
        np.testing.assert_allclose(found.params, theirs.x, atol=1e-7)  # scipy's tolerance on x is 1.5e-8


@pytest.mark.parametrize("name", ["newton", "lm", "broyden", "anderson"])
def test_a_point_that_is_no_root_is_never_called_one(name, x64):
    found = jgd.root(no_root, name, 1.7, history=True)
    assert found.status is Status.NO_ROOT
    assert not found.success
    assert "jgd.least_squares" in found.message
    assert found.gradient_norm >= 1
    assert len(found.history.value) == found.evaluations < 500


@pytest.mark.parametrize("start", [0.0, 1e-8, 1.0])
def test_newton_solves_a_linear_system_in_one_step_however_small_the_start(start):
    """A region as large as the start alone would hold it back, and 1e-8 would be called no root."""
    found = jgd.root(lambda x: x - jnp.array([1000.0, 3000.0]), "newton", jnp.full(2, start))
    assert (found.status, int(found.evaluations)) == (Status.GRADIENT_NORM, 2)


@pytest.mark.parametrize("name", ["newton", "broyden", "anderson"])
def test_a_trial_that_is_not_finite_shortens_the_step(name, x64):
    """Newton's step from 20 for log x = 0 ends at -40, and so do 23 steps of log x at once."""
    found = jgd.root(lambda x: -23 * jnp.log(x) if name == "anderson" else jnp.log(x), name, 20.0, history=True)
    assert found.status is Status.GRADIENT_NORM
    assert np.isnan(found.history.value).any()
    np.testing.assert_allclose(found.params, 1.0, atol=2e-12)


@pytest.mark.parametrize("name", ["newton", "lm", "broyden"])
def test_rounding_above_the_threshold_is_precision(name):
    """Values near 1e9 differ by 64 in float32, so that some of these equations hold at no number at all."""
    c = jnp.float32(1e9) + 1e7 * jnp.arange(8)
    found = jax.vmap(lambda c: jgd.root(lambda x, c: x**3 - c, name, jnp.float32(900.0), args=(c,)))(c)
    assert found.success.all()
    assert (found.evaluations < 50).all()
    assert (found.status == Status.PRECISION).any()
    assert found.params.dtype == jnp.float32
    np.testing.assert_allclose(found.params, np.cbrt(c), rtol=3e-7)  # some rounding units


def test_a_start_that_is_not_finite_is_told():
    assert jgd.root(jnp.log, "newton", -1.0).status is Status.NON_FINITE
    assert jgd.fixed_point(jnp.log, "anderson", -1.0).status is Status.NON_FINITE


@pytest.mark.parametrize("name", ["newton", "broyden", "anderson"])
def test_derivatives_are_those_of_the_root(name, x64):
    """x(m, b) = (I - M)^-1 b, whose matrix is not symmetric."""
    inverse = np.linalg.inv(np.eye(3) - M)

    def point(b):
        return jgd.fixed_point(contraction, name, jnp.zeros(3), args=(jnp.asarray(M), b)).params

    b = jnp.asarray(B)
    np.testing.assert_allclose(jax.jacrev(point)(b), inverse, rtol=1e-10)  # linear: the solve's error alone
    np.testing.assert_allclose(jax.jacfwd(point)(b), inverse, rtol=1e-10)


@pytest.mark.parametrize("solve", ["gmres", "dense"])
def test_trees_aux_vmap_and_second_derivatives(solve, x64):
    def solved(c):
        found = jgd.root(
            lambda p, c: (two(p, c), p["b"]), "newton", PAIR, args=(c,), has_aux=True,
            derivative=jgd.implicit(solve=solve),
        )  # fmt: skip
        return found.params["b"], found

    c = jnp.array([1.0, 2.0, 5.0])
    b, found = jax.vmap(solved)(c)
    np.testing.assert_allclose(b, 4 / c, atol=1e-11)
    np.testing.assert_allclose(found.aux, b)
    assert (found.status == Status.GRADIENT_NORM).all()
    slope = jax.grad(lambda c: solved(c)[0])
    np.testing.assert_allclose(jax.vmap(slope)(c), -4 / c**2, rtol=1e-9)  # the root's 1e-12, in a condition of 10
    if solve == "dense":
        np.testing.assert_allclose(jax.vmap(jax.grad(slope))(c), 8 / c**3, rtol=1e-8)


def test_complex_roots_and_callbacks(x64):
    seen = []
    found = jgd.root(no_root, "newton", jnp.asarray(0.5 + 0.5j), callback=lambda so_far: seen.append(so_far.residual))
    np.testing.assert_allclose(found.params, 1j, atol=1e-12)
    assert found.residual.dtype == jnp.complex128
    assert len(seen) == found.steps


REFUSED = [
    (lambda: jgd.root(jnp.cos, "newtn", 1.0), "root(optimizer=): unknown name 'newtn'. Did you mean newton?"),
    (lambda: jgd.root(jnp.cos, jgd.bfgs(), 1.0), "root(optimizer=bfgs): it minimizes, and solves no equations; use"),
    (lambda: jgd.root(jnp.cos, jgd.adam(0.1), 1.0), "root(optimizer=chain): it minimizes"),
    (lambda: jgd.root(jnp.sum, "newton", jnp.ones(2)), "root: it returns 1 number for 2 unknown numbers; return"),
    (lambda: jgd.root(jnp.cos, "newton", 1.0, Stop(step_norm=1e-8)), "root(stop=Stop(step_norm=)): it holds at points"),
    (lambda: jgd.root(lambda x: 1, "newton", 1.0), "root(<lambda>.<locals>.<lambda>): it must return residuals"),
    (lambda: jgd.fixed_point(jnp.sum, "newton", jnp.ones(2)), "fixed_point(fn="),
    (lambda: jgd.fixed_point(lambda x: [x], "newton", 1.0), "fixed_point(fn="),
    (lambda: jgd.minimize(jnp.cos, jgd.broyden(), 1.0), "minimize(optimizer=broyden): it needs equations, which"),
    (lambda: jgd.least_squares(jnp.cos, jgd.anderson(), 1.0), "least_squares(optimizer=anderson): it needs"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refusals_are_one_sentence(call, message):
    refused(call, message)
