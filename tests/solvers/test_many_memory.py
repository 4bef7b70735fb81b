"""minimize_many where memory is short or runs out, where a few searches last long, and what a caller's error does."""

import jax
import pytest

from jgd.core import InputError
from jgd.solvers import search_queue
from tests.solvers.searches import assert_near, assert_same, failing, search


def test_fewer_lanes_where_memory_is_short(fresh, monkeypatch):
    whole = search()
    assert fresh[-1].shape == (12,)
    monkeypatch.setattr(search_queue, "free_bytes", lambda device: 1)  # not even for one on each device
    fresh.clear()
    assert_near(search(), whole)
    assert {x.shape for x in fresh} == {(2,)}
    monkeypatch.setattr(search_queue, "free_bytes", lambda device: None)  # nobody tells
    fresh.clear()
    assert_same(search(), whole)
    assert {x.shape for x in fresh} == {(12,)}


SPENT = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes.")


def test_half_the_lanes_where_memory_runs_out(fresh, monkeypatch):
    whole = search(lanes=8)
    monkeypatch.setattr(search_queue, "go", failing(1, SPENT))
    fresh.clear()
    with pytest.warns(UserWarning, match="memory ran out with 8 searches at a time; it goes on with 4"):
        found = search(lanes=8)
    assert_near(found, whole)
    assert [x.shape for x in fresh][-1] == (4,)


def test_memory_that_is_not_enough_for_one_search_is_refused(monkeypatch):
    monkeypatch.setattr(search_queue, "go", failing(9, SPENT))
    with pytest.raises(InputError, match="one search on each device does not fit into its memory"):
        search(lanes=2)


def test_other_errors_are_the_callers(monkeypatch):
    monkeypatch.setattr(search_queue, "go", failing(1, ZeroDivisionError("theirs")))
    with pytest.raises(ZeroDivisionError, match="theirs"):
        search(lanes=2)


def test_a_few_long_searches_go_on_in_fewer_lanes(monkeypatch):
    whole = search()
    widths = []
    go = search_queue.go
    monkeypatch.setattr(search_queue, "LONG", 0.0)
    monkeypatch.setattr(search_queue, "go", lambda *args: (widths.append(args[-1].status.size), go(*args))[1])
    assert_near(search(), whole)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] == 12
