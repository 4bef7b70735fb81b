"""The progress line while programs compile: what it promises, and where it promises nothing."""

import threading
from typing import Any

import pytest

import jgd
from jgd.core.progress import Progress
from jgd.sweep import halving, loguniform, run
from jgd.sweep.engine.loop import Loop
from jgd.sweep.lanes.compiler import Preparation
from jgd.sweep.lanes.compiling_line import CompilingLine
from tests.train import problems

pytestmark = pytest.mark.usefixtures("no_programs")


class World:
    """A clock and a count of programs that were found in the cache, both set by hand."""

    now, found = 100.0, 3

    def line(self, running=None):
        return CompilingLine(running, lambda: self.now, lambda: self.found)


@pytest.fixture
def world():
    return World()


def test_it_promises_nothing_before_a_program_is_done(world):
    assert world.line(5.0).note(0, 8, 12.0) == "compiling, 0 of 8 programs done"


def test_it_counts_down_to_what_the_next_program_says(world):
    line = world.line()
    assert line.note(1, 8, 12.4) == "compiling, 1 of 8 programs done, about 12 s left"
    world.now += 4
    assert line.note(1, 8, 12.4) == "compiling, 1 of 8 programs done, about 8 s left"
    assert line.note(2, 8, 1500.0) == "compiling, 2 of 8 programs done, about 1,500 s left"
    assert line.note(7, 8, 0.2) == "compiling, 7 of 8 programs done, about 1 s left"


def test_what_takes_longer_than_promised_is_promised_no_more(world):
    line = world.line()
    line.note(1, 2, 3.0)
    world.now += 3
    assert line.note(1, 2, 3.0) == "compiling, 1 of 2 programs done"


def test_programs_from_the_cache_are_no_measure(world):
    line = world.line()
    world.found += 1
    assert line.note(4, 8, 0.1) == "compiling, 4 of 8 programs done"


def test_it_adds_the_time_of_running_where_that_is_known(world):
    said = world.line(41.7).note(1, 3, 4.0)
    assert said == "compiling, 1 of 3 programs done, about 4 s left, then about 42 s of running"


def test_a_sweep_says_so_and_knows_the_pace_of_the_stage_before(monkeypatch):
    notes, inner = [], Progress.update

    def update(self, done, note=""):
        notes.append(note)
        inner(self, done, note)

    known = []
    monkeypatch.setattr(Progress, "update", update)
    monkeypatch.setattr(
        "jgd.sweep.engine.loop.CompilingLine", lambda running: known.append(running) or CompilingLine(running)
    )
    spaces = {"sgd": jgd.sgd(loguniform(1e-3, 0.1)), "adam": jgd.adam(loguniform(1e-3, 0.1))}
    asked = {"num_trials": 16, "steps": 40, "eval_every": 5, "lanes": 8, "stop": halving(5), "progress": False}
    run(problems.task(5), spaces, **asked)
    assert any(note.startswith("compiling, 0 of 2 programs done") for note in notes)
    assert known[0] is None
    assert all(seconds > 0 for seconds in known[1:])
    assert len(known) > 1


def test_programs_of_an_earlier_stage_do_not_count(monkeypatch):
    heard, prepared = [], Preparation.one_by_one

    def compile_twice(self, groups, layouts, **others: Any):
        list(prepared(self, groups, layouts))
        yield from prepared(self, groups, layouts, **{**others, "tell": lambda *row: heard.append(row)})

    monkeypatch.setattr(Preparation, "one_by_one", compile_twice)
    run(problems.task(5), jgd.sgd(loguniform(1e-3, 0.1)), num_trials=2, steps=4, progress=False, lanes=1)
    assert heard == []


def test_a_program_runs_while_the_next_ones_compile(monkeypatch):
    ran, real_run, real_compile = threading.Event(), Loop.run, Preparation._timed

    def run_and_say_so(self, ready, start, until):
        real_run(self, ready, start, until)
        ran.set()

    def wait_for_the_first(self, compile):
        # The first group's two programs begin at once; of the second's the last waits.
        assert self.compilations < 4 or ran.wait(60), "nothing ran before all was compiled"
        return real_compile(self, compile)

    monkeypatch.setattr(Preparation, "overlaps", True)  # as on an accelerator
    monkeypatch.setattr(Loop, "run", run_and_say_so)
    monkeypatch.setattr(Preparation, "_timed", wait_for_the_first)
    spaces = {"sgd": jgd.sgd(loguniform(1e-3, 0.1)), "adam": jgd.adam(loguniform(1e-3, 0.1))}
    run(problems.task(5), spaces, num_trials=2, steps=4, progress=False, lanes=1)


@pytest.mark.parametrize("how", ["a request", "an error"])
def test_what_ends_a_sweep_ends_its_compiling(how, monkeypatch):
    begun, abandoned, real_run, real_abandon = [], threading.Event(), Loop.run, Preparation.abandon

    def run_and_end(self, ready, start, until):
        real_run(self, ready, start, until)
        if how == "an error":
            raise KeyboardInterrupt
        self.interrupt.requested = True

    def compile_one_by_one(self, compile):
        begun.append(compile)
        assert len(begun) < 3 or abandoned.wait(60), "the first program did not run"
        return compile()

    def abandon(self):
        real_abandon(self)
        abandoned.set()

    monkeypatch.setattr(Preparation, "overlaps", True)
    monkeypatch.setattr(Preparation, "_timed", compile_one_by_one)
    monkeypatch.setattr(Preparation, "abandon", abandon)
    monkeypatch.setattr("jgd.sweep.lanes.compiler.cores", lambda: 1)
    monkeypatch.setattr(Loop, "run", run_and_end)
    spaces = {"sgd": jgd.sgd(loguniform(1e-3, 0.1)), "adam": jgd.adam(loguniform(1e-3, 0.1))}
    asked = {"num_trials": 2, "steps": 4, "progress": False, "lanes": 1}
    if how == "an error":
        with pytest.raises(KeyboardInterrupt):
            run(problems.task(5), spaces, **asked)
    else:
        result = run(problems.task(5), spaces, **asked)
        assert result.interrupted
        assert (result.status == "complete").sum() == 2
    # Those of the first program, and one that had begun; the last never does.
    assert len(begun) == 3


def test_a_request_while_programs_compile_waits_for_none(monkeypatch):
    def ask(self, done, note=""):
        loops[0].interrupt.requested = True
        go.set()

    loops, go, real = [], threading.Event(), Loop.stage

    def stage(self, *args):
        loops.append(self)
        real(self, *args)

    monkeypatch.setattr(Loop, "stage", stage)
    monkeypatch.setattr(Progress, "update", ask)
    monkeypatch.setattr(Preparation, "_timed", lambda self, compile: go.wait(60) and compile())
    result = run(problems.task(5), jgd.sgd(loguniform(1e-3, 0.1)), num_trials=2, steps=4, progress=False, lanes=1)
    assert result.interrupted
    assert (result.status == "pending").all()
