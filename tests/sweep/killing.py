"""Sweeps that are killed, and the comparison of their results with those of sweeps that are not."""

import contextlib
import itertools
import os
import shutil
import threading

import numpy as np


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@contextlib.contextmanager
def killed_at(monkeypatch, when):
    """Kill in the place of the n-th file that is put in its place, for every n for which `when(n)`."""
    inner, calls = os.replace, []

    def replace(*args):
        calls.append(args)
        if when(len(calls)):
            raise Killed  # the temporary file is written, and stays
        inner(*args)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        yield


def through_kills(monkeypatch, sweep, every=13, after_each=lambda: None):
    """Call `sweep()` again while every so many files kill it; return its result, and how often they did."""
    kills = 0
    with killed_at(monkeypatch, lambda n: n % every == 0):
        while True:
            try:
                return sweep(), kills
            except Killed:
                kills += 1
                after_each()


def each_kill(monkeypatch, folder, call):
    """Return `call(folder / "whole")`, and the folders that a kill at any moment of its writing would leave.

    A kill has no other effect than on its folder, so that is copied before and after each file is put in its place:
    where the temporary file has been written, and where nothing has been done since. What is alike is kept once.
    """
    inner, lock, whole = os.replace, threading.Lock(), folder / "whole"
    numbers, found = itertools.count(), {}

    def keep():
        copy = folder / f"kill {next(numbers)}"
        with contextlib.suppress(
            shutil.Error
        ):  # raised at the end where a file has gone meanwhile, as another worker's
            shutil.copytree(whole, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.suffix != ".tmp")
        content = tuple((path.relative_to(copy), path.read_bytes()) for path in files)
        if content in found:  # of two, the one with the temporary file
            shutil.rmtree(found[content])
        found[content] = copy

    def replace(*args):
        with lock:
            keep()
            inner(*args)
            keep()

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        return call(whole), list(found.values())


def assert_same(a, b):
    assert set(a.curves) == set(b.curves)
    for name in a.curves:
        np.testing.assert_array_equal(a.curves[name], b.curves[name])
    np.testing.assert_array_equal(a.status, b.status)
    np.testing.assert_array_equal(a.diverged_at, b.diverged_at)
    assert [trial.params for trial in a.trials] == [trial.params for trial in b.trials]
    assert a.lane_steps == b.lane_steps


def runners(folder):
    """Return the workers that have run chunks of a folder, by the names of the chunks."""
    return {path.stem.split("-")[2] for path in (folder / "chunks").glob("*.safetensors")}
