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
from tests.sweep.killing import assert_same
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


@pytest.mark.slow
def test_what_a_killed_process_of_a_pool_ran_is_taken_over(tmp_path):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        killed = []

        def kill():
            while len(list((tmp_path / "workers").glob("*"))) < 2:  # the pool's process has joined
                time.sleep(0.01)
            killed.extend(pool._processes)
            os.kill(killed[0], signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
        with pytest.warns(UserWarning, match=r"a worker ended with BrokenProcessPool"):
            found = sweep(tmp_path, workers=2, executor=pool, steps=600, num_trials=12)
    assert killed
    assert_same(found, sweep(steps=600, num_trials=12))


@pytest.mark.slow  # two workers of dask, each of which imports JAX and compiles: 15 s of CPU
def test_what_a_killed_worker_of_dask_ran_is_taken_over(tmp_path):
    dask = pytest.importorskip("dask.distributed")
    killed = []

    def kill(workers):
        while not killed:
            there = {
                int(path.read_text().split()[-1]) for path in (tmp_path / "workers").glob("*") if path.stat().st_size
            }
            killed.extend(there & workers)
            time.sleep(0.01)
        os.kill(killed[0], signal.SIGKILL)

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with dask.LocalCluster(**options) as cluster, dask.Client(cluster) as client:
        workers = set(client.run(os.getpid).values())
        threading.Thread(target=kill, args=(workers,), daemon=True).start()
        # Dask gives the dead worker's part to another one, so nothing is warned of.
        found = sweep(tmp_path, workers=3, executor=client, steps=300)
    assert killed
    assert_same(found, sweep(steps=300))
