"""ASHA: rounds compete with all that came to a rung before them, alike in a sweep, after kills and in a folder."""

import math
import signal
from typing import Any

import numpy as np
import pytest

import jgd
from jgd.sweep import asha, at_target, halving, load, loguniform, median_rule, plan, replay, resume, run
from jgd.sweep.engine.loop import Loop
from jgd.sweep.lanes.curves import GOES_ON, PRUNED, Records
from jgd.sweep.lanes.settings import Settings
from tests.sweep.killing import assert_same, through_kills
from tests.train import problems

TASK = problems.task(5)
RATES = loguniform(1e-4, 0.3)
SPACES = {"sgd": jgd.sgd(RATES), "adam": jgd.adam(RATES)}
LAST = 12  # points of the curves below


def settings_for(*stop, seeds=1):
    return Settings(tuple(range(seeds)), LAST, 1, "loss", "min", 1.0, stop)


def study(rng, seeds=1):
    """Curves f[T, seeds, LAST] of trials, some of which diverge, in rounds of different luck; rounds and spaces."""
    sizes = rng.integers(1, 9, rng.integers(1, 6))
    rounds = np.repeat(np.arange(len(sizes)), sizes)
    spaces = rng.choice(["a", "b"], len(rounds))
    level = rng.normal(size=len(sizes))[rounds] + rng.normal(size=len(rounds))
    curves = level[:, None, None] + 0.3 * rng.normal(size=(len(rounds), seeds, LAST)) + 3 / np.arange(1, LAST + 1)
    curves = curves.round(1)  # so that there are ties
    fails = np.where(rng.random(curves.shape[:2]) < 0.2, rng.integers(0, LAST, curves.shape[:2]), LAST)
    return np.where(np.arange(LAST) < fails[..., None], curves, np.nan), rounds, spaces


def enter(records, curves, going, until):
    """Let lanes go to so many points."""
    known = np.minimum(np.isfinite(curves).sum(axis=2), until)
    failed = known < until
    at = np.nonzero(going)
    shown = np.where(np.arange(LAST) < known[..., None], curves, np.nan)
    rows = {"reached": known, "diverged_at": np.where(failed, known, -1), "curves/loss": shown}
    records.put(*at, {name: x[at] for name, x in rows.items()})


def trained(settings, curves, rounds, spaces) -> Any:
    """Return the records of a sweep that trains round after round."""
    before = None
    for now in np.unique(rounds):
        there = rounds <= now
        records = Records(int(there.sum()), settings, ["loss"])
        if before:
            records.copy(before)
        while until := records.settle((rounds[there] == now).astype(int), spaces[there]):
            going = records.going & (records.reached < until)
            # Lanes come to their targets one point after another.
            for point in range(1, until + 1):
                enter(records, curves[there], going & records.going & (records.reached < point), point)
        before = records
    return before


def read(settings, other, rounds, spaces):
    """Read a folder with these records, all rounds at once."""
    records = Records(len(rounds), settings, ["loss"])
    trials, seeds = (x.ravel() for x in np.indices(other.reached.shape))
    records.put(trials, seeds, other.rows(trials, seeds))
    assert records.settle(rounds, spaces) == 0
    return records


def reference(curves, rounds, spaces, rungs, eta):
    """Return the rungs, counted from 1, that trials end at; 0 for those that end at none. One lane each."""
    board, ended = {}, np.zeros(len(curves), int)
    for now in sorted(set(rounds)):
        for k, rung in enumerate(rungs):
            here = []
            for i in range(len(curves)):
                begun = k == 0 or np.isfinite(curves[i, 0, rungs[k - 1] - 1])
                if rounds[i] == now and not ended[i] and begun:
                    value = curves[i, 0, rung - 1]
                    here.append(i)
                    board.setdefault((spaces[i], k), []).append((value if np.isfinite(value) else math.inf, i))
            for i in here:
                came = sorted(board[spaces[i], k])
                place = [number for _, number in came].index(i)
                if place >= max(1, len(came) // eta) and np.isfinite(curves[i, 0, rung - 1]):
                    ended[i] = k + 1
    return ended


@pytest.mark.parametrize("eta", [2, 3])
def test_it_decides_as_a_plain_reference(eta):
    settings = settings_for(asha(2, eta))
    rungs = settings.stop[0].decides(settings.points)
    assert rungs == {2: [2, 4, 8], 3: [2, 6]}[eta]
    ends, many = [], 60
    for seed in range(many):
        curves, rounds, spaces = study(np.random.default_rng(seed))
        expected = reference(curves, rounds, spaces, rungs, eta)
        records = trained(settings, curves, rounds, spaces)
        np.testing.assert_array_equal(records.ended[:, 0] == PRUNED, expected > 0)
        pruned = expected > 0
        np.testing.assert_array_equal(records.reached[pruned, 0], np.array(rungs)[expected[pruned] - 1])
        ends.append(pruned.mean())
    assert 0.3 < np.mean(ends) < 0.9


@pytest.mark.parametrize(
    "stop",
    [(asha(2),), (asha(1, 3), median_rule(2)), (asha(2), at_target()), (halving(2), at_target()), (halving(2),)],
)
def test_decisions_are_made_once_and_read_back_alike(stop):
    settings = settings_for(*stop, seeds=3)
    for seed in range(20):
        curves, rounds, spaces = study(np.random.default_rng(seed), seeds=3)
        records = trained(settings, curves, rounds, spaces)
        np.testing.assert_array_equal(read(settings, records, rounds, spaces).ended, records.ended)
        # What the first rounds decided is what they decide alone.
        first = rounds < rounds.max()
        if first.any():
            alone = trained(settings, curves[first], rounds[first], spaces[first])
            np.testing.assert_array_equal(records.ended[first], alone.ended)


def test_in_one_round_it_is_halving():
    for seed in range(20):
        curves, rounds, spaces = study(np.random.default_rng(seed))
        curves, once = np.nan_to_num(curves, nan=9.0), np.zeros_like(rounds)
        ours, theirs = (trained(settings_for(rule(2)), curves, once, spaces) for rule in (asha, halving))
        np.testing.assert_array_equal(ours.ended, theirs.ended)
    assert_same(*(sweep(stop=rule(4), sampler="sobol") for rule in (asha, halving)))


def test_where_most_fail_it_keeps_a_share_of_what_came_through():
    curves = np.full((8, 1, LAST), np.nan)
    curves[:2] = np.arange(2)[:, None, None]
    left = [
        (trained(settings_for(rule(4)), curves, np.zeros(8, int), np.array(["a"] * 8)).ended == GOES_ON)[:2].sum()
        for rule in (asha, halving)
    ]
    # Both are among the best four of eight at the first rung. At the second halving keeps two of eight, and ASHA one of
    # the two that came.
    assert left == [1, 2]


class Listed:
    """Proposes these points, round after round."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)

    def ask(self, count):
        return np.array(self.rounds.pop(0))[:count, None]

    def tell(self, ids, values):
        pass


def sweep(spaces=SPACES, **options):
    usual = {"num_trials": 12, "seeds": 2, "steps": 32, "eval_every": 2, "metric": "distance", "lanes": 1}
    return run(TASK, spaces, progress=False, **{**usual, **options})


def test_a_bad_round_ends_whole_and_a_better_one_goes_on_whole():
    good, better, bad = np.linspace(0.8, 0.85, 4), np.linspace(0.9, 0.95, 4), np.linspace(0.0, 0.1, 4)
    options = {"num_trials": 8, "rounds": 2, "eval_every": 8}
    worse = sweep(jgd.sgd(RATES), sampler=Listed(good, bad), stop=asha(8), **options)
    assert (worse.status[4:] == "pruned").all()
    assert (worse.reached[4:] == 1).all()
    halved = sweep(jgd.sgd(RATES), sampler=Listed(good, bad), stop=halving(8), **options)
    assert (halved.reached[:4] == worse.reached[:4]).all()
    assert (halved.status[4:] == "complete").any()
    rising = sweep(jgd.sgd(RATES), sampler=Listed(good, better), stop=asha(8), **options)
    assert (rising.reached[4:] > 1).all()
    assert (rising.reached[:4] == worse.reached[:4]).all()


LEARNING = {"sampler": "tpe", "rounds": 3, "stop": asha(4)}


def test_kills_resume_to_the_same_bits(tmp_path, monkeypatch, every_segment):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 400)  # a few lanes a call
    options = {**LEARNING, "lanes": 4, "eval_every": 4}
    expected = sweep(**options)
    assert (expected.status == "pruned").any()
    result, kills = through_kills(monkeypatch, lambda: sweep(dir=tmp_path, **options), every=29)
    assert kills > 1
    for other in (result, load(tmp_path), resume(tmp_path, TASK, SPACES, lanes=4, progress=False)):
        assert_same(other, expected)


def test_a_sweep_that_is_cut_anywhere_is_read_as_it_was(tmp_path, monkeypatch):
    inner, cuts = Loop._run_chunk, []

    def run_chunk(self, *args):
        inner(self, *args)
        cuts.append(args)
        if len(cuts) % 9 == 0:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Loop, "_run_chunk", run_chunk)
    while (result := sweep(dir=tmp_path, **LEARNING)).interrupted:
        np.testing.assert_array_equal(load(tmp_path).status, result.status)
    assert len(cuts) >= 18
    monkeypatch.undo()
    assert_same(result, sweep(**LEARNING))


def test_a_lane_of_it_is_replayed_and_its_plan_is_told(tmp_path):
    result = sweep(dir=tmp_path, **LEARNING)
    alone = replay(tmp_path, task=TASK, spaces=SPACES)
    np.testing.assert_allclose(alone.curves["distance"], result.curves["distance"][result.best().number, 0], rtol=1e-4)
    options = {"num_trials": 12, "steps": 32, "eval_every": 4, "metric": "distance", **LEARNING}
    assert len(plan(TASK, SPACES, **options).programs) == result.programs == 2
