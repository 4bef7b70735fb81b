"""Sweeps that end when their time is up, and go on from there."""

import pytest

import jgd
from jgd.commands import main
from jgd.core import InputError
from jgd.sweep import loguniform, run
from jgd.sweep.engine.time_limit import TimeLimit
from tests.sweep.killing import assert_same
from tests.train import problems

TASK = problems.task(5)


def sweep(folder=None, **options):
    space = jgd.adam(loguniform(1e-3, 1.0))
    return run(TASK, space, num_trials=3, steps=12, eval_every=3, dir=folder, progress=False, **options)


def test_each_call_runs_a_segment_at_least_and_the_last_ends_in_the_same_bits(tmp_path):
    first = sweep(tmp_path, max_seconds=1e-9)
    assert first.interrupted
    assert first.reached.tolist() == [[1]] * 3
    assert "Sweep out of time (max_seconds), which the same call goes on with, of 3 trials" in repr(first)
    for _ in range(3):
        last = sweep(tmp_path, max_seconds=1e-9)
    assert not last.interrupted
    assert not last.out_of_time
    assert_same(last, sweep(max_seconds=1e9))


def test_functions_that_own_their_loop_end_after_a_call(tmp_path):
    def call(**options):
        train = lambda hp, key: {"loss": hp["rate"] ** 2}  # noqa: E731
        return run(train, {"rate": loguniform(0.1, 1.0)}, num_trials=60, dir=tmp_path, progress=False, **options)

    first = call(max_seconds=1e-9)
    assert first.out_of_time
    assert 0 < first.reached.sum() < 60
    assert call().counts() == "60 complete"


@pytest.mark.parametrize("seconds", [0, -1, "10", float("nan"), True])
def test_a_limit_is_a_positive_number(seconds):
    with pytest.raises(InputError, match=r"run\(max_seconds=.*must be a positive number"):
        sweep(max_seconds=seconds)


def test_the_time_counts_from_the_first_segment_on():
    limit = TimeLimit(1e-9)
    assert not limit.over
    limit.ran = True
    assert limit.over
    assert not TimeLimit(None).over


def test_the_command_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text("[sgd]\nlearning_rate = { loguniform = [1e-3, 1e-1] }\n")
    (tmp_path / "mine.py").write_text("from tests.sweep.test_time_limit import TASK as task\n")
    command = ["sweep", "mine.py:task", "--space", "space.toml", "--trials", "2", "--steps", "8", "--eval-every", "4"]
    assert main([*command, "--dir", "d", "--max-time", "1e-9s"]) == 3
    assert "Out of time with 2 runs not ended: jgd resume d goes on." in capsys.readouterr().out
    assert main(["resume", "d", "--trust", "--max-time", "1h"]) == 0
    assert main([*command, "--max-time", "soon"]) == 2
    assert "--max-time soon: expected a time above zero, such as 90 (seconds), 10m or 1.5h." in capsys.readouterr().err
