"""Fixtures that tests of sweeps share."""

import pytest

from jgd.sweep.lanes.programs import PROGRAMS
from jgd.sweep.storage import store


@pytest.fixture
def no_programs():
    """A test that counts what is compiled finds no program of an earlier one; all others share theirs."""
    PROGRAMS.clear()


@pytest.fixture
def every_segment(monkeypatch):
    """Every segment is written at once, so that a test can count the writes."""
    inner = store.Writer.put

    def put(self, path, write):
        inner(self, path, write)
        self.wait()

    monkeypatch.setattr(store, "PAUSE", 0)
    monkeypatch.setattr(store.Writer, "put", put)
