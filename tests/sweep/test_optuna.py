"""Optuna's samplers as samplers, and sweeps as Optuna's studies."""

import dataclasses
from typing import Any

import numpy as np
import optuna
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, halving, integer, loguniform, normal, quantized, run, uniform
from jgd.sweep.samplers.optuna import from_optuna
from jgd.sweep.spaces.space import Axis
from tests.train import problems

PARTS = [
    Axis("part", choice({"a": None, "b": None}), ("part",)),
    Axis("a", uniform(0, 1), ("a",), (((0, 0),),)),
    Axis("b", loguniform(1, 10), ("b",), (((0, 1),),)),
    Axis("n", grid([1, 2, 3]), ("n",)),
]
TASK = problems.task(5)


def test_a_sampler_of_optuna_learns_from_what_it_is_told():
    sampler = from_optuna(optuna.samplers.TPESampler(seed=0, n_startup_trials=8))(PARTS, 0)
    for i in range(5):
        points = sampler.ask(8)
        assert points.shape == (8, 4)
        assert ((points >= 0) & (points <= 1)).all()
        losses = [np.inf if x[3] > 0.67 else abs(x[1] - 0.3) if x[0] < 0.5 else 2 for x in points]
        sampler.tell(range(8 * i, 8 * i + 8), losses)
    points = sampler.ask(20)
    assert (points[:, 0] < 0.5).mean() > 0.7  # by chance a half
    assert (points[points[:, 0] < 0.5, 2] == 0.5).all()  # what the choice leaves out is not asked for


def test_what_a_rule_has_ended_is_pruned_with_what_it_had_reached():
    class Spy(optuna.samplers.RandomSampler):
        seen = ()

        def after_trial(self, study, trial, state, values):
            Spy.seen = *Spy.seen, (state.name, trial.intermediate_values)

    sampler: Any = from_optuna(Spy(seed=0))(PARTS, 0)
    sampler.ask(3)
    sampler.tell([0, 1], [1.0, np.inf])
    sampler.tell_pruned([2], [3.0], [40])
    assert Spy.seen == (("COMPLETE", {}), ("PRUNED", {}), ("PRUNED", {40: 3.0}))


def test_it_repeats_by_its_own_seed_and_serves_many_spaces():
    make = from_optuna(optuna.samplers.RandomSampler(seed=4))
    np.testing.assert_array_equal(make(PARTS, 0).ask(6), make(PARTS, 1).ask(6))
    spaces = {"sgd": jgd.sgd(loguniform(1e-3, 0.1)), "adam": jgd.adam(loguniform(1e-3, 0.1))}
    result = run(TASK, spaces, num_trials=3, steps=2, sampler=make, progress=False)
    assert len(result.trials) == 6
    with pytest.raises(InputError, match=r"from_optuna\(sampler='tpe'\): sampler must be one of Optuna's samplers"):
        from_optuna("tpe")


def study_of(space, **options):
    result = run(
        TASK, space, num_trials=6, steps=4, eval_every=2, seeds=2, metric="distance", progress=False, **options
    )
    return result, result.to_optuna()


def test_a_sweep_becomes_a_study():
    space = choice({"adam": jgd.adam(loguniform(1e-3, 1), b1=normal(0.5, 0.05)), "sgd": jgd.sgd(grid([1e-4, 1e12]))})
    result, study = study_of(space, sampler="sobol")
    assert [t.params for t in study.trials] == [trial.params for trial in result.trials]
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert study.best_trial.number == result.best_trial.number
    assert study.best_value == pytest.approx(result.best_value)
    lost = (result.status == "diverged").any(axis=1)
    assert [t.state.name == "FAIL" for t in study.trials] == lost.tolist()
    assert lost.any()
    one = study.best_trial
    assert one.intermediate_values == {
        step: pytest.approx(float(np.median(result.curves["distance"][one.number, :, i])))
        for i, step in enumerate((2, 4))
    }
    assert one.user_attrs["distance, seed 1"] == result.values[one.number, 1]
    assert one.user_attrs["status, seed 0"] == "complete"


def test_what_a_rule_ended_is_pruned_there_too():
    result, study = study_of(jgd.sgd(loguniform(1e-4, 1e-2)), stop=halving(2))
    pruned = (result.status == "pruned").any(axis=1)
    assert [t.state.name == "PRUNED" for t in study.trials] == pruned.tolist()
    assert pruned.sum() == 3
    assert all(list(t.intermediate_values) == [2] for t in study.trials if t.state.name == "PRUNED")


def test_a_trial_whose_metric_is_not_finite_has_failed_there():
    result, _ = study_of(jgd.sgd(loguniform(1e-4, 1e-2)))
    lost = dataclasses.replace(result, curves={"distance": result.curves["distance"].copy()})
    lost.curves["distance"][0, 0, -1] = np.nan  # of one seed of two: as in the ranking it counts as worst
    states = [t.state.name for t in lost.to_optuna().trials]
    assert states == ["FAIL"] + ["COMPLETE"] * 5


def test_every_distribution_has_a_counterpart():
    of = optuna.distributions
    space = jgd.adam(
        quantized(uniform(0.1, 0.52), 0.1),
        b1=quantized(loguniform(0.01, 0.5), 0.01),
        b2=integer(0, 0),
        eps=quantized(integer(1, 9), 4),
    )
    _, study = study_of(space, mode="max")
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.trials[0].distributions == {
        "learning_rate": of.FloatDistribution(0.1, 0.5, step=0.1),
        "b1": of.FloatDistribution(0.01, 0.5, log=True),
        "b2": of.IntDistribution(0, 0),
        "eps": of.IntDistribution(4, 8, step=4),
    }


def test_a_study_can_go_into_a_file(tmp_path):
    result, _ = study_of(jgd.sgd(loguniform(1e-3, 0.1)))
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    result.to_optuna(storage, "digits")
    again = optuna.load_study(study_name="digits", storage=storage)
    assert len(again.trials) == 6
    assert again.best_value == pytest.approx(result.best_value)
