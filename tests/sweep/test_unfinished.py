"""Trials that have not come to their end: those that wait, run, were pruned, or were interrupted."""

import numpy as np
import pytest

import jgd
from jgd.sweep import grid, halving, run
from jgd.sweep.report.page import sweep_report
from jgd.sweep.results.text import value_texts
from tests.train import problems

TASK = problems.task(5)
OPTIONS = {"seeds": 2, "steps": 40, "eval_every": 10, "sampler": "grid", "progress": False}


@pytest.fixture(scope="module")
def cut():
    spaces = {"sgd": jgd.sgd(grid([1e-3, 1e12, 0.1])), "adam": jgd.adam(grid([0.1]))}
    return run(TASK, spaces, metric="distance", max_seconds=1e-9, lanes=8, **OPTIONS)  # one segment of "sgd"


def test_they_are_ranked_by_how_far_they_came_and_then_by_what_they_had_reached(cut):
    assert (cut.status == "complete").sum() == 0
    latest, steps = cut.latest
    assert steps.tolist() == [10, 0, 10, 0]
    assert latest[2] == pytest.approx(np.median(cut.last("distance")[2]))
    assert np.isnan(latest[[1, 3]]).all()
    assert [trial.number for trial in cut.ranking()] == [2, 0, 1, 3]


def test_they_are_shown_with_what_they_had_reached(cut):
    text = f"{cut.latest[0][2]:.4g} at step 10"
    assert value_texts(cut, cut.trials)[1:] == ["-", text, "-"]
    first, second = repr(cut).splitlines()[-2:]
    assert first.split() == ["sgd", *text.split(), "-", "learning_rate=0.1"]
    assert second.split() == ["adam", "-", "-", "none:", "2", "pending"]
    page = sweep_report(cut)
    assert f"No trial has come to its end. Trial 2 is ahead: distance {text}." in page
    assert "Let the sweep run to its end." in page
    assert "Lower the learning rates" not in page


def test_complete_trials_come_before_pruned_ones_and_those_of_a_later_rung_before_earlier():
    rates = grid([1e-3, 2e-3, 0.05, 0.1, 0.08])
    found = run(TASK, jgd.sgd(rates), metric="distance", stop=halving(min_steps=10), **OPTIONS)
    ranked = [trial.number for trial in found.ranking()]
    whole = np.isfinite(found.medians[ranked])
    assert whole[0]
    assert not whole[-1]
    assert np.all(np.diff(whole.astype(int)) <= 0)
    assert np.all(np.diff(found.latest[1][ranked]) <= 0)
