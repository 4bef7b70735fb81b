"""`jgd bench target` in this process: its contest, its files, its tables and its errors."""

import json

import numpy as np
import pytest

from jgd.commands import main
from jgd.commands.racers import spaces
from jgd.commands.target.contest import Budget, costs, play, standings, time_steps
from jgd.commands.target.goals import goals_of
from jgd.core import InputError
from jgd.optimizers import sgd

SMALL = ["--studies", "2", "--trials", "2", "--seeds", "2", "--steps", "12"]
TINY = ["bench", "target", *SMALL]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A contest of two optimizers on two tasks, the second of which nobody can do."""
    folder = tmp_path_factory.mktemp("target") / "out"
    tasks = "breast_cancer@accuracy>=0.7,diabetes@rmse<=0.1"
    assert main([*TINY, "--tasks", tasks, "--optimizers", "adam,sgd=1e-9:1e-8", "--out", str(folder)]) == 0
    return folder


def test_the_document_holds_studies_costs_and_standings(played):
    document = json.loads((played / "results.json").read_text())
    easy, hopeless = document["tasks"]
    assert (easy["task"], easy["mode"], easy["target"], easy["steps"]) == ("breast_cancer", "max", 0.7, 12)
    assert np.shape(easy["studies"]["adam"]) == (2, 2)
    assert hopeless["studies"]["adam"] == [[None, None], [None, None]]  # a miss is not a number
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


def test_the_best_trial_of_each_study_counts():
    (goal,) = goals_of("breast_cancer@accuracy>=0.7", 12)
    one = play(goal, spaces("adam=1e-9:1e-1,sgd"), Budget(2, 2, 2))
    reached = one.sweep.steps_to_target()[:4].reshape(2, 2, 2)  # adam's: draws, trials, seeds
    best = np.nan_to_num(reached, nan=np.inf).min(axis=1)
    np.testing.assert_array_equal(one.steps[0], best)
    assert costs([one], ["adam", "sgd"], "steps")["adam"] == [np.median(best)]
    assert {row.solver for row in standings([one], ["adam", "sgd"], "time")} == {"adam", "sgd"}


def test_a_lone_step_takes_time():
    (goal,) = goals_of("diabetes", 12)
    seconds, compiling = time_steps(goal.task, [sgd(0.1)], 3, blocks=1, block_seconds=1e-3)
    assert seconds.shape == compiling.shape == (1,)
    assert 0 < seconds[0] < compiling[0]


def test_goals():
    digits, own = goals_of("digits, jgd.tasks.suite.landscapes:saddle@excess<=1e-3", None)
    assert str(digits) == "accuracy >= 0.95"
    assert (own.metric, own.mode, own.target, own.steps) == ("excess", "min", 1e-3, 300)
    assert [goal.name for goal in goals_of("all", 5)][-1] == "text"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", ","], "there is no name in it"),
        (["--tasks", "digits,digits"], "a task stands in it twice"),
        (["--tasks", "digit"], "Did you mean digits"),
        (["--tasks", "digits@0.9"], "expected what is to be reached after the @, as digits@accuracy>=0.97"),
        (["--tasks", "digits@accuracy>=much"], "the target 'much' is not a number"),
        (["--tasks", "jgd.tasks.suite.landscapes:saddle"], "only built-in tasks have a target"),
        (["--tasks", "diabetes@rsme<=1"], "unknown name 'rsme'. Did you mean rmse"),
        (["--optimizers", "adan"], "unknown name 'adan'"),
        (["--studies", "0"], "--studies 0: expected a whole number, at least 1."),
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
