"""The page of a sweep: whole for every kind of result, with the answer, what it rests on, and every trial."""

import dataclasses
import re

import numpy as np
import pytest

import jgd
from jgd.sweep import choice, halving, load, loguniform, merge, run, uniform
from jgd.sweep.report.page import Provenance, sweep_report
from tests.pages.reader import whole_page
from tests.train import problems

TASK = problems.task(5)


def sweep(spaces, **options):
    options = {"num_trials": 8, "seeds": 2, "steps": 40, "eval_every": 10, "metric": "distance", **options}
    return run(TASK, spaces, progress=False, **options)


@pytest.fixture(scope="module")
def result():
    both = {
        "calm": jgd.adam(choice({"flat": loguniform(1e-3, 1.0), "cosine": jgd.linear_schedule(0.1, 0.05, 40)})),
        "wi<l>d": jgd.heavy_ball(loguniform(1e-3, 1e6), momentum=uniform(0.1, 0.9)),
    }
    return sweep(both, stop=halving(10), target=1.0)


def texts(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style|svg).*?</\1>", "", page, flags=re.S)))


def test_it_answers_first(result, tmp_path):
    result.report(tmp_path / "sweep.html", "A <study>")
    page = (tmp_path / "sweep.html").read_text()
    whole_page(page)
    said = texts(page)
    best = result.best()
    assert "A &lt;study&gt;" in said
    assert f"Best is trial {best.number} of" in said
    assert said.index("Best is trial") < said.index("How sure is it?") < said.index("Trials") < said.index("Programs")
    assert f"jgd.sweep.replay(result, trial={best.number}, seed=0)" in said
    assert "wi&lt;l&gt;d" in said
    assert "wi<l>d" not in page


def test_every_trial_is_in_the_table_with_its_status(result, tmp_path):
    result.report(tmp_path / "sweep.html")
    page = (tmp_path / "sweep.html").read_text()
    trials = page[page.index("<h2>Trials</h2>") : page.index("<h2>Programs</h2>")]
    assert trials.count("<tr") == 1 + 16
    for status in np.unique(result.status):
        assert status in trials


@pytest.mark.parametrize(
    ("space", "options", "words"),
    [
        (jgd.sgd(loguniform(1e10, 1e12)), {}, "No trial has a finite median of distance"),
        (jgd.sgd(0.1), {"num_trials": 1, "seeds": 1}, "There is one seed"),
        (jgd.sgd(loguniform(1e-7, 1e-6)), {"sampler": "grid"}, "learning_rate at the high end"),
        (jgd.sgd(loguniform(1e-3, 0.3)), {"num_trials": 3}, "too few to tell whether more would help"),
    ],
    ids=["lost", "one", "edge", "few"],
)
def test_it_says_what_the_answer_is_worth(space, options, words):
    page = sweep_report(sweep(space, **options))
    whole_page(page)
    assert words in texts(page)


def test_the_second_half_of_the_trials_is_weighed():
    result = sweep(jgd.sgd(loguniform(1e-3, 0.3)), num_trials=6, seeds=1)
    # Of 3 of the 6, the best is drawn every other time, and the second best or better 4 times in 5.
    result.curves["distance"][..., -1] = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.5])[:, None]
    assert "would three times in four have reached 1 at best, not 0.5: more" in texts(sweep_report(result))
    result.curves["distance"][..., -1] = 0.5
    assert "as good as the best: more are unlikely to help" in texts(sweep_report(result))
    assert "Ran with python 3." in texts(sweep_report(result, provenance=Provenance({"python": "3"}, ["again"])))


def test_a_sampler_that_learns_is_not_read_as_random_search(tmp_path):
    space = jgd.sgd(loguniform(1e-3, 0.3))
    learned = sweep(space, num_trials=6, seeds=1, sampler="tpe", rounds=2, dir=tmp_path / "study")
    for result in (learned, load(tmp_path / "study"), merge([learned])):
        page = sweep_report(result)
        assert "Half as many" not in page
        assert "random" not in texts(page)
        assert "in the order in which they were proposed" in texts(page)
    assert "Half as many" in sweep_report(sweep(space, num_trials=6, seeds=1, sampler="tpe", rounds=1))


def test_an_interrupted_sweep_says_so(result):
    cut = dataclasses.replace(result, interrupted=True)
    assert "The sweep was interrupted" in texts(sweep_report(cut))


def test_captions_speak_of_what_is_there_and_many_seeds_take_one_cell():
    page = texts(sweep_report(sweep(jgd.sgd(loguniform(1e-3, 0.3)), seeds=1)))
    assert "dashed" not in page
    assert "each seed" not in page
    many = sweep(jgd.sgd(loguniform(1e-3, 0.3)), seeds=7, num_trials=2, target=1.0)
    page = texts(sweep_report(many))
    assert "The dashed line is the target" in page
    assert "range of seeds" in page
    assert "98% interval over 7 seeds" in page or "98% over 7 seeds" in page
