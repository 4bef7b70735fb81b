"""A model's state in sweeps: one a lane, in every kind, through kills, and replayed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.record import hyper, record
from jgd.sweep import choice, halving, loguniform, population, replay, run, uniform
from jgd.train import Task, fit
from tests.sweep.killing import assert_same, through_kills
from tests.tiers import at_once
from tests.train import problems

TASK = problems.task_with_state()
# Another width is another program: units in the last place, grown over 20 steps.
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}


@record
class Weighted:
    """A loss with a number of its own, so that lanes share nothing of the task."""

    weight: float = hyper()

    def __call__(self, params, state, batch, key):
        value, rest = problems.loss_with_state(params, state, batch, key)
        return self.weight * value, rest


def weighted(weight):
    return Task(problems.init_with_state, Weighted(weight), problems.arrays(), 5, problems.evaluate_with_state)


def without_state():
    return problems.task(5)


KINDS = {
    "plain": (TASK, {}),
    "halving": (TASK, {"stop": halving(5)}),
    "population": (TASK, {"evolve": population(10)}),
    "numbers of the task": (weighted(uniform(0.5, 2.0)), {"lanes": 1}),
    "a choice of tasks": (choice({"with": TASK, "without": without_state()}), {}),
}


def sweep(task, **options):
    usual = {"num_trials": 4, "seeds": 2, "steps": 20, "eval_every": 5, "metric": "distance", "progress": False}
    return run(task, jgd.adam(loguniform(1e-3, 1.0)), **{**usual, **options})


@pytest.mark.parametrize("kind", at_once(["plain", "numbers of the task"], KINDS))
def test_a_lane_is_the_run_alone_and_kills_change_nothing(kind, tmp_path, monkeypatch, every_segment):
    task, options = kind
    result = sweep(task, **options)
    killed, kills = through_kills(monkeypatch, lambda: sweep(task, **options, dir=tmp_path), every=5)
    assert kills > 0
    assert_same(killed, result)
    trial = result.best()
    if "evolve" not in options:
        alone = fit(trial.task, trial.optimizer, steps=20, seed=1, eval_every=5)
        for name, curve in alone.evaluations.items():
            if name != "step":
                np.testing.assert_allclose(result.curves[name][trial.number, 1], curve, **CLOSE)
    again = replay(result, trial, seed=1)
    for name, curve in again.curves.items():
        np.testing.assert_allclose(curve, result.curves[name][trial.number, 1], **CLOSE)
    if trial.task.evaluate is TASK.evaluate:
        np.testing.assert_allclose(again.model_state["mean"].sum(), result.curves["mean"][trial.number, 1, -1], **CLOSE)
        assert int(again.model_state["batches"]) == 20


def test_lanes_do_not_share_it():
    def loss(params, state, batch):
        return (params - batch).mean() ** 2, (state + jnp.abs(params), None)

    def evaluate(params, state):
        return {"path": state}

    task = Task(lambda key: (jnp.zeros(()), jnp.zeros(())), loss, np.ones(4, np.float32), evaluate=evaluate)
    result = run(task, jgd.sgd(jgd.sweep.grid([0.1, 0.2])), steps=3, num_trials=2, sampler="grid", progress=False)
    for trial, rate in enumerate((0.1, 0.2)):
        params, path = 0.0, 0.0
        for _ in range(3):
            params, path = params - rate * 2 * (params - 1), path + params
        np.testing.assert_allclose(result.curves["path"][trial, :, -1], path, rtol=1e-6)
    assert jax.tree.leaves(replay(result).model_state)
