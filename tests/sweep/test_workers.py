"""Several processes on one folder: they share the lanes out, decide alike, and take over what a dead one ran."""

import os
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.lock import held
from jgd.sweep import asha, grid, halving, load, loguniform, population, run
from jgd.sweep.engine import loop as engine_module
from jgd.sweep.storage.workers import Peers
from tests.sweep.killing import Killed, assert_same, runners
from tests.train import problems

TASK = problems.task(5)
SPACES = {"adam": jgd.adam(loguniform(1e-3, 1.0)), "sgd": jgd.sgd(grid([0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 1e12]))}


def sweep(folder=None, workers=None, **options):
    usual = {"num_trials": 8, "seeds": 2, "steps": 40, "eval_every": 2, "sampler": "sobol", "lanes": 1}
    return run(TASK, SPACES, dir=folder, workers=workers, progress=False, **{**usual, **options})


def together(calls):
    """Return the results of calls in threads of their own; what one raises is its result."""
    results: list[Any] = [None] * len(calls)

    def call(i):
        try:
            results[i] = calls[i]()
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sampler": "tpe", "rounds": 2, "stop": asha(10)},
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in ({"stop": halving(10)}, {"sampler": "tpe", "rounds": 2}, {"evolve": population(8)})
        ),
    ],
)
def test_workers_share_the_lanes_and_have_the_whole(tmp_path, monkeypatch, options):
    expected, both = sweep(**options), threading.Barrier(2)
    before_first_chunks(monkeypatch, lambda: both.wait(120))  # or one might run all while the other still compiles
    for result in together([lambda: sweep(tmp_path, 2, **options)] * 2):
        assert_same(result, expected)
    assert len(runners(tmp_path)) == 2
    assert_same(load(tmp_path), expected)
    assert not list((tmp_path / "workers").iterdir())
    assert_same(sweep(tmp_path, **options), expected)  # a plain call finds nothing left to run


def before_first_chunks(monkeypatch, wait):
    """Call `wait()` in each thread but the main one before it runs its first chunk, which it has taken by then."""
    inner, begun = engine_module.Loop._run_chunk, [threading.main_thread()]

    def run_chunk(self, *args):
        if threading.current_thread() not in begun:
            begun.append(threading.current_thread())
            wait()
        inner(self, *args)

    monkeypatch.setattr(engine_module.Loop, "_run_chunk", run_chunk)


def die(monkeypatch, after):
    """Have the thread called "doomed" die after so many segments; returns the list of all segments."""
    inner, segments = engine_module.Records.add, []

    def add(self, *args):
        segments.append(threading.current_thread().name)
        if segments[-1] == "doomed" and segments.count("doomed") > after:
            raise Killed
        return inner(self, *args)

    monkeypatch.setattr(engine_module.Records, "add", add)
    return segments


def test_what_a_dead_worker_ran_is_taken_over(tmp_path, monkeypatch, every_segment):
    expected, segments, dead = sweep(), die(monkeypatch, after=30), threading.Event()
    before_first_chunks(monkeypatch, lambda: threading.current_thread().name == "doomed" or dead.wait(120))

    def doomed():
        threading.current_thread().name = "doomed"
        try:
            return sweep(tmp_path, 2)
        finally:
            dead.set()

    killed, result = together([doomed, lambda: sweep(tmp_path, 2)])
    assert isinstance(killed, Killed)
    assert_same(result, expected)
    per_chunk = len(expected.steps)
    chunks = len(list((tmp_path / "chunks").iterdir()))
    assert len(segments) <= chunks * per_chunk + 1  # the segment that the dead one was in is all that was lost


def test_another_run_picks_up_what_all_workers_left(tmp_path, monkeypatch, every_segment):
    with monkeypatch.context() as patched:
        die(patched, after=24)
        threading.current_thread().name, before = "doomed", threading.current_thread().name
        try:
            with pytest.raises(Killed):
                sweep(tmp_path, 2, stop=halving(10))
        finally:
            threading.current_thread().name = before
    assert (load(tmp_path).status == "pending").any()
    expected = sweep(stop=halving(10))
    for workers in (2, None):
        assert_same(sweep(tmp_path, workers, stop=halving(10)), expected)


def test_whoever_ends_leaves_no_file_behind_though_a_ctrl_c_came_before_it_left(tmp_path):
    peers = Peers(tmp_path)
    assert held(tmp_path / "workers" / peers.name)
    del peers
    assert not list((tmp_path / "workers").iterdir())


@pytest.mark.parametrize(("first", "second"), [(2, None), (None, 2)])
def test_a_plain_run_shares_with_nobody(tmp_path, monkeypatch, first, second):
    started, inner = [], engine_module.Loop.run

    def crowded(self, *args):
        if not started:
            started.append(args)
            with pytest.raises(InputError, match=r"another process is running this sweep; .* pass workers=2 or more"):
                sweep(tmp_path, second)
        inner(self, *args)

    monkeypatch.setattr(engine_module.Loop, "run", crowded)
    sweep(tmp_path, first)
    assert started


def test_what_several_processes_need_is_said():
    with pytest.raises(InputError, match=r"4 processes can share a sweep only through a folder; pass dir="):
        sweep(workers=4)
    with pytest.raises(InputError, match=r"run\(devices=\): .* is another process's; pass some of jax.local_devices"):
        sweep(devices=[types.SimpleNamespace(process_index=1)])


CHILD = """
import sys
import tests.conftest
import jax

address, count, number, folder, kill = sys.argv[1:]
jax.distributed.initialize(address, int(count), int(number))
from tests.sweep import test_workers

if kill:
    test_workers.stand_still(folder, number == "1")
result = test_workers.sweep(folder)
assert jax.process_count() == int(count) and len(jax.devices()) == 2 * int(count)
result.to_csv(f"{folder}/result-{number}.csv")
print("ended", flush=True)
"""


def stand_still(folder, doomed):
    """Have a process wait in its third segment to be killed, and another go on from its first one then."""
    there, inner, segments = Path(folder) / "stands", engine_module.Records.add, []

    def add(self, *args):
        segments.append(args)
        if doomed and len(segments) == 3:
            there.touch()
            time.sleep(600)
        until = time.monotonic() + 300
        while not doomed and not there.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        return inner(self, *args)

    pytest.MonkeyPatch().setattr(engine_module.Records, "add", add)


def start(count, folder, kill=""):
    """Processes of one `jax.distributed` run, each with a sweep on the folder; of two the second waits for a kill."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [[address, str(count), str(i), str(folder), kill] for i in range(count)]
    return [
        subprocess.Popen([sys.executable, "-c", CHILD, *row], env=environment, stdout=subprocess.PIPE, text=True)
        for row in arguments
    ]


@pytest.mark.slow
def test_processes_of_jax_distributed_share_a_sweep(tmp_path):
    processes = start(2, tmp_path)
    assert [process.communicate()[0] for process in processes] == ["ended\n"] * 2
    assert [process.returncode for process in processes] == [0] * 2
    expected = sweep()
    assert_same(load(tmp_path), expected)
    expected.to_csv(tmp_path / "expected.csv")
    for i in range(2):
        assert (tmp_path / f"result-{i}.csv").read_text() == (tmp_path / "expected.csv").read_text()


@pytest.mark.slow
def test_a_killed_process_loses_only_what_it_was_running(tmp_path):
    survivor, doomed = start(2, tmp_path, "kill")
    assert survivor.stdout
    try:
        while not (tmp_path / "stands").exists():
            assert (survivor.poll(), doomed.poll()) == (None, None)
            time.sleep(0.01)
    finally:
        doomed.kill()
    assert doomed.communicate() == ("", None)
    assert survivor.stdout.readline() == "ended\n"
    survivor.kill()  # JAX's runtime would have it wait for the dead one, and then end it
    survivor.communicate()
    assert_same(load(tmp_path), sweep())


@pytest.mark.filterwarnings("ignore:run. memory ran out:UserWarning")
def test_lanes_that_do_not_fit_into_memory_go_on_in_smaller_chunks(tmp_path, monkeypatch):
    inner, raised = engine_module.Loop._run_chunk, []

    def run_chunk(self, ready, chunk, until):
        if threading.current_thread() is not threading.main_thread() and not raised:
            raised.append(chunk)
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return inner(self, ready, chunk, until)

    monkeypatch.setattr(engine_module.Loop, "_run_chunk", run_chunk)
    expected = sweep(lanes=4)
    for result in together([lambda: sweep(tmp_path, 2, lanes=4)] * 2):
        for name, curve in expected.curves.items():
            np.testing.assert_allclose(
                result.curves[name], curve, rtol=1e-4, atol=1e-6
            )  # another width rounds otherwise
        np.testing.assert_array_equal(result.status, expected.status)
    assert raised
