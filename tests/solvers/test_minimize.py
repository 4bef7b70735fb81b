"""minimize: closed forms, every rule, under jit and vmap, with line searches, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

import jgd
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.solvers import Solution, minimize, multistart

CURVATURE = jnp.array([1.0, 2.0, 4.0])
CENTRE = jnp.array([1.0, -1.0, 3.0])


def bowl(params):
    return 0.5 * jnp.sum(CURVATURE * (params - CENTRE) ** 2)


def rosenbrock(params):
    x, y = params
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def valleys(x):
    """Minima near every -0.5 + 2 k pi / 3; the lowest is at -0.5123, where 3 cos(3x) + 0.2 x = 0."""
    return jnp.sin(3 * x) + 0.1 * x**2


START = jnp.zeros(3)


def test_it_ends_at_the_closed_form():
    found = minimize(bowl, jgd.sgd(0.2), START)
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, CENTRE, atol=1e-5)  # the gradient's threshold over the least curvature
    assert found.value == bowl(found.params)
    np.testing.assert_allclose(found.gradient_norm, jnp.linalg.norm(jax.grad(bowl)(found.params)), rtol=1e-6)


def test_whole_numbers_as_start_are_floats():
    found = minimize(bowl, jgd.sgd(0.2), np.zeros(3, int))
    assert found.params.dtype == jnp.float32
    np.testing.assert_array_equal(found.params, minimize(bowl, jgd.sgd(0.2), START).params)


def by_hand(steps, rate=0.1):
    points = [START]
    for _ in range(steps):
        points.append(points[-1] - rate * jax.grad(bowl)(points[-1]))
    return points


@pytest.mark.parametrize(
    ("rule", "measure", "status"),
    [
        ("value", lambda p, q: bowl(q), Status.VALUE),
        ("gradient_norm", lambda p, q: jnp.linalg.norm(jax.grad(bowl)(q)), Status.GRADIENT_NORM),
        ("step_norm", lambda p, q: jnp.linalg.norm(q - p), Status.STEP_NORM),
    ],
)
def test_rules_stop_at_the_exact_step(rule, measure, status):
    points = by_hand(12)
    last, before = (float(measure(points[k - 1], points[k])) for k in (12, 11))
    found = minimize(bowl, jgd.sgd(0.1), START, Stop(**{rule: (last * before) ** 0.5}))
    assert (found.status, int(found.steps)) == (status, 12)
    np.testing.assert_allclose(found.params, points[12], rtol=1e-5)  # twelve steps of float32 in another order


def test_steps_plateau_and_start():
    assert int(minimize(bowl, jgd.sgd(0.1), START, Stop(max_steps=5)).steps) == 5
    assert minimize(bowl, jgd.sgd(0.1), START, Stop(max_steps=5)).status is Status.MAX_STEPS
    assert minimize(bowl, jgd.sgd(0.1), START, Stop(patience=5)).status is Status.PLATEAU
    there = minimize(bowl, jgd.sgd(0.1), CENTRE, Stop(gradient_norm=0.0))
    assert (there.status, int(there.steps)) == (Status.GRADIENT_NORM, 0)


def test_divergence_returns_the_last_finite_point():
    found = minimize(bowl, jgd.sgd(10.0), START)
    assert found.status is Status.NON_FINITE
    assert np.isfinite(found.value)
    assert np.isfinite(found.params).all()
    assert found.value == bowl(found.params)
    bad = minimize(lambda p: jnp.sum(jnp.log(p)), jgd.sgd(0.1), -jnp.ones(2))
    assert (bad.status, int(bad.steps)) == (Status.NON_FINITE, 0)


def test_lanes_stop_on_their_own():
    rates = jnp.array([0.1, 0.2, 10.0, 1e-6])
    stop = Stop(gradient_norm=1e-4, max_steps=300)
    lanes = jax.vmap(lambda rate: minimize(bowl, jgd.sgd(rate), START, stop))(rates)
    for i, rate in enumerate(rates.tolist()):
        alone = minimize(bowl, jgd.sgd(rate), START, stop)
        assert (Status.of(lanes.status[i]), lanes.steps[i]) == (alone.status, alone.steps)
        np.testing.assert_allclose(lanes.params[i], alone.params, rtol=1e-5)  # sums in another order
    assert "1 non_finite" in repr(lanes)
    assert "2 gradient_norm" in repr(lanes)


def test_it_runs_under_jit_with_the_optimizer_and_the_rule_as_arguments():
    traces = []

    @jax.jit
    def solve(optimizer, stop):
        traces.append(repr(minimize(bowl, optimizer, START, stop)))
        return minimize(bowl, optimizer, START, stop)

    for rate in (0.1, 0.2):
        found = solve(jgd.adam(rate), Stop(gradient_norm=1e-3 * rate, max_steps=2000))
        assert Status.of(found.status) is Status.GRADIENT_NORM
    assert len(traces) == 1
    assert traces[0].startswith("Solution(params=")


@pytest.mark.parametrize("optimizer", [jgd.lbfgs(), optax.lbfgs(), jgd.chain(jgd.identity(), optax.lbfgs())])
def test_line_searches_work(optimizer):
    found = minimize(rosenbrock, optimizer, jnp.array([-1.2, 1.0]), Stop(gradient_norm=1e-4))
    assert found.status is Status.GRADIENT_NORM
    assert int(found.steps) < 60
    np.testing.assert_allclose(found.params, 1.0, atol=1e-3)  # the least curvature there is 0.4


def test_lbfgs_needs_no_more_steps_than_scipy_s(x64):
    start = jnp.where(jnp.arange(10) % 2, 1.0, -1.2)

    def chained(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    found = minimize(chained, jgd.lbfgs(), start, Stop(gradient_norm=1e-6))
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, 1.0, atol=1e-5)
    options = {"gtol": 1e-7, "ftol": 0.0, "maxcor": 10}
    value_and_grad = jax.jit(jax.value_and_grad(chained))
    theirs = scipy.optimize.minimize(value_and_grad, start, jac=True, options=options, method="L-BFGS-B")
    assert int(found.steps) < 1.25 * theirs.nit  # 83 and 77


def test_arguments_and_aux():
    def shifted(params, shift):
        return jnp.sum((params["w"] - shift) ** 2), {"first": params["w"][0]}

    found = minimize(shifted, jgd.sgd(0.2), {"w": jnp.zeros(2)}, args=(jnp.array([1.0, 2.0]),), has_aux=True)
    np.testing.assert_allclose(found.params["w"], [1, 2], atol=1e-4)
    assert found.aux["first"] == found.params["w"][0]


def test_complex_and_half_precision_parameters():
    found = minimize(lambda z: jnp.abs(z - (1 + 2j)) ** 2, jgd.sgd(0.2), jnp.array(0j))
    np.testing.assert_allclose(found.params, 1 + 2j, atol=1e-4)
    half = minimize(lambda p: jnp.sum((p - 3) ** 2), jgd.sgd(0.2), jnp.zeros(2, jnp.bfloat16))
    assert half.params.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.params.astype(float), 3, atol=0.05)  # bfloat16 has three digits


def test_forward_derivatives_pass_through():
    def end(rate):
        return minimize(bowl, jgd.sgd(rate), START, Stop(max_steps=3), derivative="through").value

    # Three steps of gradient descent in closed form, differentiated.
    residual = (1 - 0.1 * CURVATURE) ** 5 * -6 * CURVATURE * CURVATURE * CENTRE**2 / 2
    np.testing.assert_allclose(jax.jacfwd(end)(0.1), jnp.sum(residual), rtol=1e-5)


def test_a_solution_prints_its_reason():
    text = str(minimize(bowl, jgd.sgd(0.2), START))
    assert text.startswith("Solution after ")
    assert "value " in text
    assert "gradient norm " in text
    assert str(Status.GRADIENT_NORM) in text
    assert "params: [" in text


BAD = {
    "vector": ((lambda p: p, jgd.sgd(0.1), START), {}, "must return a real floating scalar, not float32[3]"),
    "integer value": ((lambda p: jnp.sum(p > 0), jgd.sgd(0.1), START), {}, "not int32[]"),
    "forgotten has_aux": ((lambda p: (bowl(p), p), jgd.sgd(0.1), START), {}, "pass has_aux=True"),
    "no aux": ((bowl, jgd.sgd(0.1), START), {"has_aux": True}, "with has_aux=True it must return (scalar, aux)"),
    "flags as params": (
        (bowl, jgd.sgd(0.1), jnp.ones(3, bool)),
        {},
        "minimize(params): the leaf at the root has dtype bool",
    ),
    "no params": ((bowl, jgd.sgd(0.1), {}), {}, "there are no arrays in it"),
    "no rule": ((bowl, jgd.sgd(0.1), START, Stop()), {}, "it holds no rule, so nothing would stop the search"),
    "a number as rule": ((bowl, jgd.sgd(0.1), START, 1e-3), {}, "stop must be a jgd.Stop"),
    "no function": ((1.0, jgd.sgd(0.1), START), {}, "fn must be a function"),
    "a factory": ((bowl, jgd.sgd, START), {}, "must be a gradient transformation"),
}


@pytest.mark.parametrize(("arguments", "options", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_sentence(arguments, options, words):
    with pytest.raises(InputError) as error:
        minimize(*arguments, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_restarts_find_the_lowest_valley():
    alone = minimize(valleys, jgd.sgd(0.05), 3.0)
    best = multistart(valleys, jgd.sgd(0.05), jnp.linspace(-4, 4, 9))
    assert isinstance(best, Solution)
    assert best.status is Status.GRADIENT_NORM
    assert best.value < alone.value - 0.3
    np.testing.assert_allclose(best.params, -0.5123, atol=1e-4)


def test_a_start_that_is_not_finite_cannot_win():
    starts = jnp.array([-1.0, 0.5, 4.0])
    best = multistart(lambda x: x - jnp.log(x), jgd.sgd(0.1), starts)  # NaN for negative x
    np.testing.assert_allclose(best.params, 1.0, atol=1e-4)
    hopeless = multistart(lambda x: jnp.log(x), jgd.sgd(0.1), -starts[:1] * 0 - 1)
    assert hopeless.status is Status.NON_FINITE


@pytest.mark.parametrize("starts", [1.0, jnp.zeros((0, 3)), {"a": jnp.zeros(3), "b": jnp.zeros(2)}])
def test_bad_starts_are_refused(starts):
    with pytest.raises(InputError, match="stack the starting points along a leading axis"):
        multistart(lambda p: 0.0, jgd.sgd(0.1), starts)


def test_a_step_that_is_not_taken_is_not_small():
    """A warm-up starts with a rate of 0, and accumulation waits for its round."""
    warm = jgd.sgd(jgd.linear_schedule(0.0, 0.1, 5))
    for opt in (warm, jgd.multi_steps(jgd.sgd(0.1), 2)):
        solution = jgd.minimize(lambda p: jnp.sum(p**2), opt, jnp.ones(2), Stop(step_norm=1e-3))
        assert solution.status is Status.STEP_NORM
        assert solution.gradient_norm < 2e-2  # the last rate is 0.1


def test_a_solution_never_prints_a_large_array():
    solution = jgd.minimize(lambda p: jnp.sum(p["w"] ** 2) + p["b"] ** 2, jgd.sgd(0.1), {"w": jnp.ones(500), "b": 1.0})
    text = repr(solution)
    assert "float32[500]" in text
    assert "b" in text
    assert len(text) < 400


def test_a_models_state_is_an_argument_that_does_not_move():
    def loss(params, state, batch):
        return jnp.mean((params - batch + state["shift"]) ** 2), ({"shift": state["shift"] + 1.0}, {"n": batch.sum()})

    args = ({"shift": jnp.asarray(0.5)}, jnp.asarray([1.0, 2.0]))
    found = jgd.minimize(loss, "bfgs", jnp.zeros(()), args=args, has_aux=True)
    np.testing.assert_allclose(found.params, 1.0, atol=1e-4)  # the mean of the batch less the first shift
    state, aux = found.aux
    assert state == {"shift": 1.5}
    assert aux == {"n": 3.0}
