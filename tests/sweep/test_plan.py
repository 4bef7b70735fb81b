"""Plans: which trials share a program."""

import jax
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, loguniform, normal, quantized, replay, run, uniform
from jgd.sweep.lanes.group import group
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.spaces.space import Origin
from tests.train import problems

TASK = problems.task(5)
RATE = loguniform(1e-3, 0.3)
SCHEDULES = choice({"flat": RATE, "cosine": jgd.cosine_decay_schedule(RATE, 12)})
OPTIMIZERS = choice({"adam": jgd.adam(SCHEDULES, b1=uniform(0.5, 0.9)), "sgd": jgd.sgd(SCHEDULES)})


def chosen(trial):
    return trial.params["optimizer"], trial.params["learning_rate"]


def test_a_program_for_each_structure_that_is_chosen():
    trials = Proposals(TASK, {"any": OPTIMIZERS}, "sobol", 0, None).ask(64)
    groups = group(trials)
    assert len(groups) == len({chosen(trial) for trial in trials}) == 4
    assert all(len({chosen(trial) for trial in one.trials}) == 1 for one in groups)
    assert sorted(trial.number for one in groups for trial in one.trials) == list(range(64))


def test_chosen_structures_train_in_one_sweep():
    result = run(TASK, OPTIMIZERS, num_trials=6, sampler="sobol", steps=12, eval_every=12, progress=False)
    assert result.programs == len({chosen(trial) for trial in result.trials}) == 4
    assert (result.status == "complete").all()
    alone = jgd.fit(TASK, result.best_optimizer(), steps=12, eval_every=12)
    # Another program may fuse a sum otherwise: units in the last place, grown over a dozen steps.
    assert float(alone.metrics["loss"].mean()) == pytest.approx(result.best_value, rel=1e-4)


def test_a_task_is_chosen_in_a_folder_too(tmp_path):
    tasks = choice({"five": TASK, "whole": problems.task(None)})
    options = {"num_trials": 4, "steps": 12, "eval_every": 12, "progress": False, "sampler": "sobol", "dir": tmp_path}
    result = run(tasks, jgd.sgd(RATE), **options)
    assert {trial.params["task"] for trial in result.trials} == {"five", "whole"}
    assert result.programs == 2
    assert run(tasks, jgd.sgd(RATE), **options).compilations == 0
    again = replay(tmp_path, 0, task=tasks, spaces=jgd.sgd(RATE))
    # Another program may fuse a sum otherwise: units in the last place, grown over a dozen steps.
    assert again.curves["loss"][-1] == pytest.approx(result.values[0, 0], rel=1e-4)


def test_leaves_come_column_by_column_as_each_trial_has_them():
    spaces = {"any": OPTIMIZERS, "whole": jgd.adam(quantized(uniform(0.1, 0.3), 0.1), b1=choice([0, 0.5]))}
    trials = Proposals(TASK, spaces, "random", 0, None, repeats=True).ask(40)
    for one in group(trials):
        leaves = [jax.tree.leaves(trial.problem) for trial in one.trials]
        columns = [column for column, varies in zip(zip(*leaves, strict=True), one.varying, strict=True) if varies]
        for column, row in zip(columns, one.rows(), strict=True):
            np.testing.assert_array_equal(row, np.array(column, np.float32))
        fixed = [x for x, varies in zip(zip(*leaves, strict=True), one.varying, strict=True) if not varies]
        assert all(a is b or a == b for column in fixed for a in column for b in column[:1])


def test_a_large_sweep_makes_few_of_its_trials(monkeypatch):
    made = []
    monkeypatch.setattr(Origin, "at", lambda self, units, real=Origin.at: made.append(1) or real(self, units))
    result = run(TASK, jgd.adam(RATE), num_trials=300, steps=2, progress=False)
    assert len(result.trials_rows()) == 300
    assert len(made) < 20


def test_a_number_that_a_draw_takes_out_of_its_range_is_an_error_at_once():
    with pytest.raises(InputError, match=r"optimizer\(b1=.*\): b1 must lie in \[0, 1\)"):
        run(TASK, jgd.adam(RATE, b1=normal(0.9, 0.05)), num_trials=300, steps=2, progress=False)
