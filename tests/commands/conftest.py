"""Fixtures that tests of commands share."""

import os

import pytest

from tests.commands.processes import CODE, SPACE


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """Return the current folder of a test, with a task whose segments end once there is a file `go` in it."""
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def two_cores():
    """Bind a test, and the processes that it starts, to two cores: two processes have a device each on any machine."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    yield
    os.sched_setaffinity(0, before)
