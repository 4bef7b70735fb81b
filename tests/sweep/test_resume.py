"""Going on from a folder alone: its arguments are read back, code is asked for, and the note is kept."""

import signal

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.progress import Progress
from jgd.sweep import halving, load, loguniform, note, resume, run
from jgd.sweep.engine import loop
from tests.train import problems

TASK, SPACES = problems.task(5), {"adam": jgd.adam(loguniform(1e-3, 1.0))}
USUAL = {"num_trials": 4, "seeds": [3, 5], "steps": 20, "eval_every": 5, "mode": "max", "progress": False}


def interrupted(monkeypatch, folder, **options):
    """Return a sweep that ends after its first segment."""

    def add(self, *args, inner=loop.Records.add):
        signal.raise_signal(signal.SIGINT)
        return inner(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(loop.Records, "add", add)
        assert run(TASK, SPACES, **USUAL, **options, dir=folder).interrupted


def test_a_folder_knows_all_but_the_code(tmp_path, monkeypatch):
    options = {"sampler": "sobol", "seed": 2, "stop": halving(5), "target": 0.5}
    interrupted(monkeypatch, tmp_path, **options, note={"command": ["task.py:task", 1]})
    already = []
    monkeypatch.setattr(Progress, "start_at", lambda self, done: already.append(done))
    whole, resumed = run(TASK, SPACES, **USUAL, **options), resume(tmp_path, TASK, SPACES, progress=False)
    assert already == [0, 40]  # of both seeds of four trials, five steps: no work of the call that resumes
    np.testing.assert_array_equal(resumed.curves["loss"], whole.curves["loss"])
    np.testing.assert_array_equal(resumed.status, whole.status)
    assert vars(resumed.settings) == vars(whole.settings)
    assert note(tmp_path) == {"command": ["task.py:task", 1]}  # resuming has left it alone
    assert resume(tmp_path, TASK, SPACES, progress=False).compilations == 0


def test_objects_are_asked_for_by_name(tmp_path, monkeypatch):
    def some(params):
        return params["learning_rate"] < 0.5

    interrupted(monkeypatch, tmp_path, where=some)
    with pytest.raises(InputError, match=r"resume\(dir=.*\): the sweep had the where <function .*; pass where= as it"):
        resume(tmp_path, TASK, SPACES)
    assert not resume(tmp_path, TASK, SPACES, where=some, progress=False).interrupted
    with pytest.raises(InputError, match="the sweep there is another"):
        resume(tmp_path, problems.task(6), SPACES, where=some)


def test_what_is_not_there_and_what_json_cannot_hold(tmp_path):
    for call in (lambda: resume(tmp_path, TASK, SPACES), lambda: note(tmp_path)):
        with pytest.raises(InputError, match=r"there is no sweep.json; name the dir of a sweep"):
            call()
    with pytest.raises(InputError, match=r"run\(note=\): JSON cannot hold it \(.*\); pass numbers"):
        run(TASK, SPACES, **USUAL, dir=tmp_path / "a", note=TASK)
    assert not (tmp_path / "a").exists()
    run(TASK, SPACES, **USUAL, dir=tmp_path / "b", note=1)
    assert note(tmp_path / "b") == 1
    run(TASK, SPACES, **USUAL, dir=tmp_path / "b", note=2)
    assert note(tmp_path / "b") == 2
    assert load(tmp_path / "b").settings.mode == "max"
