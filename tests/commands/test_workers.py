"""`--workers` and `--join`: processes that a command starts, or is one of, on one folder."""

import io
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from jgd.commands import main, worker, workers
from jgd.commands.devices import shares
from jgd.core.lock import held
from jgd.sweep import load
from jgd.sweep.storage.store import Store
from tests.commands.processes import SWEEP, at_work, begin, jgd, until

TWO = ["--workers", "2"]


@pytest.fixture(autouse=True)
def folder(waiting, two_cores):
    return waiting


def two_at_work(folder):
    """Give a command with one worker, both in their first segment, which ends once there is a file `go`; their ids."""
    process = begin(*SWEEP, *TWO, "--dir", "d", "--json", cwd=folder)
    return process, until(lambda: len(at_work(folder)) == 2 and at_work(folder), process)


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def close(a, b):
    """Tell whether two results agree, within the rounding of programs for one device and for several."""
    np.testing.assert_allclose(a.curves["loss"], b.curves["loss"], rtol=1e-5)
    np.testing.assert_array_equal(a.status, b.status)


def test_two_processes_share_a_sweep_and_go_on_with_one_and_one_speaks(folder, capsys):
    (folder / "go").touch()
    assert main([*SWEEP, "--dir", "alone"]) == 0
    done = jgd(*SWEEP, *TWO, "--dir", "d", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Sweep of 8 trials x 40 steps: 8 complete") == 1
    close(load("d"), load("alone"))
    assert not list((folder / "d" / "workers").iterdir())
    assert "--workers 2 --dir d" in (folder / "d" / "report.html").read_text()
    for path in list(folder.glob("d/chunks/*"))[:2]:
        path.unlink()
    capsys.readouterr()
    assert main(["resume", "d", "--trust", *TWO, "--lanes", "1", "--json"]) == 0
    assert capsys.readouterr().err == ""
    close(load("d"), load("alone"))


@pytest.mark.slow
def test_ctrl_c_ends_all_after_their_segments(folder):
    process, pids = two_at_work(folder)
    process.send_signal(signal.SIGINT)  # to the first alone: it passes it on
    until((folder / "heard").exists, process)
    (folder / "go").touch()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (3, "")
    assert not any(map(lives, pids))
    assert not list((folder / "d" / "workers").iterdir())
    result = load("d")
    assert (result.status == "pending").all()
    assert sorted(result.reached[:, 0])[-2:] == [1, 1]  # one segment in each process
    assert json.loads(out)["status"] == {"pending": 8}


@pytest.mark.slow
def test_a_killed_worker_loses_its_segment_only(folder, capsys):
    def kill_the_worker():
        try:
            pids = until(lambda: len(at_work(folder)) == 2 and at_work(folder))
            (worker,) = pids - {os.getpid()}
            os.kill(worker, signal.SIGKILL)
            until(lambda: not lives(worker))  # the first has heard of its end
        finally:
            (folder / "go").touch()

    thread = threading.Thread(target=kill_the_worker)
    thread.start()
    assert main([*SWEEP, *TWO, "--dir", "d", "--json"]) == 0
    thread.join()
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == {"complete": 8}
    assert err == (
        "jgd: worker 2 of 2 was killed (SIGKILL); the others go on with what it ran, and another may join: "
        "jgd resume d --workers 2 --join\n"
    )


@pytest.mark.slow
def test_nothing_outlives_a_command_that_is_killed(folder):
    process, _ = two_at_work(folder)
    process.kill()
    process.communicate()
    until((folder / "heard").exists)
    (folder / "go").touch()
    until(lambda: not any(map(held, (folder / "d" / "workers").iterdir())))
    assert (load("d").status == "pending").all()


def test_a_worker_s_error_is_told_and_fails_the_command(folder, monkeypatch, capsys):
    code = "import sys; sys.exit('jgd: run: one lane does not fit; pass a smaller batch_size.')"
    real = workers.subprocess.Popen
    monkeypatch.setattr(
        workers.subprocess, "Popen", lambda args, **options: real([sys.executable, "-c", code], **options)
    )
    with workers.LocalWorkers(folder, [[0]], lanes=None) as one:
        until(lambda: one.failed)
    assert capsys.readouterr().err == (
        "jgd: worker 2 of 2 failed (run: one lane does not fit; pass a smaller batch_size); the others go on with what "
        f"it ran, and another may join: jgd resume {folder} --workers 2 --join\n"
    )


def test_a_command_whose_worker_failed_has_status_1(folder, monkeypatch, capsys):
    (folder / "go").touch()
    monkeypatch.setattr(workers.LocalWorkers, "failed", True, raising=False)
    monkeypatch.setattr(workers.LocalWorkers, "__init__", lambda self, *args, **job: None)
    monkeypatch.setattr(workers.LocalWorkers, "__enter__", lambda self: self)
    monkeypatch.setattr(workers.LocalWorkers, "__exit__", lambda self, *args: None)
    assert main([*SWEEP, *TWO, "--dir", "d"]) == 1
    assert "8 complete" in capsys.readouterr().out


@pytest.mark.slow
def test_processes_that_join_share_a_folder_and_each_has_the_whole(folder, capsys):
    (folder / "go").touch()
    command = [*SWEEP, *TWO, "--join", "--dir", "d", "--json"]
    process = begin(*command, cwd=folder)
    assert main(command) == 0
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert [json.loads(text)["status"] for text in (out, capsys.readouterr().out)] == [{"complete": 8}] * 2
    assert np.isfinite(load("d").medians).all()


def test_workers_wait_for_what_the_first_was_asked_beyond_an_earlier_call(folder, monkeypatch):
    (folder / "go").touch()
    few, jobs = [*SWEEP, "--steps", "4", "--dir", "d"], []

    def start(job):
        jobs.append(job)
        assert not worker.begun(folder / "d", job["asked"])
        return subprocess.Popen([sys.executable, "-c", ""], stdin=-1, stderr=-1, text=True)

    monkeypatch.setattr(workers, "_start", start)
    for trials in "23":
        assert main([*few, "--trials", trials, *TWO]) == 0
        assert worker.begun(folder / "d", jobs[-1]["asked"])


def test_a_ctrl_c_that_something_swallowed_comes_again_until_a_sweep_has_heard(monkeypatch):
    sent, handlers = [], iter([signal.default_int_handler] * 2 + [print])
    monkeypatch.setattr(worker, "AGAIN", 0.0)
    monkeypatch.setattr(worker.sys, "stdin", io.StringIO())
    monkeypatch.setattr(worker.signal, "getsignal", lambda _: next(handlers))
    monkeypatch.setattr(worker.signal, "pthread_kill", lambda *args: sent.append(args))
    worker.end_with_the_first()
    assert sent == [(threading.main_thread().ident, signal.SIGINT)] * 3


@pytest.mark.parametrize(("first", "second"), [([], []), ([*TWO, "--join"], []), ([], [*TWO, "--join"])])
def test_what_is_refused_leaves_a_sweep_that_is_about_to_begin_alone(folder, monkeypatch, capsys, first, second):
    (folder / "go").touch()
    few, enter = [*SWEEP, "--trials", "2", "--steps", "4", "--dir", "d"], Store.open

    def crowded(self, *args, **others):
        with monkeypatch.context() as patched:
            patched.setattr(Store, "open", enter)
            assert main([*few, *second]) == 2
        return enter(self, *args, **others)

    monkeypatch.setattr(Store, "open", crowded)
    assert main([*few, *first]) == 0
    assert "another process is running this sweep" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "0"], "--workers: '0' must be a whole number, at least 1"),
        (["--join", "--dir", "d"], "say how many, as in --workers 8 --join."),
        (["--join", *TWO], "name the folder that all the processes see, as in --dir /shared/runs/mine."),
        ([*TWO, "--dry-run"], "tells what one process would do; leave --workers out."),
        ([*TWO, "--metric", "eror"], "unknown name 'eror'. Did you mean error"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(arguments, words, capsys, folder):
    assert main([*SWEEP, *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not any((folder / "runs").glob("*"))


def test_several_on_accelerators_are_refused(monkeypatch):
    class Chip:
        platform, device_kind = "gpu", "H100"

    monkeypatch.setattr(workers.jax, "local_devices", lambda: [Chip()] * 4)
    workers.refuse_accelerators(1)
    with pytest.raises(
        workers.InputError, match=r"--workers 2: one process uses all of 4 H100s here.*CUDA_VISIBLE_DEVICES"
    ):
        workers.refuse_accelerators(2)


def test_cores_are_shared_evenly(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 4, 6, 8})
    assert shares(1) == [[0, 2, 4, 6, 8]]
    assert shares(2) == [[0, 2], [4, 6, 8]]
    assert [len(cores) for cores in shares(8)] == [1] * 8
