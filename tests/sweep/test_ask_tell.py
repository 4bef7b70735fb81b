"""Proposals: trials of several spaces by number, conditions on them, and what samplers hear."""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, integer, loguniform, quantized, uniform
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.train import Task

TASK = Task(lambda key: jnp.zeros(2), lambda params, batch: jnp.sum((params - batch) ** 2), jnp.ones((4, 2)))
MOMENTA = jgd.adam(0.1, b1=uniform(0.5, 0.99), b2=uniform(0.5, 0.99))


def proposals(spaces, sampler: Any = "random", where=None):
    return Proposals(TASK, spaces, sampler, 0, where)


class Listening:
    """Proposes 0.0, 0.1, ... and keeps what it hears."""

    def __init__(self, size=1):
        self.size, self.asked, self.told = size, 0, {}

    def ask(self, count):
        self.asked += count
        return np.tile((np.arange(self.asked - count, self.asked) / 10 % 1)[:, None], self.size)

    def tell(self, ids, values):
        self.told.update(zip(ids, values, strict=True))


def test_trials_are_numbered_over_spaces_and_rounds():
    ask = proposals({"adam": jgd.adam(loguniform(1e-3, 1)), "fixed": jgd.sgd(0.1), "sgd": jgd.sgd(uniform(0, 1))}).ask
    assert [(t.number, t.space) for t in ask(2)] == [(0, "adam"), (1, "adam"), (2, "fixed"), (3, "sgd"), (4, "sgd")]
    assert [(t.number, t.space) for t in ask(1)] == [(5, "adam"), (6, "sgd")]


def test_a_sampler_hears_of_its_points_by_number():
    sampler = Listening()
    made = proposals({"sgd": jgd.sgd(uniform(0, 1))}, sampler)
    first, second = made.ask(2), made.ask(2)
    made.tell(second, [3.0, float("inf")])
    made.tell(first, [1.0, 2.0])
    assert sampler.told == {0: 1.0, 1: 2.0, 2: 3.0, 3: float("inf")}


def test_what_a_rule_has_ended_is_told_apart_to_samplers_that_know_of_it():
    class Pruning(Listening):
        def __init__(self):
            super().__init__()
            self.pruned = {}

        def tell_pruned(self, ids, values, steps):
            self.pruned.update(zip(ids, zip(values, steps, strict=True), strict=True))

    for sampler in (Pruning(), Listening()):
        made = proposals({"sgd": jgd.sgd(uniform(0, 1))}, sampler)
        made.tell(made.ask(3), [3.0, 1.0, float("inf")], [None, 20, None])
        made.tell(made.ask(1), [2.0], [10])
        if isinstance(sampler, Pruning):
            assert sampler.told == {0: 3.0, 2: float("inf")}
            assert sampler.pruned == {1: (1.0, 20), 3: (2.0, 10)}
        else:
            assert sampler.told == {0: 3.0, 1: float("inf"), 2: float("inf"), 3: float("inf")}


def test_a_condition_draws_again_and_the_sampler_hears_of_it():
    trials = proposals({"adam": MOMENTA}, where=lambda params: params["b1"] < params["b2"]).ask(20)
    assert len(trials) == 20
    assert all(trial.params["b1"] < trial.params["b2"] for trial in trials)
    sampler = Listening()
    made = proposals({"sgd": jgd.sgd(uniform(0, 1))}, sampler, where=lambda params: params["learning_rate"] > 0.25)
    trials = made.ask(2)
    made.tell(trials, [5.0, 6.0])
    assert [trial.params["learning_rate"] for trial in trials] == [pytest.approx(0.3), pytest.approx(0.4)]
    assert sampler.told == {0: np.inf, 1: np.inf, 2: np.inf, 3: 5.0, 4: 6.0}


def test_a_condition_thins_out_a_grid_and_spares_its_ends():
    space = jgd.adam(0.1, b1=grid([0.5, 0.7, 0.9]), b2=grid([0.6, 0.8]))
    trials = proposals({"adam": space}, "grid", lambda params: params["b1"] < params["b2"]).ask(6)
    assert [tuple(trial.params.values()) for trial in trials] == [(0.5, 0.6), (0.5, 0.8), (0.7, 0.8)]
    # b1 = 1.5 would be out of range, but the condition never lets it through.
    assert proposals({"adam": jgd.adam(0.1, b1=uniform(0, 1.5))}, where=lambda params: params["b1"] < 1).ask(4)


def test_a_bound_out_of_range_is_told_in_every_option():
    space = choice([jgd.sgd(0.1), jgd.adam(0.1, b1=uniform(0.5, 1.5))])
    with pytest.raises(InputError, match=r"any\(b1=1.0\): b1 must lie in \[0, 1\)"):
        proposals({"any": space})


def test_conditional_names_are_absent_from_params():
    space = choice({"sgd": jgd.sgd(uniform(0, 1)), "adam": MOMENTA})
    trials = proposals({"any": space}, where=lambda params: params.get("b1", 0.6) < 0.7).ask(30)
    assert {trial.params["optimizer"] for trial in trials} == {"sgd", "adam"}
    assert all(trial.params.get("b1", 0) < 0.7 for trial in trials)


class Answering:
    """A sampler that answers as a function of the count does."""

    def __init__(self, answer):
        self.ask = answer

    def tell(self, ids, values):
        pass


@pytest.mark.parametrize(
    ("space", "sampler", "where", "words"),
    [
        (MOMENTA, "random", lambda p: p["b3"] < 1, r"'adam' has no 'b3', only b1, b2; where a name may be absent"),
        (MOMENTA, "random", lambda p: False, r"it accepted 0 of 4000 points of 'adam', and 4 are needed"),
        (MOMENTA, "grid", lambda p: False, "it rejects every point of 'adam'; loosen the condition"),
        (jgd.sgd(0.1), "random", lambda p: False, "it rejects 'adam', which has no distributions; leave it out"),
        (MOMENTA, "random", lambda p: 3, r"run\(where=\): it returned 3 for {'b1': .*}, expected True or False"),
        (MOMENTA, "random", lambda p: None, r"run\(where=\): it returned None for"),
        (MOMENTA, "random", lambda p: np.ones(2, bool), r"run\(where=\): it returned bool\[2\] for"),
        (MOMENTA, Listening(3), None, r"ask\(4\) returned f\[4, 3\], expected f\[trials, 2\] with 1 to 4 rows"),
        (MOMENTA, Answering(lambda n: np.ones((n + 1, 2))), None, r"ask\(4\) returned f\[5, 2\]"),
        (MOMENTA, Answering(lambda n: np.full((n, 2), 1.5)), None, r"ask\(4\) returned float64\[4, 2\], .* 0 to 1"),
        (MOMENTA, Answering(lambda n: None), None, r"ask\(4\) returned None"),
        (MOMENTA, Answering(lambda n: [[0.1], [0.1, 0.2]]), None, r"ask\(4\) returned \[\[0.1\], "),
        (MOMENTA, Answering(lambda n: "points"), None, r"ask\(4\) returned 'points'"),
        (MOMENTA, lambda axes, seed: 3, None, r"sampler\(axes, seed\) returned 3, expected an object with ask"),
        (MOMENTA, lambda axes, seed: 1 / 0, None, r"sampler\(axes, seed\) failed with ZeroDivisionError"),
    ],
)
def test_bad_conditions_and_samplers_are_refused(space, sampler, where, words):
    with pytest.raises(InputError, match=words):
        proposals({"adam": space}, sampler, where).ask(4)


def test_one_sampler_object_serves_one_space():
    with pytest.raises(InputError, match="one sampler cannot serve 2 spaces; pass a function of"):
        proposals({"a": jgd.sgd(uniform(0, 1)), "b": jgd.adam(uniform(0, 1))}, Listening())


def test_a_long_list_is_tried_at_its_smallest_and_largest_only(monkeypatch):
    tried = []
    monkeypatch.setattr("jgd.sweep.samplers.ask_tell.check_extremes", tried.extend)
    proposals({"sgd": jgd.sgd(jnp.array([0.3, 0.1, 0.2, 0.5, 0.4]))}, "grid")
    assert [trial.params["learning_rate"] for trial in tried] == [pytest.approx(0.1), pytest.approx(0.5)]
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"b1=1.5"):
        proposals({"adam": jgd.adam(0.1, b1=jnp.array([0.5, 1.5, 0.9]))}, "grid")


def test_each_of_a_few_settings_is_one_trial():
    for sampler in ("random", "sobol", "tpe"):
        made = proposals({"adam": jgd.adam(0.1, b1=choice([0.5, 0.9]), b2=integer(0, 0))}, sampler)
        with pytest.warns(UserWarning, match="'adam' has only 2 settings, each of which is one trial"):
            trials = made.ask(24)
        assert sorted(trial.params["b1"] for trial in trials) == [0.5, 0.9]
        made.tell(trials, [1.0, 2.0])
        assert made.ask(5) == []  # and it warns once
    spaces = {"adam": jgd.adam(0.1, b1=choice([0.5, 0.9]))}
    assert len(Proposals(TASK, spaces, "random", 0, None, repeats=True).ask(24)) == 24
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nobody asked for so many
        assert len(Proposals(TASK, spaces, "random", 0, None, wanted=False).ask(24)) == 2


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_all_settings_of_a_discrete_space_are_tried_before_any_is_repeated(sampler):
    space = {"adam": jgd.adam(quantized(uniform(0.1, 0.5), 0.1), b1=choice([0.0, 0.5, 0.9, 0.99]))}
    rounds = []
    for _ in range(2):
        made, found = proposals(space, sampler), []
        for _ in range(5):
            trials = made.ask(4)
            made.tell(trials, [trial.params["b1"] + trial.params["learning_rate"] for trial in trials])
            found += [tuple(trial.params.values()) for trial in trials]
        rounds.append(found)
    assert len(set(rounds[0])) == len(rounds[0]) == 20
    assert rounds[0] == rounds[1]


def test_a_sampler_hears_of_a_setting_as_often_as_it_proposes_it():
    class Stubborn(Listening):
        def ask(self, count):
            self.asked += count
            return np.full((count, 1), 0.1 if self.asked < 5 else 0.9)

    sampler = Stubborn()
    made = proposals({"adam": jgd.adam(0.1, b1=choice([0.2, 0.5, 0.9]))}, sampler)
    trials = made.ask(2)
    assert [trial.params["b1"] for trial in trials] == [0.2, 0.9]
    made.tell(trials, [1.0, 2.0])
    # The points 0, 1 and others until one is new, all of the same two settings.
    assert set(sampler.told) == set(range(sampler.asked))
    assert sampler.told[0] == sampler.told[1] == 1.0
    # What it never proposes is drawn at random; it does not hear of that.
    last = made.ask(1)
    assert [trial.params["b1"] for trial in last] == [0.5]
    heard = dict(sampler.told)
    made.tell(last, [0.5])
    assert sampler.told == heard


def test_a_number_listed_twice_is_one_trial_of_a_grid_and_said():
    made = proposals({"sgd": jgd.sgd(grid([0.1, 0.1, 0.2]))}, "grid")
    with pytest.warns(UserWarning, match="'sgd' has only 2 settings"):
        assert len(made.ask(3)) == 2
    assert len(proposals({"sgd": jgd.sgd(grid([0.1, 0.2]))}, "grid").ask(3)) == 2  # smaller by design
