"""`--workers` and `--join`: processes that a command starts, or is one of, on one folder."""

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from jgd.commands import main, workers
from jgd.commands.devices import shares
from jgd.sweep import load
from tests.commands.test_process import begin, jgd

CODE = """
import os, pathlib, time
import jax, jax.numpy as jnp, numpy as np
from jgd.train import Task

def wait(x):
    pathlib.Path(f"waiting-{os.getpid()}").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    time.sleep(0.02)
    return np.float32(x)

def evaluate(params):
    return {"error": jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), jnp.sum(params**2))}

data = jnp.zeros((6, 2))
task = Task(lambda key: jnp.ones(2), lambda p, b: jnp.mean((p[None] - b) ** 2), data, evaluate=evaluate)
"""
SPACE = "[sgd]\nlearning_rate = { loguniform = [1e-3, 0.1] }\n"
SWEEP = ["sweep", "mine.py:task", "--space", "space.toml", "--lanes", "1", "--trials", "8", "--steps", "40"]
SWEEP += ["--eval-every", "4", "--metric", "error"]
TWO = ["--workers", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def waiting_for(found, process=None, seconds=120):
    """Wait until `found()` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def two_at_work(folder):
    """Give a command with one worker, both in their first segment, which ends once there is a file `go`; their ids."""
    process = begin(*SWEEP, *TWO, "--dir", "d", "--json", cwd=folder)
    return process, waiting_for(lambda: len(at_work(folder)) == 2 and at_work(folder), process)


def at_work(folder):
    """Return the ids of the processes that run a segment: to have taken lanes is not to have begun with them."""
    return {int(path.name.removeprefix("waiting-")) for path in folder.glob("waiting-*")}


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
    time.sleep(1.0)
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
            pids = waiting_for(lambda: len(at_work(folder)) == 2 and at_work(folder))
            (worker,) = pids - {os.getpid()}
            os.kill(worker, signal.SIGKILL)
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
    process, pids = two_at_work(folder)
    process.kill()
    process.communicate()
    time.sleep(1.0)
    (folder / "go").touch()
    waiting_for(lambda: not any(map(lives, pids)))
    assert (load("d").status == "pending").all()


def test_a_worker_s_error_is_told_and_fails_the_command(folder, monkeypatch, capsys):
    code = "import sys, time; time.sleep(0.2); sys.exit('jgd: run: one lane does not fit; pass a smaller batch_size.')"
    real = workers.subprocess.Popen
    monkeypatch.setattr(
        workers.subprocess, "Popen", lambda args, **options: real([sys.executable, "-c", code], **options)
    )
    with workers.LocalWorkers(folder, [[0]], lanes=None) as one:
        waiting_for(lambda: one.failed)
        time.sleep(0.1)
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
