"""The command as a process of its own."""

import json
import os
import subprocess
import sys


def jgd(*arguments, cwd):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")
    }
    return subprocess.run(
        [sys.executable, "-m", "jgd", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_it_runs_on_every_core_and_draws_no_progress_into_a_pipe(tmp_path):
    tiny = ["--optimizers", "sgd", "--trials", "2", "--seeds", "1", "--steps", "2", "--json"]
    done = jgd("race", "--task", "breast_cancer", *tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    cores = len(os.sched_getaffinity(0))
    assert json.loads(done.stdout)["devices"] == f"{cores} cpu device{'s' * (cores != 1)}"


def test_help_teaches(tmp_path):
    done = jgd("race", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for words in ("breast_cancer", "muon", "my_task.py:task", "report.html", "exit status"):
        assert words in done.stdout
    bad = jgd("race", "--task", "digit", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "Traceback" not in bad.stderr
