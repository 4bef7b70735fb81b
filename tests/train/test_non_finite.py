"""fit: how it ends where a loss, a gradient or a parameter is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core import Status
from jgd.train import Task, fit
from tests.train import problems

FULL = problems.task(None)


def test_divergence_stops_with_the_last_finite_parameters():
    run = fit(FULL, jgd.sgd(1e6), steps=60, eval_every=20)
    assert run.status is Status.NON_FINITE
    assert run.steps == len(run.metrics["loss"]) < 20
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(run.params))
    assert "learning rate" in str(run.status)


BAD_BATCH = Task(
    lambda key: jnp.zeros(()),
    lambda p, b: jnp.mean((p - 1) ** 2 / b),
    jnp.array([1.0, 1.0, 0.0, 1.0]),
    batch_size=1,
)


def test_an_optimizer_that_skips_a_bad_batch_goes_on():
    assert fit(BAD_BATCH, jgd.sgd(0.3), steps=20).status is Status.NON_FINITE
    run = fit(BAD_BATCH, jgd.apply_if_finite(jgd.sgd(0.3), 10), steps=20)
    assert run.status is Status.MAX_STEPS
    assert np.isinf(run.metrics["loss"]).any()
    np.testing.assert_allclose(run.params, 1.0, atol=1e-3)  # 0.4 ** 15


@pytest.mark.parametrize(
    "wrap",
    [
        lambda opt: jgd.chain(jgd.identity(), jgd.multi_steps(jgd.apply_if_finite(opt, 10), 1)),
        lambda opt: jgd.multi_steps(opt, 1, should_skip_update_fn=optax.skip_not_finite),
        lambda opt: optax.apply_if_finite(optax.sgd(0.3), 10),
    ],
)
def test_whoever_skips_bad_batches_goes_on(wrap):
    run = fit(BAD_BATCH, wrap(jgd.sgd(0.3)), steps=20)
    assert run.status is Status.MAX_STEPS
    assert np.isinf(run.metrics["loss"]).any()


def test_a_nan_gradient_of_a_finite_loss_stops_too():
    trap = Task(lambda key: jnp.ones(()), lambda p, b: jnp.where(p > 0.5, p, jnp.sqrt(p - 2)), jnp.zeros((1,)))
    late = fit(trap, jgd.sgd(0.1), steps=20)
    assert (late.status, late.steps) == (Status.NON_FINITE, 2)
    assert np.isnan(late.params)
    at_once = fit(trap, jgd.sgd(0.1), steps=20, stop=jgd.Stop(gradient_norm=0.0))
    assert (at_once.status, at_once.steps, at_once.params) == (Status.NON_FINITE, 1, 1.0)


@pytest.mark.parametrize(("hidden", "status", "steps"), [(False, Status.NON_FINITE, 4), (True, Status.MAX_STEPS, 8)])
def test_a_parameter_that_no_loss_shows_to_be_nan_stops_at_the_end_of_a_segment(hidden, status, steps):
    """One that was infinite from the start, as a mask may be, does not."""

    def loss(p, b):
        return jnp.where(jnp.isfinite(p), jnp.where(hidden, p, jnp.sqrt(jnp.maximum(p - 1, 0))), 1.0) + b[0]

    task = Task(lambda key: jnp.where(hidden, -jnp.inf, jnp.ones(())), loss, jnp.zeros((1,)))
    run = fit(task, jgd.sgd(0.1), steps=8, eval_every=4)
    assert (run.status, run.steps) == (status, steps)
    assert np.isfinite(run.metrics["loss"]).all()
    assert not np.isfinite(run.params)
