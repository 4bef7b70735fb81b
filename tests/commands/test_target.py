"""`jgd bench target` in this process: its contest, its files, its tables and its errors."""

import json
from typing import Any

import numpy as np
import pytest

from jgd.commands import main
from jgd.commands.bench.target.command import Line
from jgd.commands.bench.target.contest import Budget, costs, run_round, standings, time_steps
from jgd.commands.bench.target.goals import goals_of
from jgd.commands.race.optimizers import spaces
from jgd.core import InputError
from jgd.optimizers import sgd

SMALL = ["--studies", "3", "--trials", "2", "--steps", "12"]
TINY = ["bench", "target", *SMALL]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Return a contest of two optimizers for two goals, the second of which nobody can reach.

    Of one task, compiled once.
    """
    folder = tmp_path_factory.mktemp("target") / "out"
    tasks = "breast_cancer@accuracy>=0.7,breast_cancer@validation_loss<=1e-9"
    assert main([*TINY, "--tasks", tasks, "--optimizers", "adam,sgd=1e-9:1e-8", "--out", str(folder)]) == 0
    return folder


def test_the_document_holds_studies_costs_and_standings(played):
    document = json.loads((played / "results.json").read_text())
    easy, hopeless = document["tasks"]
    assert (easy["task"], easy["mode"], easy["target"], easy["steps"]) == ("breast_cancer", "max", 0.7, 12)
    assert document["budget"] == {"studies": 3, "trials": 2}
    assert np.shape(easy["studies"]["adam"]) == (3,)
    assert hopeless["studies"]["adam"] == [None, None, None]  # a miss is not a number
    first, second = document["standings"]["steps"]
    assert (first["solver"], first["score"], first["solved"]) == ("adam", 0.5, 0.5)
    assert (second["solver"], second["score"]) == ("sgd", 0.0)  # it does not move
    assert second["behind"] == 0.5
    in_all, lone = (document["costs"][x]["adam"][0] for x in ("time with compiling", "time"))
    assert lone == pytest.approx(easy["step_seconds"]["adam"] * document["costs"]["steps"]["adam"][0])
    assert in_all == pytest.approx(lone + easy["compile_seconds"]["adam"])


def test_the_report_is_one_page_that_loads_nothing(played):
    text = (played / "report.html").read_text()
    assert "http" not in text
    assert text.count("<svg role=") == 2  # a picture of profiles by steps, and one by time
    assert "<b>adam</b> needs fewest steps over 2 tasks" in text


@pytest.fixture(scope="module")
def contest():
    """Play two optimizers on one task; return the answer and the studies that were told of."""
    (goal,) = goals_of("breast_cancer@accuracy>=0.7", 12)
    told = []
    return run_round(goal, spaces("adam=1e-9:1e-1,sgd=1e-9:1e-1"), Budget(3, 4), told.append), told


def test_the_best_trial_of_each_study_counts(contest):
    one, _ = contest
    reached = np.array([sweep.steps_to_target()[:4, 0] for sweep in one.sweeps])  # adam's
    assert np.isfinite(reached).any()
    best = np.nan_to_num(reached, nan=np.inf).min(axis=1)
    np.testing.assert_array_equal(one.steps[0], best)
    assert costs([one], ["adam", "sgd"], "steps")["adam"] == [np.median(best)]
    assert {row.solver for row in standings([one], ["adam", "sgd"], "time")} == {"adam", "sgd"}


def test_studies_have_seeds_and_settings_of_their_own_and_optimizers_share_them(contest):
    one, told = contest
    assert [sweep.settings.seeds for sweep in one.sweeps] == [(0,), (1,), (2,)]
    rates = np.array([[trial.params["learning_rate"] for trial in sweep.trials] for sweep in one.sweeps])
    np.testing.assert_array_equal(rates[:, :4], rates[:, 4:])
    assert len(np.unique(rates)) == 12
    # One draw, more even than chance: a rate in each sixth of the range twice.
    assert np.histogram(np.log10(rates[:, :4]), 6, (-9, -1))[0].min() >= 1
    assert told == [0, 1, 2]


def test_the_time_that_is_left_goes_by_the_work_of_goals():
    goals = goals_of("breast_cancer,mnist5k", None)
    assert goals[1].work > 2 * goals[0].work
    line: Any
    with Line(goals, Budget(2, 2), show=False) as line:
        done = []
        line.update = lambda percent, note: done.append((percent, note))
        for number in range(2):
            line.begin(number, 0)
    assert done[0] == (0, "breast_cancer, study 1 of 2")
    assert 0 < done[1][0] < 50


def test_a_lone_step_takes_time():
    (goal,) = goals_of("diabetes", 12)
    seconds, compiling = time_steps(goal.task, [sgd(0.1)], 3, blocks=3, block_seconds=1e-3)
    assert seconds.shape == compiling.shape == (1,)
    assert 0 < seconds[0] < compiling[0]


OWN = """
import jax.numpy as jnp
from jgd.train import Task

def init(key):
    raise ValueError("no such thing")

stream = Task(lambda key: jnp.ones(2), lambda p, b: jnp.sum(p * b), lambda epoch: iter([jnp.ones(2)]))
broken = Task(init, lambda p, b: jnp.sum(p * b), jnp.ones((3, 2)))
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stream", "own.py:stream@loss<=1: its data come from a factory of iterators, but studies need arrays"),
        ("broken", r"Task\(init=init\): init\(key\) failed with ValueError: no such thing"),
    ],
)
def test_what_cannot_be_studied_is_said_before_anything_runs(name, said, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(InputError, match=said):
        goals_of(f"{tmp_path / 'own.py'}:{name}@loss<=1", None)


def test_one_task_with_two_targets_has_two_parts_of_the_line():
    goals = goals_of("diabetes,diabetes@loss<=60", None)
    line: Any
    with Line(goals, Budget(1, 1), show=False) as line:
        done = []
        line.update = lambda percent, note: done.append(percent)
        for number in range(2):
            line.begin(number, 0)
    assert done == [0, 50]


def test_goals():
    digits, own = goals_of("digits, jgd.tasks.suite.landscapes:saddle@excess<=1e-3", None)
    assert str(digits) == "accuracy >= 0.97"
    assert (own.metric, own.mode, own.target, own.steps) == ("excess", "min", 1e-3, 300)
    assert [goal.name for goal in goals_of("all", 5)][-1] == "text"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", ","], "there is no name in it"),
        (["--tasks", "digits,digits"], "a task stands in it twice"),
        (["--tasks", "digit"], "Did you mean digits"),
        (["--tasks", "digits@0.9"], "expected what is to be reached after the @, as digits@accuracy>=0.97"),
        (["--tasks", "digits@accuracy>=much"], "the target 'much' is not a finite number"),
        (["--tasks", "jgd.tasks.suite.landscapes:saddle"], "only built-in tasks have a target"),
        (["--tasks", "diabetes@rsme<=1"], "unknown name 'rsme'. Did you mean rmse"),
        (["--optimizers", "adamm"], "unknown name 'adamm'"),
        (["--studies", "0"], "--studies: '0' must be a whole number, at least 1"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*TINY, *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not any((tmp_path / "runs").glob("*"))


def test_a_goal_must_be_reachable_in_words():
    with pytest.raises(InputError, match="only built-in tasks have a target; say which"):
        goals_of("jgd.tasks.suite.landscapes:saddle", 5)
