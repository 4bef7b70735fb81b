"""The suite's problems can be won, are not won at the start, and its functions have the minima that they claim."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.tasks.suite import FUNCTIONS, PROBLEMS
from jgd.tasks.suite.gradients import Delay, Drift
from jgd.train.loop import begin, root_key, segment
from tests.tiers import at_once

SEEDS, POINTS = 2, 20


@partial(jax.jit, static_argnames=("metric", "every"))
def judged(task, optimizer, seeds, *, metric, every):
    """Return a metric before training and after each of `POINTS` segments, f[seeds, 1 + POINTS]."""

    def run(seed):
        first = begin(task, optimizer, root_key(seed))

        def body(carry, start):
            carry, _ = segment(task, optimizer, carry, start, every)
            return carry, task.evaluate(carry.params)[metric]

        _, values = jax.lax.scan(body, first, jnp.arange(POINTS) * every)
        return jnp.append(task.evaluate(first.params)[metric], values)

    return jax.lax.map(run, seeds)


# A problem of each family at once.
@pytest.mark.parametrize("problem", at_once(["beale", "saddle", "outliers", "xor", "digits"], PROBLEMS))
def test_the_witness_wins(problem):
    optimizer = problem.method(problem.witness)
    values = judged(problem.make(), optimizer, jnp.arange(SEEDS), metric=problem.metric, every=problem.steps // POINTS)
    losses = np.asarray(values if problem.mode == "min" else -values)
    target = problem.target if problem.mode == "min" else -problem.target
    assert (losses[:, 0] > target).all(), "it is won before the first step"
    if problem.metric == "excess":  # a target that the start nearly meets would tell nobody apart
        assert (losses[:, 0] > 3 * target).all()
    assert (losses[:, -1] <= target).all(), f"the witness ends at {values[:, -1]}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_their_minima(name, x64):
    function, rng = FUNCTIONS[name], np.random.default_rng(0)
    at = np.array(function.minimizer, float)
    near = at + 1e-2 * rng.normal(size=(1000, len(at)))
    far = rng.uniform(-6, 6, size=(4000, len(at)))
    value, slope, others = jax.jit(
        lambda at, points: (*jax.value_and_grad(function.formula)(at), jax.vmap(function.formula)(points))
    )(at, np.concatenate([near, far]))
    np.testing.assert_allclose(value, function.minimum, atol=1e-9)  # the digits that are written down
    np.testing.assert_allclose(slope, 0, atol=1e-5)
    # Nothing lower, near or far: the values are minima of the whole box.
    assert np.min(others) >= function.minimum - 1e-9


def test_delay_hands_on_old_gradients():
    delay, params = Delay(2), {"w": jnp.zeros(3)}
    state, seen = delay.init(params), []
    for k in range(1, 5):
        late, state = delay.update({"w": jnp.full(3, float(k))}, state, params)
        seen.append(float(late["w"][0]))
    assert seen == [0, 0, 1, 2]


def test_drift_is_what_a_still_optimizer_loses():
    updates, _ = Drift(0.5).update({"w": jnp.ones(2)}, Drift(0.5).init(None))
    np.testing.assert_array_equal(updates["w"], [0.5, 0.5])


def test_a_problem_is_a_task_like_any_other():
    problem = PROBLEMS["booth"]
    run = jgd.fit(problem.make(), problem.witness, steps=5, progress=False)
    assert run.params.shape == (2,)
