"""What tests of sweeps share."""

import pytest

from jgd.sweep.lanes.programs import PROGRAMS
from jgd.sweep.storage import store


@pytest.fixture(autouse=True)
def no_programs():
    """No test finds programs that an earlier one has compiled, so that each can count its own."""
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
