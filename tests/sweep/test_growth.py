"""More of the same in a folder: trials, seeds and steps beside those that are there, which stay as they are."""

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import halving, load, loguniform, population, run
from tests.sweep.killing import through_kills
from tests.train import problems

TASK = problems.task(5)
SPACES = {"adam": jgd.adam(loguniform(1e-3, 1.0)), "sgd": jgd.sgd(loguniform(1e-3, 0.1))}


def sweep(folder=None, spaces=SPACES, **options):
    usual = {"num_trials": 4, "seeds": 2, "steps": 10, "eval_every": 5, "progress": False}
    return run(TASK, spaces, dir=folder, **usual | options)


def by_setting(result):
    """Curves by space, setting and seed."""
    return {
        (trial.space, repr(trial.params), seed): result.curves["loss"][trial.number, i].tolist()
        for trial in result.trials
        for i, seed in enumerate(result.settings.seeds)
    }


@pytest.mark.parametrize("sampler", ["random", "sobol", "halton"])
def test_more_trials_are_those_of_a_fresh_sweep_and_the_old_ones_stay(tmp_path, sampler):
    first = sweep(tmp_path, sampler=sampler)
    before = {path.name: path.read_bytes() for path in (tmp_path / "chunks").iterdir()}
    more = sweep(tmp_path, sampler=sampler, num_trials=7)
    assert before.items() <= {path.name: path.read_bytes() for path in (tmp_path / "chunks").iterdir()}.items()
    np.testing.assert_array_equal(more.curves["loss"][: len(first.trials)], first.curves["loss"])
    assert by_setting(more) == by_setting(sweep(sampler=sampler, num_trials=7))
    again = sweep(tmp_path, sampler=sampler, num_trials=7)
    assert again.run_seconds == 0
    assert "14 trials x 2 seeds" in repr(load(tmp_path))
    assert not load(tmp_path).interrupted


def test_more_of_a_sampler_that_learns_goes_on_learning(tmp_path):
    options = {"sampler": "tpe", "rounds": 4, "spaces": SPACES["adam"], "seeds": 1}
    first = sweep(tmp_path, num_trials=12, **options)
    more = sweep(tmp_path, num_trials=16, **options)
    assert [x.units for x in more.trials[:12]] == [x.units for x in first.trials]
    np.testing.assert_array_equal(more.curves["loss"][:12], first.curves["loss"])
    # One by one, each having heard of all before it: not what a sampler draws that has heard of nothing.
    fresh = sweep(num_trials=16, **options | {"rounds": 1})
    assert more.trials[12].units != fresh.trials[12].units
    assert len(more.trials) == 16
    assert not load(tmp_path).interrupted


def test_more_trials_survive_kills(tmp_path, monkeypatch, every_segment):
    sweep(tmp_path)
    result, kills = through_kills(monkeypatch, lambda: sweep(tmp_path, num_trials=6), every=4)
    assert kills > 1
    assert by_setting(result) == by_setting(sweep(num_trials=6))


def test_more_seeds_leave_the_old_lanes(tmp_path):
    first = sweep(tmp_path)
    more = sweep(tmp_path, seeds=3)
    np.testing.assert_array_equal(more.curves["loss"][:, :2], first.curves["loss"])
    np.testing.assert_allclose(more.curves["loss"], sweep(seeds=3).curves["loss"], rtol=1e-5)  # another program
    assert load(tmp_path).settings.seeds == (0, 1, 2)


def test_more_steps_train_on_to_the_bits_of_a_longer_sweep(tmp_path, monkeypatch, every_segment):
    sweep(tmp_path, eval_every=5)
    longer = sweep(steps=20)
    result, kills = through_kills(monkeypatch, lambda: sweep(tmp_path, steps=20, eval_every=None), every=3)
    assert kills
    assert by_setting(result) == by_setting(longer)
    assert load(tmp_path).settings.steps == 20


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({}, {"seeds": [1, 0]}, r"seeds are \(0, 1\) there and \(1, 0\) here; pass those and more behind them"),
        ({}, {"num_trials": 3}, "num_trials is 4 there and 3 here; pass num_trials=4 or more, or name another dir"),
        ({}, {"steps": 5}, "steps are 10 there and 5 here"),
        ({}, {"seed": 1}, "seed is 0 there and 1 here.*jgd.sweep.merge makes one result of both"),
        ({"stop": halving(5)}, {"seeds": 3, "stop": halving(5)}, "other seeds would change what rules .* have decided"),
        ({"evolve": population(5)}, {"num_trials": 8, "evolve": population(5)}, "a population cannot be joined later"),
    ],
)
def test_what_would_change_what_is_there_is_refused_with_what_works(tmp_path, before, now, words):
    sweep(tmp_path, spaces=SPACES["adam"], num_trials=4, **before)
    with pytest.raises(InputError, match=words):
        sweep(tmp_path, spaces=SPACES["adam"], **{"num_trials": 4} | now)
