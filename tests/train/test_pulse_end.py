"""The pulse where a run ends within a segment: no step is taken after it, and what was measured stands."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.core import Status
from jgd.train.loop import pick, root_key

TAKEN: list[int] = []


def loss(params, batch):
    jax.debug.callback(lambda: TAKEN.append(1))
    return jnp.sum((params["w"] - 1) ** 2) + 0 * params["w"][0] * batch[0]


def test_no_step_is_taken_after_a_nan_has_ended_the_run():
    """The tenth batch of one row is the first that is NaN: it is taken twice, to be measured, and none of 90 more."""
    x = jnp.arange(20.0)
    order = [int(b[0]) for b in np.asarray(pick(task_of(x), root_key(0), 0, 20))]
    TAKEN.clear()
    run = jgd.fit(task_of(x.at[order[9]].set(jnp.nan)), jgd.sgd(0.01), steps=100, health=True, progress=False)
    jax.effects_barrier()
    assert (run.status, run.steps) == (Status.NON_FINITE, 10)
    np.testing.assert_array_equal(run.beats["step"], [0, 1, 3, 7, 9])
    assert run.beats["nonfinite/w"][-1] > 0
    assert len(TAKEN) == 11


def test_a_run_that_a_rule_ends_goes_no_further_than_the_next_measurement():
    x = jnp.arange(20.0)
    TAKEN.clear()
    run = jgd.fit(task_of(x), jgd.sgd(0.1), steps=100, stop=jgd.Stop(value=0.05), health=True, progress=False)
    jax.effects_barrier()
    assert run.status is Status.VALUE
    assert run.steps < len(TAKEN) <= 50


def task_of(x):
    return jgd.Task(lambda key: {"w": jnp.zeros(3)}, loss, x, 1, allow_nan=True)
