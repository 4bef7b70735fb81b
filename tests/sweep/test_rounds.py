"""Sweeps in rounds: one set of programs for all, samplers that learn, folders and interrupts."""

import os
import signal
import warnings
from typing import Any

import jax
import numpy as np
import optuna
import pytest
from jax.tree_util import Partial

import jgd
from jgd.sweep import choice, from_optuna, grid, halving, load, loguniform, run, uniform
from jgd.sweep.engine import loop as engine_module
from jgd.sweep.engine import rounds as rounds_module
from jgd.sweep.lanes.programs import PROGRAMS
from jgd.train import Task
from tests.train import problems

TASK = problems.task(5)
SGD = jgd.sgd(loguniform(1e-4, 1e3))
USUAL = {"num_trials": 16, "steps": 12, "eval_every": 4, "progress": False, "metric": "distance"}
FUNCTION = {"task": lambda hp, key: hp["x"] ** 2, "spaces": {"x": uniform(0.0, 1.0)}, "metric": "loss"}
FUNCTION |= {"steps": None, "eval_every": None}
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}  # other programs may fuse a sum otherwise


def sweep(spaces=SGD, task=TASK, **options):
    return run(task, spaces, **{**USUAL, **options})


def scaled(scale, params, batch):
    return scale * problems.loss(params, batch)[0]


def test_rounds_of_a_sampler_that_does_not_listen_are_one_round():
    whole, parts = sweep(), sweep(rounds=3)
    assert [trial.params for trial in parts.trials] == [trial.params for trial in whole.trials]
    assert [trial.number for trial in parts.trials] == list(range(16))
    np.testing.assert_array_equal(parts.status, whole.status)
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(parts.curves[name], curve, **CLOSE)
    assert (parts.lane_steps, parts.programs) == (whole.lane_steps, 1)
    assert parts.groups[0].trials == 16


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        ({"spaces": {"a": SGD, "b": jgd.sgd(0.1)}, "num_trials": 6, "rounds": 3}, (84, 84)),  # 6 + 1 trials, 12 steps
        ({"spaces": jgd.sgd(grid([0.1, 0.2])), "num_trials": 6, "rounds": 3, "sampler": "random"}, (72, 24)),
        (FUNCTION | {"num_trials": 6, "rounds": 3, "seeds": 2}, (12, 12)),  # a call is a step
    ],
    ids=["task", "fewer", "function"],
)
def test_all_rounds_are_one_line_with_the_total_of_all(options, ends, monkeypatch):
    lines = []

    class Line:
        def __init__(self, title, total, show):
            self.totals, self.done, self.shown = [total], [], 0
            lines.append(self)

        def __enter__(self):
            self.shown += 1
            return self

        def __exit__(self, *_):
            self.shown -= 1

        def update(self, done, note=""):
            assert self.shown == 1
            assert done <= self.totals[-1]
            self.done.append(done)

        def expect(self, total):
            self.totals.append(total)

        def start_at(self, done):
            assert done == max(self.done, default=0)  # what this call did itself: there is no folder

    monkeypatch.setattr(rounds_module, "Progress", Line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a grid of two settings says that it has no more
        sweep(**options)
    (line,) = lines
    assert (line.totals[0], line.totals[-1]) == ends
    assert line.done == sorted(line.done)
    assert line.done[-1] == ends[-1]
    assert line.shown == 0


@pytest.mark.usefixtures("no_programs")
@pytest.mark.parametrize(
    ("spaces", "task"),
    [
        (SGD, TASK),
        ({"a": SGD, "b": jgd.sgd(0.1), "c": jgd.adam(grid([0.1 + 0.01 * i for i in range(9)]), b1=0.8)}, TASK),
        (SGD, Task(problems.init, Partial(scaled, uniform(0.5, 1)), problems.arrays(), 5, evaluate=problems.evaluate)),
    ],
    ids=["one", "several", "task"],
)
def test_later_rounds_compile_nothing(spaces, task):
    # Nine trials in rounds of two and one.
    once = sweep(spaces, task, num_trials=9, rounds=1, seeds=2)
    PROGRAMS.clear()
    often = sweep(spaces, task, num_trials=9, rounds=5, seeds=2)
    assert often.compilations == once.compilations
    assert often.programs == once.programs
    order = np.lexsort(([trial.number for trial in often.trials], [trial.space for trial in often.trials]))
    np.testing.assert_array_equal(
        often.reached[order], once.reached[np.argsort([t.space for t in once.trials], kind="stable")]
    )


def test_tpe_spends_its_trials_where_they_are_good():
    space = choice({"sgd": SGD, "still": jgd.adam(loguniform(1e-9, 1e-6))})
    learned, drawn = (sweep(space, sampler=sampler, num_trials=64) for sampler in ("tpe", "random"))
    # By chance a half choose sgd, and a third of those have a rate that neither stands still nor diverges.
    good = [np.mean(np.median(result.values, axis=1) < 2.0) for result in (learned, drawn)]
    assert good[0] > 2 * good[1]
    assert learned.best_value <= drawn.best_value
    assert learned.programs == drawn.programs == 2


def test_samplers_of_optuna_work_in_rounds():
    result = sweep(sampler=from_optuna(optuna.samplers.TPESampler(seed=0)))
    assert (len(result.trials), result.programs) == (16, 1)
    assert len({trial.units for trial in result.trials}) == 16


def test_a_folder_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    options = {"sampler": "tpe", "num_trials": 24, "seeds": 2}
    whole = sweep(**options)
    real, calls = engine_module.Loop._run_chunk, []

    def interrupted(self, *args):
        real(self, *args)
        calls.append(0)
        if len(calls) in (2, 5):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(engine_module.Loop, "_run_chunk", interrupted)
    first = sweep(dir=tmp_path, **options)
    assert first.interrupted
    assert len(first.trials) < 24
    assert sweep(dir=tmp_path, **options).interrupted
    last = sweep(dir=tmp_path, **options)
    assert not last.interrupted
    for other in (last, load(tmp_path)):
        for name, curve in whole.curves.items():
            np.testing.assert_array_equal(other.curves[name], curve)
        assert [trial.units for trial in other.trials] == [trial.units for trial in whole.trials]
        assert [group[:2] for group in other.groups] == [group[:2] for group in whole.groups]  # of all rounds together
        assert (other.programs, other.lane_steps) == (whole.programs, whole.lane_steps)
    assert sweep(dir=tmp_path, **options).compilations == 0


class Hearing:
    """Random points, and what became of them."""

    def __init__(self, axes, seed):
        self.rng, self.told, self.pruned = np.random.default_rng(seed), {}, {}

    def ask(self, count):
        return self.rng.random((count, 1))

    def tell(self, ids, values):
        self.told.update(zip(ids, values, strict=True))

    def tell_pruned(self, ids, values, steps):
        self.pruned.update(zip(ids, zip(values, steps, strict=True), strict=True))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_samplers_hear_what_pruned_trials_had_reached(mode):
    made = []
    options = {"num_trials": 12, "rounds": 2, "seeds": 3, "steps": 16, "mode": mode, "stop": halving(4)}
    space = jgd.sgd(loguniform(1e-4, 1e14))
    result = sweep(space, sampler=lambda axes, seed: made.append(Hearing(axes, seed)) or made[-1], **options)
    (sampler,) = made
    sign, last = 1 if mode == "min" else -1, result.last("distance")
    assert {"pruned", "diverged", "complete"} == set(result.status.ravel())
    assert sampler.pruned
    for i, state in enumerate(result.status):
        reached = float(np.median(np.where(np.isfinite(last[i]), sign * last[i], np.inf)))
        if "pruned" in state and np.isfinite(reached):
            (step,) = {int(result.steps[points - 1]) for points in result.reached[i][state == "pruned"]}
            assert sampler.pruned[i] == (reached, step)
            assert i not in sampler.told
        else:
            assert sampler.told[i] == (reached if "complete" in state else np.inf)
            assert i not in sampler.pruned


def test_what_was_ended_without_a_value_has_failed():
    def late(params):
        distance = problems.evaluate(params)["distance"]
        return {"late": jax.numpy.where(distance < 2.5, distance, jax.numpy.nan)}

    made = []
    task = Task(problems.init, problems.loss, problems.arrays(), 5, evaluate=late)
    options = {"num_trials": 12, "rounds": 2, "metric": "late", "stop": halving(4)}
    result = sweep(task=task, sampler=lambda axes, seed: made.append(Hearing(axes, seed)) or made[-1], **options)
    nothing = (result.status[:, 0] == "pruned") & np.isnan(result.last("late")[:, 0])
    assert nothing.any()
    assert all(made[0].told[i] == np.inf for i in np.flatnonzero(nothing))
    assert all(np.isfinite(value) for value, _ in made[0].pruned.values())


def test_a_folder_knows_whether_rounds_follow(tmp_path, monkeypatch):
    real = engine_module.Loop.stage

    def stage(self, *args):
        real(self, *args)
        self.interrupt.requested = True  # a Ctrl-C just as the round ends

    monkeypatch.setattr(engine_module.Loop, "stage", stage)
    asked = {"sampler": "tpe", "rounds": 4, "dir": tmp_path}
    assert sweep(**asked).interrupted
    assert load(tmp_path).interrupted
    monkeypatch.undo()
    assert not sweep(**asked).interrupted
    assert not load(tmp_path).interrupted


class RunsDry:
    """A sampler with four points."""

    def __init__(self, axes, seed):
        self.points = list(np.linspace(0.2, 0.5, 4))

    def ask(self, count):
        found, self.points = self.points[:count], self.points[count:]
        return np.reshape(found, (-1, 1))

    def tell(self, ids, values):
        pass


def test_a_sampler_that_has_no_more_has_ended_the_sweep(tmp_path):
    result = sweep(sampler=RunsDry, rounds=8, dir=tmp_path)
    assert len(result.trials) == 4
    assert not result.interrupted
    assert not load(tmp_path).interrupted
