"""Stored sweeps that are loaded, with the task and without it, and parts that are merged into the whole."""

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, load, loguniform, merge, replay
from tests.sweep.killing import assert_same
from tests.sweep.stored import SPACES, TASK, sweep

pytestmark = pytest.mark.usefixtures("compile_once")


def test_load_needs_neither_task_nor_spaces(tmp_path, whole):
    sweep(tmp_path)
    loaded = load(tmp_path)
    assert_same(loaded, whole)
    assert loaded.settings.target == 1.0
    assert loaded.best_params == whole.best_params
    assert loaded.at_boundary() == whole.at_boundary()
    assert repr(loaded).splitlines()[1:] == repr(whole).splitlines()[1:]
    # The time that the chunks took is known, that of compiling was the other process's.
    assert loaded.trials_dataframe().equals(whole.trials_dataframe())
    assert [report[:3] for report in loaded.groups] == [report[:3] for report in whole.groups]
    with pytest.raises(InputError, match=r"load it with the task and the spaces"):
        loaded.best_optimizer()
    with pytest.raises(InputError, match=r"pass task and spaces too"):
        replay(tmp_path, 1)


def test_load_with_task_and_spaces_is_whole(tmp_path, whole):
    sweep(tmp_path)
    loaded = load(tmp_path, TASK, SPACES)
    best = whole.best_optimizer()
    assert jgd.hyperparams(loaded.best_optimizer()) == jgd.hyperparams(best)
    again = replay(tmp_path, 1, 1, task=TASK, spaces=SPACES)
    np.testing.assert_array_equal(again.losses, replay(whole, 1, 1).losses)
    with pytest.raises(InputError, match=r"pass both task and spaces"):
        load(tmp_path, TASK)
    with pytest.raises(InputError, match=r"has no 'adam', only optimizer"):
        load(tmp_path, TASK, jgd.sgd(0.1))
    with pytest.raises(InputError, match=r"adam.learning_rate is loguniform\(0.001, 1\) there and .*0.0001, 1\) here"):
        load(tmp_path, TASK, {**SPACES, "adam": jgd.adam(loguniform(1e-4, 1.0))})
    with pytest.raises(InputError, match=r"there is no sweep.json"):
        load(tmp_path / "nothing")


def test_a_choice_of_parts_is_loaded_as_text(tmp_path):
    rates = choice([jgd.constant_schedule(0.1), jgd.cosine_decay_schedule(0.1, 20)])
    stored = sweep(tmp_path, spaces=jgd.sgd(rates), sampler="grid", num_trials=2)
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.values, stored.values)
    assert "osine" in str(loaded.trials[1].params)


def test_merged_parts_are_the_whole(tmp_path, whole):
    sweep(tmp_path / "a", seeds=[0])
    sweep(tmp_path / "b", seeds=[1])
    parts = merge([tmp_path / "a", tmp_path / "b"])
    assert parts.settings.seeds == (0, 1)
    for name, curve in whole.curves.items():
        # The other seed's lanes are no longer in the program.
        np.testing.assert_allclose(parts.curves[name], curve, rtol=1e-4, atol=1e-6)
    assert parts.lane_steps == whole.lane_steps
    assert not parts.interrupted
    other = sweep(seeds=[0], sampler="random")
    more = merge([parts, whole, other])
    assert len(more.trials) > len(whole.trials)
    assert (more.status == "pending").any()
    assert jgd.hyperparams(more.best_optimizer()) == jgd.hyperparams(whole.best_optimizer())
    with pytest.raises(InputError, match=r"merge: the sweeps differ in steps \(10 and 20\)"):
        merge([parts, sweep(steps=10)])
    with pytest.raises(InputError, match="parts must be a list of results of sweeps, or of their folders"):
        merge([])
