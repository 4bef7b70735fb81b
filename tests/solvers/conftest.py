"""Fixtures that tests of solvers share."""

import pytest

from jgd.solvers import search_queue


@pytest.fixture
def fresh(monkeypatch):
    """Return the rows that every refill begins, with the lanes that there are."""
    calls, refill = [], search_queue.refill

    def recorded(*args):
        calls.append(args[-1])
        return refill(*args)

    monkeypatch.setattr(search_queue, "refill", recorded)
    return calls
