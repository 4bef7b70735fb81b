"""A sweep whose further processes somebody else's executor starts, one of them killed."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time

import pytest

import jgd
from jgd.sweep import loguniform, run
from jgd.sweep.engine import loop as engine_module
from tests.sweep.killing import assert_same, runners
from tests.train import problems

TASK = problems.task(5)
SPACE = jgd.adam(loguniform(1e-3, 1.0))


def sweep(folder=None, **options):
    usual = {"num_trials": 6, "seeds": 2, "steps": 40, "eval_every": 2, "lanes": 1, "progress": False}
    return run(TASK, SPACE, dir=folder, **{**usual, **options})


class Threads(concurrent.futures.ThreadPoolExecutor):
    """Stand for any executor; the first of what it is given fails."""

    failing = False

    def submit(self, function, *args):
        """Run it in a thread, or fail."""
        if not self.failing:
            return super().submit(function, *args)
        self.failing = False
        return super().submit(lambda: 1 / 0)


@pytest.mark.parametrize("failing", [False, True])
def test_the_result_is_that_of_one_process(tmp_path, failing):
    with Threads(2) as executor:
        executor.failing = failing
        found = None
        if failing:
            with pytest.warns(UserWarning, match=r"run\(executor=\): a worker ended with ZeroDivisionError \(division"):
                found = sweep(tmp_path, workers=2, executor=executor)
        else:
            found = sweep(tmp_path, workers=3, executor=executor)
    assert_same(found, sweep())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"executor": 3}, r"run\(executor=3\): executor must be an object with a method submit"),
        ({"executor": Threads(1)}, r"run\(executor=, workers=1\): it starts workers - 1 processes beside this one"),
        ({"executor": Threads(1), "workers": 2}, r"run: 2 processes can share a sweep only through a folder"),
    ],
)
def test_what_cannot_start_any_is_refused(options, said):
    with pytest.raises(jgd.InputError, match=said):
        sweep(**options)


@pytest.fixture
def after_a_kill(monkeypatch):
    """Return a function that kills the process which `found()` returns; no chunk runs here before that."""
    gone, inner, killed = threading.Event(), engine_module.Loop._run_chunk, []

    def kill(found):
        try:
            while not (pid := found()):
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        finally:
            gone.set()

    def run_chunk(self, *args):
        assert gone.wait(120)
        inner(self, *args)

    monkeypatch.setattr(engine_module.Loop, "_run_chunk", run_chunk)
    yield lambda found: threading.Thread(target=kill, args=(found,), daemon=True).start()
    assert killed


@pytest.mark.slow
def test_what_a_killed_process_of_a_pool_ran_is_taken_over(tmp_path, after_a_kill):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        # Both have taken lanes.
        after_a_kill(lambda: len(runners(tmp_path)) == 2 and next(iter(pool._processes)))
        with pytest.warns(UserWarning, match=r"a worker ended with BrokenProcessPool"):
            found = sweep(tmp_path, workers=2, executor=pool)
    assert_same(found, sweep())


@pytest.mark.slow  # two workers of dask, each of which imports JAX and compiles: 15 s of CPU
def test_what_a_killed_worker_of_dask_ran_is_taken_over(tmp_path, after_a_kill):
    dask = pytest.importorskip("dask.distributed")

    def joined():
        """Return one of dask's processes that is in the folder; this one is, and nobody leaves it now."""
        files = [path for path in (tmp_path / "workers").glob("*") if path.stat().st_size]
        return next(iter({int(path.read_text().split()[-1]) for path in files} & workers), None)

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with dask.LocalCluster(**options) as cluster, dask.Client(cluster) as client:
        workers = set(client.run(os.getpid).values())
        after_a_kill(joined)
        # Dask gives the dead worker's part to another one, so nothing is warned of.
        found = sweep(tmp_path, workers=3, executor=client)
    assert_same(found, sweep())
