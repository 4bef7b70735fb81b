"""The store: whatever happens, the same call again ends in the bits of a sweep that nothing happened to."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

import jgd
from jgd.core import InputError, storage
from jgd.sweep import grid, load, loguniform
from jgd.sweep.engine import loop as engine_module
from tests.sweep.killing import assert_same, through_kills
from tests.sweep.stored import SPACES, sweep
from tests.train import problems

pytestmark = pytest.mark.usefixtures("compile_once")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 200)  # a few lanes a call


def files(folder):
    return sorted(path.name for path in (folder / "chunks").iterdir())


def stop_after(monkeypatch, count, act):
    """Do something at the end of the segment with this number."""
    inner, calls = engine_module.Records.add, []

    def add(self, *args):
        calls.append(args)
        if len(calls) == count:
            act()
        return inner(self, *args)

    monkeypatch.setattr(engine_module.Records, "add", add)


def test_a_stored_sweep_is_the_sweep_and_the_same_call_again_runs_nothing(tmp_path, whole):
    first = sweep(tmp_path)
    assert_same(first, whole)
    again = sweep(tmp_path)
    assert_same(again, whole)
    assert again.compilations == 0
    assert not again.interrupted
    assert files(tmp_path) == ["0-0.safetensors", "3-0.safetensors"]
    # What is done has no states.
    arrays, _ = storage.load_arrays(tmp_path / "chunks" / "0-0.safetensors")
    assert not any(name.startswith("state") for name in arrays)


@pytest.mark.parametrize("count", [1, 4, 6])
def test_ctrl_c_at_any_segment_resumes_to_the_same_bits(tmp_path, whole, monkeypatch, count):
    with monkeypatch.context() as patched:
        stop_after(patched, count, lambda: signal.raise_signal(signal.SIGINT))
        cut = sweep(tmp_path)
    assert cut.interrupted
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.status, cut.status)
    assert (loaded.status == "pending").any()
    assert_same(sweep(tmp_path), whole)


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_crash_at_any_write_resumes_to_the_same_bits(tmp_path, monkeypatch, small_chunks, every_segment, lanes):
    expected = sweep(lanes=lanes)
    assert expected.groups[0].layout.chunks > 1
    result, crashes = through_kills(monkeypatch, lambda: sweep(tmp_path, lanes=lanes), every=4)
    assert crashes > 3
    assert_same(result, expected)


def slow(folder):
    """Return a sweep of many segments."""
    return sweep(folder, steps=400, eval_every=2)


def endless(folder):
    """Begin that sweep, and wait in the middle to be killed."""
    stop_after(pytest.MonkeyPatch(), 150, lambda: time.sleep(600))
    slow(folder)


def newest(folder):
    """Return the time of the last chunk's last write."""
    return max((path.stat().st_mtime_ns for path in folder.glob("chunks/*.safetensors")), default=0)


@pytest.mark.slow
def test_kill_9_at_random_moments_resumes_to_the_same_bits(tmp_path):
    rng = random.Random(0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(2):
        command = [
            sys.executable,
            "-c",
            "import sys, tests.conftest as _; from tests.sweep import test_store; test_store.endless(sys.argv[1])",
            str(tmp_path),
        ]
        process = subprocess.Popen(command, env=environment)
        before = newest(tmp_path)
        while process.poll() is None and newest(tmp_path) == before:
            time.sleep(0.01)  # while it imports and compiles
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        load(tmp_path)
    assert_same(slow(tmp_path), slow(None))


def test_a_full_disk_is_told_and_loses_nothing(tmp_path, whole, monkeypatch, every_segment):
    inner, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        inner(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"writing .* failed \(No space left on device\).*goes on from it") as caught:
            sweep(tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.rglob("*.tmp"))
    assert (load(tmp_path).reached.max(axis=1) > 0).any()
    assert_same(sweep(tmp_path), whole)


def test_two_writers_on_one_folder_are_one_too_many(tmp_path, whole, monkeypatch):
    started = []

    inner = engine_module.Loop.run

    def crowded(self, *args):
        if not started:
            started.append(args)
            with pytest.raises(InputError, match="another process is running this sweep; wait for it, end it, name"):
                sweep(tmp_path)
        inner(self, *args)

    monkeypatch.setattr(engine_module.Loop, "run", crowded)
    result = sweep(tmp_path)
    assert started
    assert_same(result, whole)


@pytest.fixture
def half(tmp_path, monkeypatch):
    """Return a folder with one group done and the other begun."""
    with monkeypatch.context() as patched:
        stop_after(patched, 6, lambda: signal.raise_signal(signal.SIGINT))
        sweep(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["chunks/0-0.safetensors", "chunks/3-0.safetensors", "sweep.json"])
@pytest.mark.parametrize("damage", ["torn", "flipped", "empty"])
def test_a_damaged_file_is_named_and_without_it_the_sweep_is_right(half, whole, name, damage):
    path = half / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"torn": content[: len(content) // 3], "flipped": content, "empty": b""}[damage])
    for call in (sweep, load):
        with pytest.raises(InputError, match=r"the file is damaged \(.*\); delete it") as caught:
            call(half)
        assert str(path) in str(caught.value)
    path.unlink()
    result = sweep(half)
    assert result.lane_steps == whole.lane_steps
    assert_same(result, whole)


def test_half_a_temporary_file_is_ignored(half, whole):
    (half / "chunks" / "3-0.safetensors.tmp").write_bytes(b"half")
    assert_same(sweep(half), whole)


def changed_loss(params, batch):
    return problems.loss(params, batch)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 19}, "steps are 20 there and 19 here"),
        ({"seeds": [1, 0]}, "seeds are (0, 1) there and (1, 0) here"),
        ({"num_trials": 2}, "num_trials is 3 there and 2 here; pass num_trials=3 or more"),
        ({"num_trials": 6}, "a grid is no part of a larger one"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"task": jgd.Task(problems.init, changed_loss, problems.arrays(), 5, problems.evaluate)}, "loss is "),
        ({"task": jgd.Task(problems.init, problems.loss, problems.arrays(), 6, problems.evaluate)}, "batch_size is 5"),
        ({"spaces": {**SPACES, "sgd": jgd.sgd(grid([0.01, 0.2, 1e12]))}}, "grid([0.01, 0.2, 1000000000000.0]) here"),
        ({"spaces": {"adam": SPACES["adam"]}}, "space sgd is "),
        ({"spaces": {**SPACES, "adam": jgd.adam(loguniform(1e-3, 1.0 + 1e-9))}}, "other trials here than there"),
    ],
)
def test_another_sweep_is_refused_with_the_difference(half, options, words):
    before = {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}
    with pytest.raises(InputError) as caught:
        sweep(half, **options)
    assert words in str(caught.value)
    assert "name another dir" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert before == {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}


def test_chunks_of_another_sweep_are_refused(half, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    sweep(other, steps=10)
    shutil.copy(half / "chunks" / "3-0.safetensors", other / "chunks" / "3-1.safetensors")
    with pytest.raises(InputError, match="is of another sweep"):
        sweep(other, steps=10)


@pytest.mark.parametrize("options", [{"lanes": 3}, {"devices": jax.devices()[:1]}])
def test_other_devices_and_widths_go_on(half, whole, options):
    result = sweep(half, **options)
    assert result.lane_steps == whole.lane_steps
    for name, curve in whole.curves.items():
        # Another program rounds otherwise.
        np.testing.assert_allclose(result.curves[name], curve, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(result.status, whole.status)
    known = json.loads((half / "sweep.json").read_text())["content"]["environments"]
    assert len(known) == (2 if "devices" in options else 1)
    assert known[-1]["jax"] == jax.__version__
    assert_same(sweep(half), result)  # and back again


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot make this folder \(.*\); name another"):
        sweep(tmp_path / "file" / "below")
