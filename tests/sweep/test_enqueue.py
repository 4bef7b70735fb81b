"""Known settings that a sweep begins with."""

from typing import Any

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, from_optuna, integer, load, loguniform, quantized, resume, run, uniform
from tests.train import problems

TASK = problems.task(5)
SPACE = jgd.adam(loguniform(1e-3, 1.0), b1=choice([0.8, 0.9]))
KNOWN = [{"learning_rate": 0.05, "b1": 0.9}, {"learning_rate": 1e-3, "b1": 0.8}]


def sweep(folder=None, spaces: Any = SPACE, **options):
    return run(
        TASK, spaces, **{"num_trials": 4, "steps": 4, "progress": False, "dir": folder, "enqueue": KNOWN} | options
    )


def close(params, known):
    assert params.keys() == known.keys()
    for name, value in known.items():
        assert params[name] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_known_settings_are_the_first_trials_and_the_others_are_as_without(tmp_path, sampler):
    result = sweep(tmp_path, sampler=sampler)
    for trial, known in zip(result.trials, KNOWN, strict=False):
        close(trial.params, known)
    fresh = sweep(enqueue=None, sampler=sampler, num_trials=2)
    assert [trial.units for trial in result.trials[2:]] == [trial.units for trial in fresh.trials]
    assert [trial.params for trial in load(tmp_path).trials] == [trial.params for trial in result.trials]
    assert resume(tmp_path, TASK, SPACE, progress=False).run_seconds == 0
    with pytest.raises(InputError, match="enqueue is"):
        sweep(tmp_path, sampler=sampler, enqueue=None)


def test_samplers_that_learn_hear_of_them():
    def train(hp, key):
        return {"loss": (hp["x"] - 0.3) ** 2}

    def found(**options):
        return run(train, {"x": uniform(0.0, 1.0)}, num_trials=14, progress=False, seed=3, **options)

    optuna = pytest.importorskip("optuna")
    enqueue = [{"x": 0.3 + i * 1e-3} for i in range(4)]
    for sampler in ("tpe", from_optuna(optuna.samplers.RandomSampler(seed=0))):
        result = found(sampler=sampler, enqueue=enqueue)
        assert result.best_params["x"] == pytest.approx(0.3)
        assert len(result.trials) == 14


def test_every_kind_of_distribution_takes_its_values():
    space = {
        "i": integer(1, 9),
        "q": quantized(uniform(0.0, 1.0), 0.05),
        "c": choice([None, True, "a"]),
        "u": uniform(-1, 1),
    }
    known = {"i": 7, "q": 0.15, "c": True, "u": -0.25}
    result = run(lambda hp, key: {"loss": hp["u"]}, space, num_trials=1, enqueue=[known], progress=False)
    assert result.trials[0].params["c"] is True
    close(result.trials[0].params, known)


def test_several_spaces_have_lists_of_their_own():
    spaces = {"adam": SPACE, "sgd": jgd.sgd(loguniform(1e-3, 0.1))}
    result = sweep(spaces=spaces, enqueue={"sgd": [{"learning_rate": 0.01}]}, num_trials=2)
    close(result.trials[2].params, {"learning_rate": 0.01})
    with pytest.raises(InputError, match="there are 2 spaces; pass a dict"):
        sweep(spaces=spaces)


@pytest.mark.parametrize(
    ("enqueue", "words"),
    [
        ([{"learning_rate": 2.0, "b1": 0.9}], r"learning_rate=2.0 is no value of loguniform\(0.001, 1\)"),
        ([{"learning_rate": 0.1, "b1": 0.85}], r"b1=0.85 is no value of choice"),
        ([{"learning_rate": "0.1", "b1": 0.9}], r"learning_rate='0.1' is no value"),
        ([{"learning_rate": float("nan"), "b1": 0.9}], "is no value"),
        ([{"learning_rate": 0.1}], "has no 'b1'; pass just what trial.params would hold"),
        ([{"learning_rat": 0.1, "b1": 0.9}], "unknown name 'learning_rat'. Did you mean learning_rate"),
        ([3], "expected a list of settings"),
        ({"sgd": []}, "unknown name 'sgd'"),
    ],
)
def test_other_settings_are_refused(enqueue, words):
    with pytest.raises(InputError, match=words):
        sweep(enqueue=enqueue)


def test_more_than_a_round_takes_goes_into_the_next(tmp_path):
    many = [{"learning_rate": x, "b1": 0.9} for x in np.geomspace(0.01, 0.1, 3).tolist()]
    result = sweep(tmp_path, sampler="tpe", rounds=2, enqueue=many)
    assert [trial.params["learning_rate"] for trial in result.trials[:3]] == pytest.approx(
        [x["learning_rate"] for x in many]
    )
