"""Constraints: closed forms, derivatives, lanes, and what cannot be solved."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import Status
from jgd.core.stop import Stop
from jgd.solvers.methods.quadratic_program import QuadraticProgram, solve_quadratic_program
from tests.refusal import refused

METHODS = ["sqp", "augmented-lagrangian"]
INF = np.inf
TIGHT = Stop(gradient_norm=1e-8)


NORMAL = np.array([1.0, -2.0, 2.0])


def half_distance(x, p, b):
    return 0.5 * jnp.sum((x["x"] - p) ** 2)


def along(x, p, b):
    return {"along": NORMAL @ x["x"] - b}


def projection(p, b, method="sqp", exactly=False):
    """Return the nearest to p in the half space a'x <= b, or on its border, with the multiplier."""
    asked = jgd.equality(along) if exactly else jgd.inequality(along, upper=0.0)
    start = {"x": jnp.zeros(3)}
    found = jgd.minimize(half_distance, method, start, TIGHT, args=(p, b), constraints=(asked,))
    return found.params["x"], found.multipliers[0]["along"], found.value


def in_closed_form(p, b, exactly):
    y = (NORMAL @ p - b) / (NORMAL @ NORMAL)
    y = y if exactly else jnp.maximum(y, 0.0)
    return p - y * NORMAL, y, 0.5 * y**2 * (NORMAL @ NORMAL)


OUTSIDE, INSIDE = np.array([3.0, -1.0, 1.0]), np.array([-3.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("method", "exactly"),
    [
        ("sqp", False),
        pytest.param("sqp", True, marks=pytest.mark.slow),
        pytest.param("augmented-lagrangian", False, marks=pytest.mark.slow),
    ],
)
def test_projections_and_their_derivatives_are_the_closed_forms(method, exactly, x64):
    points, b = jnp.array([OUTSIDE, INSIDE]), jnp.array(0.5)

    def solved(p, b):
        found = projection(p, b, method, exactly)
        return found, found

    def wanted(p, b):
        found = in_closed_form(p, b, exactly)
        return found, found

    slopes, values = jax.jit(jax.vmap(lambda p: jax.jacfwd(solved, (0, 1), has_aux=True)(p, b)))(points)
    for i, p in enumerate(points):
        expected = jax.jacfwd(wanted, (0, 1), has_aux=True)(p, b)
        # The conditions hold to 1e-8, and their derivatives are exact.
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x[i], y, atol=1e-7), (slopes, values), expected)  # noqa: B023
    if method == "sqp" and not exactly:
        backward = jax.jit(jax.jacrev(solved, (0, 1), has_aux=True))(points[0], b)
        alone = jax.tree.map(lambda x: x[0], (slopes, values))
        # The same linear solve, transposed, and a lane that equals the solo run but for rounding.
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-9), backward, alone)


@pytest.mark.parametrize("hess", [None, jax.hessian(half_distance)])
def test_a_start_where_only_the_constraints_pull_is_not_infeasible(hess, x64):
    """At the minimum without them the gradient is 0, and so is no measure of what they may cost."""
    p, b = jnp.asarray(OUTSIDE), jnp.array(0.5)
    asked = jgd.inequality(along, upper=0.0)
    found = jgd.minimize(half_distance, "sqp", {"x": p}, TIGHT, args=(p, b), constraints=asked, hess=hess)
    assert found.success
    np.testing.assert_allclose(found.params["x"], in_closed_form(p, b, False)[0], atol=1e-7)
    assert found.evaluations <= (9 if hess is None else 3)  # Newton's step is the solution of a quadratic program


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def norm(x):
    return x @ x


@pytest.mark.parametrize("method", METHODS)
def test_rosenbrock_on_a_disk(method, x64):
    asked = {"disk": jgd.inequality(norm, upper=1.0)}
    found = jgd.minimize(rosenbrock, method, jnp.array([-0.5, 0.2]), TIGHT, constraints=asked)
    assert found.success
    # The root of the polynomial that the conditions give, to 15 digits.
    np.testing.assert_allclose(found.params, [0.786415154224, 0.617698316595], atol=1e-7)
    y = found.multipliers["disk"]
    assert y > 0
    # d value / d limit = -y, by a difference quotient whose error is h^2.
    h = 1e-3
    wider, narrower = (
        jgd.minimize(rosenbrock, method, found.params, TIGHT, constraints={"disk": jgd.inequality(norm, upper=limit)})
        for limit in (1 + h, 1 - h)
    )
    np.testing.assert_allclose((wider.value - narrower.value) / (2 * h), -y, rtol=1e-3)


def total(x, target):
    return {"sum": jnp.sum(x)}


@pytest.mark.parametrize("method", METHODS)
def test_a_simplex_with_bounds(method, x64):
    target = jnp.array([0.9, 0.6, -0.4])
    found = jgd.minimize(
        lambda x, t: jnp.sum((x - t) ** 2), method, jnp.ones(3), TIGHT, args=(target,), bounds=(0.0, None),
        constraints=jgd.equality(total, {"sum": 1.0}),
    )  # fmt: skip
    np.testing.assert_allclose(found.params, [0.65, 0.35, 0.0], atol=1e-7)
    assert np.all(found.params >= 0)
    np.testing.assert_allclose(found.multipliers["sum"], 0.5, atol=1e-7)


def impossible(x):
    return {"both ways": jnp.stack([x[0], -x[0]]), "no square": x @ x + 1}


FREE = {"both ways": -INF, "no square": -INF}
# Each as lower and upper limits, so that one program solves both.
CONTRADICTIONS = [
    (FREE | {"both ways": 1.0}, {"both ways": INF, "no square": INF}),
    (FREE | {"no square": 0.0}, {"both ways": INF, "no square": 0.0}),
]


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_is_told(method, x64):
    stop = Stop(gradient_norm=1e-8, value=1e9, step_norm=1e9, value_change=0.9)  # which all hold at once
    for limits in CONTRADICTIONS:
        asked = jgd.inequality(impossible, *limits)
        found = jgd.minimize(rosenbrock, method, jnp.array([0.7, 0.4]), stop, constraints=asked)
        assert found.status is Status.INFEASIBLE
        assert not found.success
        assert found.violation >= 0.99


def test_single_precision():
    found = jgd.minimize(rosenbrock, "sqp", jnp.array([-0.5, 0.2]), constraints=jgd.inequality(norm, upper=1.0))
    assert found.success
    np.testing.assert_allclose(found.params, [0.786415, 0.617698], atol=1e-4)  # sqrt of the dtype's rounding


def test_quadratic_programs_obey_their_conditions(x64):
    rng = np.random.default_rng(0)
    n, m = 6, 4

    @jax.jit
    @jax.vmap
    def missed(*numbers):
        program = QuadraticProgram(*numbers)
        d, y = solve_quadratic_program(program)
        z, v = -(program.B @ d + program.g + y @ program.J), program.J @ d
        rows = v - jnp.clip(v + y, program.low, program.high)
        return jnp.max(jnp.abs(jnp.concatenate([rows, d - jnp.clip(d + z, program.lower, program.upper)])))

    programs = []
    for _ in range(400):
        A, J, inside = rng.normal(size=(n, n)), rng.normal(size=(m, n)), rng.normal(size=n)
        c, some = J @ inside, rng.random(m)
        low = np.where(some < 0.3, -INF, c - rng.random(m) * (some < 0.7))
        high = np.where(some > 0.8, INF, c + rng.random(m) * (some > 0.4))
        lower = np.where(rng.random(n) < 0.4, -INF, np.minimum(inside, 0))
        upper = np.where(rng.random(n) < 0.4, INF, np.maximum(inside, 0))
        programs.append((A @ A.T + 0.1 * np.eye(n), rng.normal(size=n), J, low, high, lower, upper, 1e6))
    # 1e4 eps of the numbers, and what the matrix magnifies it by. Of so many, since normal equations lost one in 20,
    # another one on each device, to the rounding of what active rows weigh.
    assert np.max(missed(*map(np.stack, zip(*programs, strict=True)))) < 1e-9


def log(x):
    return jnp.log(x[0] - 1.0)


def whole(x):
    return x.astype(int)


def turned(x):
    return x * 1j


def empty(x):
    return {}


X = jnp.ones(2)
BAD = [
    (
        lambda: jgd.minimize(rosenbrock, "bfgs", X, constraints=jgd.equality(norm, 1.0)),
        "minimize(optimizer='bfgs'): it does not take constraints=; those that do are augmented-lagrangian, sqp.",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.equality(log)),
        "minimize(constraints=): constraint 0, log: it is infinite or NaN at the start; begin where it is finite.",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.inequality(norm, 2.0, 1.0)),
        "minimize(constraints=): constraint 0, norm: at the root a lower limit is NaN or above the upper one;",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.inequality(norm, jnp.ones(3))),
        "minimize(constraints=): constraint 0, norm: lower: at the root it has shape (3,), and the value ();",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.inequality(norm, {"a": 1.0})),
        "minimize(constraints=): constraint 0, norm: lower is PyTreeDef({'a': *}), and the values are PyTreeDef(*);",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.equality(whole)),
        "minimize(constraints=): constraint 0, whole: it must return real floating numbers, not int",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.equality(turned)),
        "minimize(constraints=): constraint 0, turned: it must return real floating numbers, not complex",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=jgd.equality(empty)),
        "minimize(constraints=): constraint 0, empty: it returns no arrays;",
    ),
    (
        lambda: jgd.minimize(rosenbrock, "sqp", X, constraints=norm),
        "minimize(constraints=norm(x)): constraints must be a constraint, such as jgd.inequality(fun, upper=1.0),",
    ),
    (
        lambda: jgd.minimize(
            rosenbrock, jgd.augmented_lagrangian(jgd.bfgs()), X, bounds=(0, 1), constraints=jgd.equality(norm, 1.0)
        ),
        "augmented_lagrangian(inner=BFGS): it does not take bounds=; pass one that does, such as jgd.lbfgsb().",
    ),
    (lambda: jgd.inequality(norm), "inequality(lower=None, upper=None): nothing is asked;"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_constraints_are_refused_in_one_sentence(call, message):
    refused(call, message)
