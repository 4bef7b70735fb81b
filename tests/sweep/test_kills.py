"""Kills of every kind of study: at whichever write, the same call ends in the bits of the uninterrupted one."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import jax
import pytest

import jgd
from jgd import sweep
from jgd.sweep import (
    arguments,
    asha,
    at_target,
    choice,
    halving,
    hyperband,
    load,
    loguniform,
    median_rule,
    population,
    structural,
)
from jgd.sweep import study as study_module
from jgd.sweep.engine import rounds, work_queue
from tests.sweep.killing import assert_same, each_kill
from tests.tiers import at_once
from tests.train import problems

RATE = loguniform(1e-2, 1e8)  # of which some diverge at once
WILD, MILD = jgd.sgd(RATE), jgd.adam(loguniform(1e-2, 1.0))
LEARNS = {"sampler": "tpe", "rounds": 2}
PLAIN = problems.task(5)


def train(hp, key):
    return {"loss": hp["rate"] * jax.random.normal(key), "wide": 1.0 if hp["wide"] else 0.0}


def study(task, spaces, steps=8, **options):
    inside = {} if task is train else {"steps": steps, "eval_every": 2}
    usual = {"num_trials": 4, "seeds": 2, "progress": False, "lanes": 1, **inside}

    def call(folder=None, **more):
        return sweep.run(task, spaces, dir=folder, **{**usual, **options, **more})

    return call


KINDS = {
    "plain": study(PLAIN, {"sgd": WILD, "adam": MILD}, num_trials=2, metrics=("gradient_norm",)),
    "halving": study(PLAIN, WILD, stop=halving(2)),
    "hyperband": study(PLAIN, WILD, stop=hyperband(2)),
    "median and target": study(PLAIN, WILD, stop=[median_rule(2), at_target()], target=0.5),
    "ASHA with TPE": study(PLAIN, WILD, stop=asha(2), **LEARNS),
    "population": study(PLAIN, WILD, evolve=population(2), metric="distance"),
    "choice": study(PLAIN, choice([WILD, MILD]), steps=4, **LEARNS),
    "structural": study(PLAIN, jgd.muon(0.1, ns_steps=structural([1, 2])), steps=4, num_trials=2, sampler="grid"),
    "functions": study(train, {"rate": loguniform(0.1, 1.0), "wide": choice([True, False])}, **LEARNS),
}
GROWN = {"num_trials": 6, "seeds": 3, "steps": 12}
SHARED = {"plain": {}, "halving": {"stop": halving(2)}, "population": {"evolve": population(2)}}


@pytest.fixture(autouse=True)
def no_programs():
    """Unlike elsewhere, tests have each other's programs."""


@pytest.fixture(autouse=True)
def made_once(monkeypatch):
    """The calls of a test make their programs and texts once: all are of one study, whose folder is what is tested."""

    def once(owner, name, key=lambda *args: threading.current_thread().name):
        inner, made, lock = getattr(owner, name), {}, threading.Lock()

        def call(*args):
            with lock:
                if (known := key(*args)) not in made:
                    made[known] = inner(*args)
                return made[known]

        monkeypatch.setattr(owner, name, call)

    once(rounds, "Preparation", lambda settings, _: (settings.seeds, settings.steps, threading.current_thread().name))
    once(study_module, "code_texts")
    once(arguments, "curve_names")
    once(work_queue, "environment")


@pytest.mark.parametrize("call", at_once(["plain", "halving", "ASHA with TPE", "population"], KINDS))
def test_a_kill_at_any_write_changes_nothing(call, tmp_path, monkeypatch, every_segment):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 400)  # a few lanes a call
    expected = call()
    whole, left = each_kill(monkeypatch, tmp_path, call)
    assert_same(whole, expected)
    assert len(left) > 5
    for folder in left:
        assert_same(call(folder), expected)
    assert_same(load(left[-1]), expected)


@pytest.mark.parametrize("more", at_once(["num_trials"], {name: {name: n} for name, n in GROWN.items()}))
def test_a_kill_while_a_study_grows_changes_nothing(more, tmp_path, monkeypatch, every_segment):
    call = study(PLAIN, WILD, num_trials=3)
    call(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "other")
    expected = call(tmp_path / "other", **more)
    whole, left = each_kill(monkeypatch, tmp_path, lambda folder: call(folder, **more))
    for result in (whole, *(call(folder, **more) for folder in left)):
        assert_same(result, expected)


@pytest.mark.parametrize("kind", at_once(["plain"], SHARED))
def test_a_kill_of_two_workers_changes_nothing(kind, tmp_path, monkeypatch, every_segment):
    call = study(PLAIN, WILD, steps=4, **kind)
    expected = call()

    def both(folder):
        with ThreadPoolExecutor(2, thread_name_prefix="worker") as threads:
            return [one.result() for one in [threads.submit(call, folder, workers=2) for _ in range(2)]]

    whole, left = each_kill(monkeypatch, tmp_path, both)
    for i, folder in enumerate(left):
        assert_same(call(folder, workers=(2, None)[i % 2]), expected)
    for result in whole:
        assert_same(result, expected)
