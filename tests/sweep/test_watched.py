"""Rates, norms and hyperparameters of each step as curves of every lane."""

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, halving, load, loguniform, merge, population, replay, resume, run
from tests.refusal import refused
from tests.sweep.killing import assert_same, through_kills
from tests.train import problems

TASK = problems.task(5)
NAMES = ("learning_rate", "gradient_norm", "update_norm", "params_norm", "b1")
RATE = jgd.linear_schedule(loguniform(0.01, 0.1), 0.05, 12)
SPACES = {"adam": jgd.adam(RATE, b1=grid([0.8, 0.9])), "sgd": jgd.sgd(RATE)}


def sweep(folder=None, spaces=SPACES, metrics=NAMES, **options):
    usual = {"num_trials": 4, "seeds": 2, "steps": 12, "eval_every": 4, "progress": False, "lanes": 3}
    return run(TASK, spaces, metrics=metrics, dir=folder, **{**usual, **options})


@pytest.fixture(scope="module")
def result():
    return sweep()


def test_each_lane_has_the_curves_of_its_fit(result):
    assert {"loss", "largest", "distance", *NAMES} == set(result.curves)
    for trial in (result.trials[1], result.trials[6]):
        known = NAMES if trial.space == "adam" else NAMES[:-1]
        alone = jgd.fit(TASK, trial.optimizer, steps=12, seed=1, metrics=known, progress=False).metrics
        again = replay(result, trial, 1).curves
        for name in known:
            # Another program, and the mean of four.
            np.testing.assert_allclose(result.curves[name][trial.number, 1], alone[name].reshape(3, 4).mean(1), 1e-5)
            np.testing.assert_allclose(result.curves[name][trial.number, 1], again[name], 1e-5)
        assert known == NAMES or np.isnan(result.curves["b1"][trial.number]).all()
    row = result.trials_rows()[0]
    assert row["gradient_norm"] == result.curves["gradient_norm"][0, 0, -1]
    assert {"params_b1", "b1"} <= set(row)  # what was swept, beside what was in effect


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stop": halving(4), "spaces": SPACES["adam"]},
        {"evolve": population(4), "spaces": jgd.adam(loguniform(0.01, 0.1))},
        {"sampler": "tpe", "rounds": 4, "spaces": choice([*SPACES.values()])},
    ],
    ids=["plain", "halving", "population", "choice"],
)
def test_kills_change_nothing(tmp_path, monkeypatch, every_segment, options):
    expected = sweep(**options)
    found, kills = through_kills(monkeypatch, lambda: sweep(tmp_path, **options), every=5)
    assert kills
    assert_same(found, expected)
    assert_same(load(tmp_path), expected)
    assert load(tmp_path).settings.watched == NAMES


def test_what_is_watched_belongs_to_the_study(tmp_path, result):
    plain = sweep(metrics=())
    assert not {*NAMES} & set(plain.curves)
    sweep(tmp_path / "all")
    assert_same(resume(tmp_path / "all", TASK, SPACES, lanes=3), result)
    with pytest.raises(InputError, match=r"metrics is \('learning_rate', .* there and absent here"):
        sweep(tmp_path / "all", metrics=())
    ranked = sweep(tmp_path / "one", metrics=["update_norm"], metric="update_norm", spaces=SPACES["sgd"])
    assert ranked.best().number == np.argmin(np.median(ranked.curves["update_norm"][..., -1], axis=1))
    assert merge([plain, result]).settings.watched == NAMES
    sweep(tmp_path / "none", metrics=(), num_trials=1)
    assert "metrics" not in (load(tmp_path / "none").asked or {})  # a folder of an earlier version has no such text


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (("learning_rat",), "run(metrics): unknown name 'learning_rat'. Did you mean learning_rate"),
        (("eps",), "run(metrics): unknown name 'eps'"),
        ("learning_rate", "run(metrics='learning_rate'): metrics must be"),
        (3, "run(metrics=3): metrics must be"),
        (("loss",), "run(metrics='loss'): the task records a curve of this name"),
        (("distance",), "run(metrics='distance'): the task records a curve of this name"),
    ],
)
def test_what_cannot_be_watched_is_one_sentence(metrics, words):
    refused(lambda: sweep(spaces=jgd.sgd(0.1), metrics=metrics), words)


def test_a_name_that_only_an_option_has_which_nobody_chose_is_known():
    rates = jgd.constant_schedule(0.1)
    either = choice([jgd.sgd(rates), jgd.adam(rates)])
    numbers = {
        sweep(spaces=either, num_trials=1, seed=seed, metrics=("b2",)).best_params["optimizer"] for seed in (0, 3)
    }
    assert len(numbers) == 2


def test_functions_own_their_loop():
    with pytest.raises(InputError, match=r"run\(metrics=\('gradient_norm',\)\): train\(hp, key\) owns its loop"):
        run(lambda hp, key: hp["rate"], {"rate": loguniform(0.1, 1.0)}, metrics=("gradient_norm",), progress=False)
