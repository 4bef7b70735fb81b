"""Rules that end lanes: whom they end, that the others do not notice, and that a store goes on with them."""

import signal
from typing import Any

import jax
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import asha, at_target, grid, halving, hyperband, load, loguniform, median_rule, run
from jgd.sweep.engine import loop as engine_module
from jgd.sweep.lanes.programs import PROGRAMS
from jgd.sweep.pruners.rules import Halving, Hyperband, Median
from tests.sweep.killing import through_kills
from tests.train import problems

wrong: Any = jgd.sweep  # for arguments of a wrong type

TASK = problems.task(5)
RATES = np.geomspace(1e-4, 0.3, 16).tolist()
SPACE = jgd.sgd(grid(RATES))
POINTS = np.arange(2, 33, 2)
# Another width is another program: units in the last place, grown over a few dozen steps.
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}


def sweep(spaces: Any = SPACE, **options):
    usual = {"num_trials": 16, "seeds": 1, "steps": 32, "eval_every": 2, "sampler": "grid", "metric": "distance"}
    return run(TASK, spaces, progress=False, **{**usual, **options})


@pytest.fixture(scope="module")
def whole():
    PROGRAMS.clear()  # its own are counted
    return sweep(lanes=1)


def assert_survivors_are(result, whole, exactly):
    """Hold that every point that a lane has is that of the sweep without rules."""
    for name, curve in whole.curves.items():
        there = np.arange(curve.shape[-1]) < result.reached[..., None]
        if exactly:
            np.testing.assert_array_equal(result.curves[name][there], curve[there])
        else:
            np.testing.assert_allclose(result.curves[name][there], curve[there], **CLOSE)
        assert np.isnan(result.curves[name][~there]).all()


@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize("devices", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_halving_keeps_the_best_and_changes_no_number(whole, lanes, devices):
    result = sweep(stop=halving(4), lanes=lanes, devices=jax.devices()[:devices])
    assert np.bincount(result.reached[:, 0] * 2, minlength=33)[[4, 8, 16, 32]].tolist() == [8, 4, 2, 2]
    assert (result.status == "pruned").sum() == 14
    curve = whole.curves["distance"][:, 0]
    left = np.arange(16)
    for steps, keep in ((4, 8), (8, 4), (16, 2)):
        left = left[np.argsort(curve[left, steps // 2 - 1], kind="stable")[:keep]]
    assert sorted(np.flatnonzero(result.status[:, 0] == "complete")) == sorted(left)
    assert result.best().number in left
    assert_survivors_are(result, whole, exactly=lanes == 1)
    # A third of the steps: 16 x 4 + 8 x 4 + 4 x 8 + 2 x 16 of 16 x 32.
    assert result.lane_steps == 64 + 32 + 32 + 32


@pytest.mark.usefixtures("no_programs")
def test_survivors_go_on_in_narrower_programs(whole):
    wide = sweep(stop=halving(4), lanes=8, devices=jax.devices()[:1])
    # 16 lanes as two of eight; then 8, 4 and 2: the program for 8 is another, since a chunk had 16.
    assert wide.compilations == whole.compilations + 3 * 2
    one_by_one = sweep(stop=halving(4), lanes=1)
    assert one_by_one.compilations == whole.compilations


def test_trials_compete_within_their_space_and_over_seeds():
    spaces = {"sgd": SPACE, "still": jgd.sgd(grid([0.0, 1e-8, 1e-7, 1e-6])), "adam": jgd.adam(loguniform(1e-3, 1.0))}
    result = sweep(spaces, stop=halving(8), num_trials=16, seeds=3)
    for space, left in (("sgd", 4), ("still", 1), ("adam", 4)):
        members = [trial.number for trial in result.trials if trial.space == space]
        status = result.status[members]
        assert (status == "complete").all(axis=1).sum() == left
        assert (status == "pruned").all(axis=1).sum() == len(members) - left
    assert len(result.standings()) == 3


def test_diverged_trials_lose_and_stay_diverged():
    result = sweep(jgd.sgd(grid([0.1, 1e12, 1e13, 0.01])), num_trials=4, stop=halving(20), steps=40)
    assert result.status[:, 0].tolist() == ["complete", "diverged", "diverged", "complete"]


def test_halving_by_hand():
    rule = Halving(4, 2)
    assert [POINTS[count - 1] for count in rule.decides(POINTS)] == [4, 8, 16]
    losses = np.array([[9, 3], [9, 1], [9, np.inf], [9, 1], [9, 0.5]])
    candidates = np.array([True, True, True, True, False])
    # Two of five go on: floor(5 / 2). The fifth has been ended by another rule.
    assert rule.losers(losses, candidates, POINTS).tolist() == [True, False, True, False, False]
    assert Halving(4, 8).losers(losses, candidates, POINTS).tolist() == [True, False, True, True, False]  # at least one
    assert [POINTS[count - 1] for count in Halving(3, 2).decides(POINTS)] == [4, 6, 12, 24]


def test_hyperband_by_hand():
    rule = Hyperband(4, 2)
    assert [POINTS[count - 1] for count in rule.decides(POINTS)] == [4, 8, 16]
    rng = np.random.default_rng(0)
    losses, candidates = rng.random((60, len(POINTS))), np.ones(60, bool)
    left = []
    for count in rule.decides(POINTS):
        candidates &= ~rule.losers(losses[:, :count], candidates, POINTS)
        left.append(candidates.sum())
    # Brackets of 8 : 6 : 4 : 4 among 60 trials are about 22, 16, 11 and 11: the first is halved thrice, the last never.
    assert left[0] == pytest.approx(60 - 11, abs=1)
    assert left[1] == pytest.approx(60 - 11 - 5.5 - 8, abs=2)
    assert left[2] == pytest.approx(3 + 4 + 5.5 + 11, abs=2)


def test_the_median_rule_by_hand():
    rule = Median(8)
    assert [POINTS[count - 1] for count in rule.decides(POINTS)] == [8, 16, 24]
    losses = np.array([[4.0, 1.0], [4.0, 3.0], [6.0, 5.0], [8.0, 7.0], [3.0, np.inf]])
    candidates = np.array([True, True, True, True, False])
    # The means are 2.5, 3.5, 5.5, 7.5 and 3, their median 3.5.
    assert rule.losers(losses, candidates, POINTS).tolist() == [False, False, True, True, False]


@pytest.mark.parametrize("rule", [hyperband(2, 2), median_rule(8)])
def test_other_rules_end_some_and_change_no_number(whole, rule):
    result = sweep(stop=rule, lanes=1)
    assert 0 < (result.status == "pruned").sum() < 16
    assert_survivors_are(result, whole, exactly=True)
    assert whole.best().number == result.best().number


def test_lanes_end_at_their_target(whole):
    target = float(np.median(whole.curves["distance"][:, 0, 8]))
    result = sweep(stop=at_target(), target=target, seeds=2)
    reached = np.isfinite(result.steps_to_target())
    assert 0 < reached.sum() < 32
    assert (result.status == "complete").all()
    np.testing.assert_array_equal((result.reached * 2)[reached], result.steps_to_target()[reached])
    assert (result.reached[~reached] == 16).all()
    assert (result.values[reached] <= target).all()
    assert np.isfinite(result.trials_dataframe().distance).all()
    assert result.lane_steps == (result.reached * 2).sum()


def test_rules_together(whole):
    result = sweep(stop=[halving(8), at_target()], target=float(whole.curves["distance"][:, 0, 2].min()))
    assert (result.status == "pruned").any()
    assert (result.status[np.isfinite(result.steps_to_target())] == "complete").all()


@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), 4])
@pytest.mark.parametrize("stop", [halving(4), [median_rule(4), at_target()]])
def test_crashes_resume_to_the_same_bits(tmp_path, monkeypatch, every_segment, lanes, stop):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 400)  # a few lanes a call
    spaces = {"a": SPACE, "b": jgd.adam(grid(RATES[8:]))}
    options = {"spaces": spaces, "stop": stop, "lanes": lanes, "target": 1.0, "eval_every": 4, "num_trials": 16}
    expected = sweep(**options)
    assert expected.groups[0].layout.chunks > 1
    result, crashes = through_kills(monkeypatch, lambda: sweep(dir=tmp_path, **options))
    assert crashes > 1
    for other in (result, load(tmp_path), sweep(dir=tmp_path, **options)):
        for name, curve in expected.curves.items():
            np.testing.assert_array_equal(other.curves[name], curve)
        np.testing.assert_array_equal(other.status, expected.status)
        assert other.lane_steps == expected.lane_steps


def test_an_interrupted_halving_goes_on_and_its_files_hold_no_states_at_the_end(tmp_path, monkeypatch):
    inner, calls = engine_module.Records.add, []

    def add(self, *args):
        calls.append(args)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return inner(self, *args)

    monkeypatch.setattr(engine_module.Records, "add", add)
    options = {"stop": halving(4), "dir": tmp_path}
    cut = sweep(**options)
    assert cut.interrupted
    assert sorted(np.unique(cut.status)) == ["pending", "pruned"]
    np.testing.assert_array_equal(load(tmp_path).status, cut.status)
    result = sweep(**options)
    assert result.lane_steps == 160
    assert not any(b"state" in path.read_bytes() for path in (tmp_path / "chunks").iterdir())
    # Without the file of a stage, its lanes begin again and end alike.
    sorted((tmp_path / "chunks").iterdir())[1].unlink()
    again = sweep(**options)
    np.testing.assert_array_equal(again.status, result.status)
    with pytest.raises(InputError, match=r"stop is \(Halving\(min_steps=4, eta=2\),\) there and \(\) here"):
        sweep(dir=tmp_path)


def test_a_decay_that_a_rule_cuts_is_warned_of():
    decaying = jgd.sgd(jgd.cosine_decay_schedule(0.1, 32))
    with pytest.warns(UserWarning, match=r"a schedule of 'b' falls from 0.0962 at step 4, .* rankings may flip"):
        sweep({"a": jgd.sgd(0.1), "b": decaying}, stop=halving(4))
    sweep(jgd.sgd(jgd.cosine_decay_schedule(0.1, 3200)), stop=halving(4))
    sweep(decaying, stop=at_target(), target=0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: halving(0), "halving(min_steps=0): min_steps must be a whole number, at least 1."),
        (lambda: asha(4, eta=1), "asha(eta=1): eta must be a whole number, at least 2."),
        (lambda: hyperband(4, eta=1), "hyperband(eta=1): eta must be a whole number, at least 2."),
        (lambda: wrong.median_rule(2.5), "median_rule(min_steps=2.5)"),
        (lambda: sweep(stop=halving(32)), "min_steps must be less than the 32 steps"),
        (lambda: sweep(stop=asha(40)), "Asha(min_steps=40, eta=2): min_steps must be less than the 32 steps"),
        (lambda: sweep(stop=hyperband(40)), "min_steps must be less than the 32 steps"),
        (lambda: sweep(stop=median_rule(32)), "no point of the curves lies between min_steps and the end"),
        (lambda: sweep(stop=halving(1), eval_every=8), "two of its rungs, at 1, 2, 4, 8, 16 steps, end in one segment"),
        (lambda: sweep(stop=at_target()), "there is no target; pass run(target=) too"),
        (lambda: sweep(stop="halving"), "run(stop='halving'): stop must be one of jgd.sweep.halving"),
        (lambda: sweep(stop=[jgd.Stop(value=1)]), "stop must be one of jgd.sweep.halving"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_round_of_a_sampler_is_a_contest_of_its_own(tmp_path):
    space = jgd.sgd(loguniform(1e-4, 0.3))
    options = {"sampler": "tpe", "rounds": 2, "num_trials": 16, "stop": halving(8), "dir": tmp_path}
    result = sweep(space, **options)
    complete = (result.status[:, 0] == "complete").reshape(2, 8)
    assert complete.sum(axis=1).tolist() == [2, 2]
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.status, result.status)
    again = sweep(space, **options)
    np.testing.assert_array_equal(again.status, result.status)
    assert [trial.params for trial in again.trials] == [trial.params for trial in result.trials]


def test_a_folder_knows_what_earlier_rounds_decided_while_a_later_one_waits(tmp_path, monkeypatch):
    inner, calls = engine_module.Records.add, []

    def add(self, *args):
        calls.append(args)
        if len(calls) == 17:  # the first segment of the second round, as one chunk takes all lanes of a round
            signal.raise_signal(signal.SIGINT)
        return inner(self, *args)

    monkeypatch.setattr(engine_module.Records, "add", add)
    options = {"sampler": "tpe", "rounds": 2, "num_trials": 16, "stop": halving(8), "lanes": 8, "dir": tmp_path}
    cut = sweep(jgd.sgd(loguniform(1e-4, 0.3)), **options, devices=jax.devices()[:1])
    assert cut.interrupted
    assert cut.status[8:, 0].tolist() == ["pending"] * 8
    assert (cut.status[:8] == "pruned").sum() == 6
    np.testing.assert_array_equal(load(tmp_path).status, cut.status)


@pytest.mark.parametrize(("trials", "eta", "kept"), [(10, 3, [3, 1]), (7, 2, [3, 1]), (2, 3, [1, 1])])
def test_rungs_keep_the_floor_and_at_least_one(trials, eta, kept):
    points = np.array([1, eta, eta**2, eta**3])
    for rule in (halving(1, eta), asha(1, eta)):
        candidates, losses = np.ones(trials, bool), np.arange(trials, dtype=float)[:, None].repeat(2, 1)
        for count, expected in zip((1, 2), kept, strict=True):
            reached = np.where(candidates[:, None], losses[:, :count], np.inf)
            reached[:, 0] = losses[:, 0]
            candidates = candidates & ~rule.losers(reached, candidates, points)
            assert np.flatnonzero(candidates).tolist() == list(range(expected))
