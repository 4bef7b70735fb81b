"""Out of memory: half as many lanes go on from the last states that are on the host, and it is said once."""

from typing import Any

import jax
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import grid, halving, loguniform, population, run
from jgd.sweep.engine.loop import Loop
from jgd.sweep.lanes.compiler import Preparation
from jgd.sweep.lanes.curves import Records
from jgd.sweep.lanes.layout import Layout, halve
from tests.train import problems

SPACE = jgd.adam(loguniform(1e-3, 1.0))
FULL = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.")
OPTIONS = {"num_trials": 8, "seeds": 2, "steps": 12, "eval_every": 4, "progress": False}
# Another width may fuse a sum otherwise: units in the last place, grown over a dozen steps.
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}


def sweep(**options):
    return run(problems.task(5), SPACE, **OPTIONS, **options)


@pytest.fixture(scope="module")
def expected():
    return sweep()


def short_of_memory(monkeypatch, most, calls=0):
    """Segments of more than `most` lanes fail, after so many that do not."""
    real, counted = Loop._begin, []

    class Short:
        def __init__(self, program, chunk):
            self.program, self.chunk = program, chunk

        def __call__(self, states, *args):
            counted.append(1)
            if self.chunk > most and len(counted) > calls:
                jax.tree.map(lambda x: x.delete(), states)  # as what was donated is gone
                raise FULL
            return self.program(states, *args)

    def begin(self, ready, chunk, alive):
        for length, program in ready.segments.items():
            if not isinstance(program, Short):
                ready.segments[length] = Short(program, ready.layout.chunk)
        return real(self, ready, chunk, alive)

    monkeypatch.setattr(Loop, "_begin", begin)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(("calls", "stored"), [(0, False), (2, False), (2, True)])
def test_half_as_many_lanes_go_on(expected, monkeypatch, tmp_path, lanes, calls, stored):
    short_of_memory(monkeypatch, 4, calls)
    monkeypatch.setattr("jgd.sweep.storage.store.Store.due", True)
    with pytest.warns(UserWarning, match="memory ran out with (16|8) lanes of optimizer in a call") as told:
        result = sweep(lanes=lanes, **({"dir": tmp_path} if stored else {}))
    assert len(told) == 2  # at 16 and at 8
    assert (result.status == "complete").all()
    for name, curve in expected.curves.items():
        np.testing.assert_allclose(result.curves[name], curve, **CLOSE)


@pytest.mark.parametrize(
    "full",
    [
        jax.errors.JaxRuntimeError("INTERNAL: Error dispatching computation: Out of memory allocating 8 bytes."),
        ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes."),
    ],
    ids=["dispatched before", "at once"],
)
def test_memory_runs_out_in_the_words_of_a_cpu(expected, monkeypatch, full):
    monkeypatch.setattr("tests.sweep.test_memory.FULL", full)
    short_of_memory(monkeypatch, 8)
    with pytest.warns(UserWarning, match="memory ran out with 16 lanes"):
        result = sweep(lanes=8)
    np.testing.assert_allclose(result.curves["loss"], expected.curves["loss"], **CLOSE)


def test_later_stages_keep_to_what_memory_holds(expected, monkeypatch):
    short_of_memory(monkeypatch, 4)
    with pytest.warns(UserWarning, match=r"it goes on with . and .; run\(lanes=.\) begins with that") as told:
        result = sweep(lanes=8, stop=halving(4))
    assert len(told) == 2
    same_where_both_are(result, expected)


def test_a_population_goes_on_from_its_last_decision(monkeypatch):
    space = jgd.sgd(grid([0.01, 0.02, 0.05, 0.1, 1e30, 1e31, 1e32, 1e33]))  # the last chunks die with their states
    options = {**OPTIONS, "steps": 32, "evolve": population(16), "sampler": "grid", "devices": jax.devices()[:1]}
    options["lanes"] = 4
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 100)
    calls = []
    whole: Any = run(problems.task(5), space, **options)
    restart = Records.restart
    monkeypatch.setattr(Records, "restart", lambda self: calls.append(restart(self)))
    assert whole.groups[0].layout.chunks == 4
    # Two chunks live for four segments and two for one: the next calls are those after the decision.
    short_of_memory(monkeypatch, 2, 11)
    with pytest.warns(UserWarning, match="memory ran out"):
        result: Any = run(problems.task(5), space, **options)
    assert not calls
    np.testing.assert_array_equal(result.lineage.parents, whole.lineage.parents)
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(result.curves[name], curve, **CLOSE)


def same_where_both_are(pruned, whole):
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(np.where(np.isnan(pruned.curves[name]), curve, pruned.curves[name]), curve, **CLOSE)


def test_a_compiler_without_memory_has_fewer_lanes_too(monkeypatch):
    real = Preparation.one_by_one

    def one_by_one(self, groups, layouts, **told):
        if layouts[0].width > 2:
            raise FULL
        yield from real(self, groups, layouts, **told)

    monkeypatch.setattr(Preparation, "one_by_one", one_by_one)
    with pytest.warns(UserWarning, match="side by side"):
        assert (sweep(lanes=8).status == "complete").all()


def test_one_lane_that_does_not_fit_is_an_error_and_other_failures_stay(monkeypatch):
    short_of_memory(monkeypatch, 0)
    with (
        pytest.warns(UserWarning, match="ran out"),
        pytest.raises(InputError, match="one lane of optimizer on each"),
    ):
        sweep()
    monkeypatch.setattr("tests.sweep.test_memory.FULL", jax.errors.JaxRuntimeError("INTERNAL: broken"))
    with pytest.raises(jax.errors.JaxRuntimeError, match="broken"):
        sweep()


@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("layout", [(8, 5, 3), (1, 7, 2), (5, 1, 1), (2, 3, 4)])
def test_halves_hold_the_same_lanes_on_every_device(devices, layout):
    width, times, chunks = layout
    before = Layout(width, width * times * devices, chunks)
    after: Any = halve(before, devices)
    assert after.width == max(1, width // 2)
    assert after.chunk % (after.width * devices) == 0
    assert after.chunk <= before.chunk // 2 + after.width * devices
    assert after.chunk < before.chunk
    assert after.chunk * after.chunks >= before.chunk * before.chunks
    assert halve(Layout(1, devices, 3), devices) is None
