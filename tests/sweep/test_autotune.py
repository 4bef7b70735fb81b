"""Widths by measurement: only long sweeps pay for it, the fastest that fits is taken, and a folder keeps it."""

from types import SimpleNamespace
from typing import Any

import jax
import pytest

import jgd
from jgd.sweep import loguniform, run
from jgd.sweep.lanes import autotune
from jgd.sweep.lanes.group import group
from jgd.sweep.lanes.layout import Layout
from jgd.sweep.samplers.ask_tell import Proposals
from tests.train import problems

TASK, SPACE = problems.task(5), jgd.adam(loguniform(1e-3, 1.0))
GROUP = group(Proposals(TASK, {"adam": SPACE}, "random", 0, None).ask(4))[0]
RULE = Layout(4, 128, 1)
TOTAL = 128


class Programs:
    """Stands for a preparation: each width needs these bytes, and what was compiled is counted."""

    def __init__(self, bytes_of=lambda width: 0):
        self.devices, self.settings = SimpleNamespace(list=jax.devices("cpu")[:2]), SimpleNamespace(steps=12)
        self.lengths, self.compiled, self.bytes_of = [4], [], bytes_of

    def compile(self, groups, layouts):
        self.compiled += layouts
        return [SimpleNamespace(layout=x, segments={4: self.program(x.width)}) for x in layouts]

    def program(self, width):
        found = SimpleNamespace(argument_size_in_bytes=1 << 20, temp_size_in_bytes=self.bytes_of(width))
        return SimpleNamespace(memory_analysis=lambda: found)


def measured(programs: Any, *planned):
    return autotune.measured(programs, *planned)


@pytest.fixture
def taken(monkeypatch):
    """Let every sweep be long, and a lane of each width takes what this dict says, else a second."""
    taken = {}
    monkeypatch.setattr(autotune, "LONG", 0.0)
    monkeypatch.setattr(autotune, "SHARE", 100.0)
    monkeypatch.setattr(autotune, "segment_seconds", lambda _, x: taken.get(x.layout.width, 1.0) * x.layout.chunk)
    return taken


def test_a_short_sweep_compiles_nothing():
    programs = Programs()
    assert measured(programs, GROUP, RULE, TOTAL) == RULE
    assert programs.compiled == []


def test_the_fastest_width_is_taken(taken):
    taken[16] = 0.5
    programs = Programs()
    assert measured(programs, GROUP, RULE, TOTAL).width == 16
    assert [row.width for row in programs.compiled] == [1, 4, 16, 64]
    assert len({row.chunk for row in programs.compiled}) == 1


def test_a_small_gain_is_noise(taken):
    taken[16] = 0.95
    assert measured(Programs(), GROUP, RULE, TOTAL) == RULE


def test_measuring_takes_a_small_share_of_the_steps(taken, monkeypatch):
    monkeypatch.setattr(autotune, "SHARE", 0.02)
    programs = Programs()
    assert measured(programs, GROUP, RULE, TOTAL) == RULE
    assert programs.compiled == []


def test_a_width_that_memory_does_not_hold_is_not_taken(taken):
    taken |= {16: 0.5, 64: 0.1}
    programs = Programs(lambda width: width * (1 << 23))  # 64 need half a gigabyte, twice what a chunk may have
    assert measured(programs, GROUP, RULE, TOTAL).width == 16


def test_a_folder_keeps_its_layout_and_the_users_lanes_go_first(tmp_path, monkeypatch):
    options = {"num_trials": 6, "steps": 12, "eval_every": 4, "progress": False}
    asked = []
    monkeypatch.setattr("jgd.sweep.engine.rounds.measured", lambda _, one, rule, total: asked.append(1) or rule)
    assert run(TASK, SPACE, **options, lanes=3).groups[0].layout.width == 3
    assert asked == []
    first = run(TASK, SPACE, **options, dir=tmp_path)
    assert asked == [1]
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 200)
    again = run(TASK, SPACE, **options, dir=tmp_path)
    assert asked == [1]
    assert again.groups[0].layout == first.groups[0].layout
