"""Lanes that diverge: they hurt no other, end at a known step, and cost nothing more."""

import numpy as np
import pytest

import jgd
from jgd.sweep import grid, replay, run
from jgd.train import Task
from tests.train import problems


def sweep(spaces, task=None, **options):
    usual = {"num_trials": 4, "seeds": 1, "steps": 40, "eval_every": 4, "sampler": "grid", "progress": False}
    return run(task or problems.task(5), spaces, **{**usual, **options})


@pytest.mark.parametrize("lanes", [1, 4])
def test_a_diverged_lane_leaves_the_others_bitwise_unchanged(lanes):
    rates = [0.01, 1e12, 0.03, 0.1]
    calm = [0.01, 0.02, 0.03, 0.1]
    wild, tame = (sweep(jgd.sgd(grid(r)), lanes=lanes) for r in (rates, calm))
    assert wild.status[:, 0].tolist() == ["complete", "diverged", "complete", "complete"]
    for name in wild.curves:
        np.testing.assert_array_equal(np.delete(wild.curves[name], 1, 0), np.delete(tame.curves[name], 1, 0))


def test_divergence_is_recorded_at_its_step_whatever_the_segments():
    space = jgd.sgd(grid([0.1, 1e5, 1e12]))
    found = {}
    for every in (3, 40):
        result = sweep(space, num_trials=3, eval_every=every)
        found[every] = result.diverged_at[:, 0].tolist()
    alone = replay(result, 2, 0).losses
    assert found[3] == found[40]
    assert found[3][0] == -1
    assert found[3][2] == np.argmin(np.isfinite(alone)) < found[3][1]
    assert np.isnan(result.curves["loss"][2]).all()
    assert np.isnan(result.values[2, 0])
    assert [trial.number for trial in result.ranking()] == [0, 1, 2]
    assert result.lane_steps == 3 * 40  # the whole segment ran


def test_a_dead_lane_takes_no_more_steps():
    result = sweep(jgd.sgd(grid([0.1, 1e12])), num_trials=2, eval_every=8)
    assert result.lane_steps == 40 + 8


def test_a_lane_that_recovers_has_not_diverged():
    data = {name: x.copy() for name, x in problems.arrays().items()}
    data["x"][3] = 1e30  # overflows in float32 when squared
    task = Task(problems.init, problems.loss, data, 5)
    spaces = {"plain": jgd.sgd(0.05), "guarded": jgd.apply_if_finite(jgd.sgd(0.05), 100)}
    result = sweep(spaces, task, steps=20, eval_every=10)
    assert result.status[:, 0].tolist() == ["diverged", "complete"]
    assert np.isfinite(result.values[1, 0])
