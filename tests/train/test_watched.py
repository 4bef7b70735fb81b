"""Metrics of a step that a run is asked for, and the parameters that evaluations see."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from tests.train import problems

RATE = jgd.linear_schedule(0.1, 0.0, 10)


def test_rates_and_norms_are_recorded_at_each_step():
    names = ("learning_rate", "gradient_norm", "update_norm", "params_norm")
    run = jgd.fit(problems.task(5), jgd.sgd(RATE), steps=10, metrics=names, progress=False)
    np.testing.assert_allclose(run.metrics["learning_rate"], [RATE(i) for i in range(10)], rtol=1e-6)
    expected = run.metrics["learning_rate"] * run.metrics["gradient_norm"]
    np.testing.assert_allclose(run.metrics["update_norm"], expected, rtol=1e-5)  # rounding of a few sums in float32
    first = jgd.fit(problems.task(5), jgd.sgd(0.0), steps=1, progress=False).params
    np.testing.assert_allclose(run.metrics["params_norm"][0], jgd.global_norm(first), rtol=1e-6)


def test_ratios_and_shares_are_recorded_in_runs_and_in_sweeps():
    names = ("update_ratio", "update_norm", "params_norm", "zeros", "nonfinite")
    run = jgd.fit(problems.task(5), jgd.sgd(RATE), steps=10, metrics=names, progress=False)
    expected = run.metrics["update_norm"] / run.metrics["params_norm"]
    np.testing.assert_allclose(run.metrics["update_ratio"], expected, rtol=1e-6)
    assert not run.metrics["nonfinite"].any()
    swept = jgd.sweep.run(
        problems.task(5), jgd.sgd(RATE), num_trials=1, steps=10, eval_every=5, metrics=names, progress=False
    )
    means = run.metrics["update_ratio"].reshape(2, 5).mean(axis=1)
    np.testing.assert_allclose(swept.curves["update_ratio"][0, 0], means, rtol=1e-5)  # another program


def test_asking_changes_no_bit():
    plain, asked = (
        jgd.fit(problems.task(5), jgd.adam(0.1), steps=7, metrics=names, progress=False)
        for names in ((), ("gradient_norm", "learning_rate"))
    )
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), plain.params, asked.params))


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (("learning_rat",), "fit(metrics): unknown name 'learning_rat'. Did you mean learning_rate"),
        ("learning_rate", "fit(metrics='learning_rate'): metrics must be a list of names"),
        ((3,), "fit(metrics=(3,)): metrics must be a list of names"),
    ],
)
def test_an_unknown_name_is_one_sentence(metrics, words):
    with pytest.raises(InputError) as error:
        jgd.fit(problems.task(5), jgd.sgd(0.1), steps=1, metrics=metrics)
    assert str(error.value).startswith(words)


def test_evaluations_and_the_best_see_the_average():
    def evaluate(params):
        return {"size": jgd.global_norm(params)}

    task = problems.task(5)
    task = jgd.Task(task.init, task.loss, task.data, task.batch_size, evaluate)
    averaged = jgd.ema_params(jgd.sgd(0.1), 0.9)
    run: Any = jgd.fit(task, averaged, steps=6, eval_every=2, keep_best="size", mode="min", progress=False)
    mean = jgd.eval_params(averaged, run.opt_state, run.params)
    np.testing.assert_allclose(run.evaluations["size"][-1], jgd.global_norm(mean), rtol=1e-6)
    assert abs(float(jgd.global_norm(mean)) - float(jgd.global_norm(run.params))) > 1e-3
    np.testing.assert_allclose(jgd.global_norm(run.best.params), run.best.value, rtol=1e-6)
    lanes = jgd.sweep.run(task, averaged, num_trials=1, steps=6, eval_every=2, metric="size", progress=False)
    np.testing.assert_allclose(lanes.curves["size"][0, 0], run.evaluations["size"], rtol=1e-5)  # another program
