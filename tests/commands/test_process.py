"""The command as a process of its own."""

import json
import os
import signal

import pytest

from jgd import __version__, sgd
from jgd.commands import main
from jgd.sweep import loguniform, run
from tests.commands.processes import SWEEP, at_work, begin, jgd, until
from tests.train import problems


def test_it_runs_on_every_core_and_draws_no_progress_into_a_pipe(tmp_path):
    tiny = ["--optimizers", "sgd", "--trials", "2", "--seeds", "1", "--steps", "2", "--json"]
    done = jgd("race", "--task", "breast_cancer", *tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    cores = len(os.sched_getaffinity(0))
    assert json.loads(done.stdout)["devices"] == f"{cores} cpu device{'s' * (cores != 1)}"


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"jgd {__version__}\n"


def test_help_teaches(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["race", "--help"])
    out = capsys.readouterr().out
    for words in ("breast_cancer", "muon", "my_task.py:task", "report.html", "exit status"):
        assert words in out


@pytest.mark.slow
def test_bad_input_is_told_without_a_traceback(tmp_path):
    bad = jgd("race", "--task", "digit", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "Traceback" not in bad.stderr


@pytest.mark.slow
def test_a_reader_that_has_had_enough_is_no_error(tmp_path):
    run(problems.task(5), sgd(loguniform(1e-3, 0.1)), num_trials=2, steps=4, progress=False, dir=tmp_path / "d")
    with begin("show", "d", cwd=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()  # as `head` does
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.slow
def test_ctrl_c_leaves_a_sweep_that_another_process_ends(waiting, capsys):
    process = begin(*SWEEP, "--dir", "d", cwd=waiting)
    until(lambda: at_work(waiting), process)
    process.send_signal(signal.SIGINT)  # which is there before the segment can end
    (waiting / "go").touch()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (3, "")
    assert "jgd resume d goes on." in out
    assert main(["resume", "d", "--trust", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == {"complete": 8}
