"""`--workers` and `--join`: processes that a command starts, or is one of, on one folder."""

import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from jgd.commands import crew, main
from jgd.commands.devices import shares
from jgd.core import storage
from jgd.sweep import load
from tests.commands.test_process import begin, jgd
from tests.sweep.killing import assert_same

SPACE = "[sgd]\nlearning_rate = { loguniform = [1e-3, 0.1] }\n"
SWEEP = ["sweep", "diabetes", "--space", "space.toml", "--lanes", "1"]
SHORT = [*SWEEP, "--trials", "8", "--steps", "60", "--eval-every", "20"]
LONG = [*SWEEP, "--trials", "16", "--steps", "20000", "--eval-every", "100"]
TWO = ["--workers", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "space.toml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def waiting_for(process, found, seconds=120):
    """What `found()` returns once that is true."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def at_work(folder):
    """The ids of the processes that have taken lanes in a folder, by their names there."""
    written = {storage.peek(path).get("worker") for path in folder.glob("chunks/*.safetensors")}
    pids = {path.name: int(path.read_text().split()[1]) for path in folder.glob("workers/*") if path.read_text()}
    return {pid for name, pid in pids.items() if name in written}


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_processes_share_a_sweep_and_go_on_with_one_and_one_speaks(folder):
    alone = jgd(*SHORT, "--dir", "alone", cwd=folder)
    done = jgd(*SHORT, *TWO, "--dir", "d", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Sweep of 8 trials x 60 steps: 8 complete") == 1
    assert alone.returncode == 0
    assert_same(load("d"), load("alone"))
    assert not list((folder / "d" / "workers").iterdir())
    assert "--workers 2 --dir d" in (folder / "d" / "report.html").read_text()
    for path in list(folder.glob("d/chunks/*"))[:2]:
        path.unlink()
    done = jgd("resume", "d", *TWO, "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same(load("d"), load("alone"))


def test_ctrl_c_ends_all_after_their_segments(folder):
    process = begin(*LONG, *TWO, "--dir", "d", cwd=folder)
    pids = waiting_for(process, lambda: len(at_work(folder / "d")) == 2 and at_work(folder / "d"))
    process.send_signal(signal.SIGINT)  # to the first alone: it passes it on
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (3, "")
    assert "jgd resume d goes on." in out
    assert not any(map(lives, pids))
    assert not list((folder / "d" / "workers").iterdir())
    written = {path: path.stat().st_mtime_ns for path in folder.glob("d/chunks/*")}
    left = int((load("d").status == "pending").sum())
    assert left
    assert f"Interrupted with {left} run" in out
    assert {path: path.stat().st_mtime_ns for path in folder.glob("d/chunks/*")} == written


def test_a_killed_worker_loses_its_segment_only(folder):
    process = begin(*LONG, *TWO, "--dir", "d", "--json", cwd=folder)
    pids = waiting_for(process, lambda: len(at_work(folder / "d")) == 2 and at_work(folder / "d"))
    (worker,) = pids - {process.pid}
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0
    assert json.loads(out)["status"] == {"complete": 16}
    assert err == (
        "jgd: worker 2 of 2 was killed (SIGKILL); the others go on with what it ran, and another may join: "
        "jgd resume d --workers 2 --join\n"
    )


def test_nothing_outlives_a_command_that_is_killed(folder):
    process = begin(*LONG, *TWO, "--dir", "d", cwd=folder)
    pids = waiting_for(process, lambda: len(at_work(folder / "d")) == 2 and at_work(folder / "d"))
    process.kill()
    process.communicate()
    waiting_for(None, lambda: not any(map(lives, pids)), 60)
    assert (load("d").status == "pending").any()


def test_a_worker_s_error_is_told_and_fails_the_command(folder, monkeypatch, capsys):
    code = "import sys, time; time.sleep(0.2); sys.exit('jgd: run: one lane does not fit; pass a smaller batch_size.')"
    real = crew.subprocess.Popen
    monkeypatch.setattr(crew.subprocess, "Popen", lambda args, **options: real([sys.executable, "-c", code], **options))
    with crew.Crew(folder, [[0]], lanes=None) as one:
        waiting_for(None, lambda: one.failed)
        time.sleep(0.1)
    assert capsys.readouterr().err == (
        "jgd: worker 2 of 2 failed (run: one lane does not fit; pass a smaller batch_size); the others go on with what "
        f"it ran, and another may join: jgd resume {folder} --workers 2 --join\n"
    )


def test_a_command_whose_worker_failed_has_status_1(folder, monkeypatch, capsys):
    monkeypatch.setattr(crew.Crew, "failed", True, raising=False)
    monkeypatch.setattr(crew.Crew, "__init__", lambda self, *args, **job: None)
    monkeypatch.setattr(crew.Crew, "__enter__", lambda self: self)
    monkeypatch.setattr(crew.Crew, "__exit__", lambda self, *args: None)
    assert main([*SHORT, *TWO, "--dir", "d"]) == 1
    assert "8 complete" in capsys.readouterr().out


def test_processes_that_join_share_a_folder_and_each_has_the_whole(folder):
    processes = [begin(*SHORT, *TWO, "--join", "--dir", "d", "--json", cwd=folder) for _ in range(2)]
    results = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    assert [json.loads(out)["status"] for out, _ in results] == [{"complete": 8}] * 2
    assert np.isfinite(load("d").medians).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "0"], "--workers 0: expected a whole number, at least 1."),
        (["--join", "--dir", "d"], "say how many, as in --workers 8 --join."),
        (["--join", *TWO], "name the folder that all the processes see, as in --dir /shared/runs/mine."),
        ([*TWO, "--dry-run"], "tells what one process would do; leave --workers out."),
        ([*TWO, "--metric", "rmsee"], "unknown name 'rmsee'. Did you mean rmse"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(arguments, words, capsys, folder):
    assert main([*SHORT, *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not any((folder / "runs").glob("*"))


def test_several_on_accelerators_are_refused(monkeypatch):
    class Chip:
        platform, device_kind = "gpu", "H100"

    monkeypatch.setattr(crew.jax, "local_devices", lambda: [Chip()] * 4)
    crew.refuse_accelerators(1)
    with pytest.raises(
        crew.InputError, match=r"--workers 2: one process uses all of 4 H100s here.*CUDA_VISIBLE_DEVICES"
    ):
        crew.refuse_accelerators(2)


def test_cores_are_shared_evenly(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 4, 6, 8})
    assert shares(1) == [[0, 2, 4, 6, 8]]
    assert shares(2) == [[0, 2], [4, 6, 8]]
    assert [len(cores) for cores in shares(8)] == [1] * 8
