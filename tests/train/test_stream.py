"""A stream is read ahead of the segment that trains on it, and nobody notices but the clock."""

import numpy as np
import pytest

import jgd
from jgd import Task, fit
from jgd.train.stream import Feed, Position
from tests.train import problems


class Stream:
    """The problem's batches, which tell what was read of the last generator, and fail at a batch if asked."""

    def __init__(self, fails=None):
        self.events, self.fails = [], fails

    def __call__(self, epoch):
        self.events.clear()  # each check of a task opens a generator of its own before training does
        for number, batch in enumerate(problems.batches(epoch)):
            if number == self.fails:
                raise OSError("the disk is gone")
            self.events.append("read")
            yield batch


def go(stream, **asked):
    task = Task(problems.init, problems.loss, stream)
    return fit(task, jgd.sgd(0.1), eval_every=1, callback=lambda step, _: stream.events.append(step), **asked)


def test_the_next_segment_is_read_before_this_one_s_callback_and_no_further():
    stream = Stream()
    go(stream, steps=3)
    assert stream.events == ["read", "read", 1, "read", 2, 3]


def test_an_error_is_raised_when_its_batch_is_due():
    stream = Stream(fails=2)
    with pytest.raises(OSError, match="the disk is gone"):
        go(stream, steps=3)
    assert stream.events == ["read", "read", 1, 2]


def test_an_error_in_a_batch_that_is_not_needed_is_not_raised():
    stream = Stream(fails=2)
    assert go(stream, steps=2).steps == 2


def test_the_generator_is_closed_at_the_end():
    opened = []

    def data(epoch):
        opened.append(problems.batches(epoch))
        return opened[-1]

    fit(Task(problems.init, problems.loss, data), jgd.sgd(0.1), steps=1)
    assert opened[-1].gi_frame is None  # closed, though it is held here


def test_the_position_counts_what_was_taken():
    feed = Feed(problems.batches, Position(0, 0))
    feed.read_ahead(2)
    assert feed.position == Position(0, 0)
    taken = feed.take(1)
    assert feed.position == Position(0, 1)
    np.testing.assert_array_equal(taken["x"][0], next(iter(problems.batches(0)))["x"])
    np.testing.assert_array_equal(
        feed.take(1)["x"], Feed(problems.batches, feed.position._replace(index=1)).take(1)["x"]
    )
