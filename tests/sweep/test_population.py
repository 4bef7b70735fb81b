"""Populations: that they do what a plain loop does, wherever and however often interrupted they run, and say so."""

from typing import Any

import jax
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.record import hyper, record
from jgd.sweep import (
    at_target,
    choice,
    grid,
    halving,
    load,
    loguniform,
    merge,
    population,
    replay,
    run,
    uniform,
)
from jgd.sweep.lanes.programs import PROGRAMS
from jgd.train.loop import begin, root_key, segment
from tests.sweep.killing import Killed, killed_at, through_kills
from tests.train import problems

wrong: Any = jgd.sweep  # for arguments of a wrong type

TASK = problems.task(5)
# From rates that hardly move to such that end in infinity within a few steps.
SPACE = jgd.heavy_ball(loguniform(1e-3, 1e8), uniform(0.0, 0.9))
EVERY, STEPS, SEED = 8, 32, 3
# Another width is another program: units in the last place, grown over a few dozen steps.
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}


def sweep(spaces: Any = SPACE, task: Any = TASK, **options) -> Any:
    usual = {"num_trials": 12, "seeds": 3, "steps": STEPS, "eval_every": 4, "metric": "distance", "seed": SEED}
    usual["evolve"] = population(EVERY)
    return run(task, spaces, progress=False, **{**usual, **options})


@record
class Weighted:
    """A loss with a number of its own."""

    weight: float = hyper()

    def __call__(self, params, batch):
        return self.weight * problems.loss(params, batch)[0]


@pytest.fixture(scope="module")
def one_by_one():
    PROGRAMS.clear()  # its own are counted
    return sweep(lanes=1)


def plain_loop(first):
    """Give the same by hand: a carry for each trial and seed, values in lists, and the rule as its docstring has it."""
    low, high = np.array([1e-3, 0.0]), np.array([1e8, 0.9])
    values = [list(one) for one in first]
    step = jax.jit(lambda optimizer, carry, start: segment(TASK, optimizer, carry, start, 4))
    distance = jax.jit(lambda params: problems.evaluate(params)["distance"])
    carries = [[begin(TASK, jgd.heavy_ball(*v), root_key(seed)) for seed in range(3)] for v in values]
    curves, history, lineage = np.full((len(values), 3, 8), np.nan), [[list(v) for v in values]], []
    alive = np.ones((len(values), 3), bool)
    for point in range(8):
        for i, v in enumerate(values):
            for s in range(3):
                if not alive[i, s]:
                    continue
                carries[i][s], metrics = step(jgd.heavy_ball(*v), carries[i][s], point * 4)
                finite = [np.isfinite(x).all() for x in jax.tree.leaves(carries[i][s].params)]
                alive[i, s] = all(finite) and np.isfinite(metrics["loss"]).any()
                if alive[i, s]:
                    curves[i, s, point] = distance(carries[i][s].params)
        done = (point + 1) * 4
        if done % EVERY or done == STEPS:
            continue
        score = [np.median([x if np.isfinite(x) else np.inf for x in curves[i, :, point]]) for i in range(len(values))]
        order = sorted(range(len(values)), key=lambda i: score[i])
        quarter = len(values) // 4
        best = [i for i in order[:quarter] if alive[i].all()]
        worst = set(order[-quarter:]) | {i for i in order if score[i] == np.inf}
        old, old_carries, parents = [list(v) for v in values], [list(c) for c in carries], list(range(len(values)))
        for i in worst:
            parent = best[int(np.random.default_rng((SEED, done, i, 0)).random() * len(best))]
            draws = np.random.default_rng((SEED, done, i, 1)).random((2, 3))
            parents[i], carries[i], alive[i] = parent, list(old_carries[parent]), True
            # The axes in the order of the optimizer's leaves: the momentum, then the rate.
            for axis, (lot, anew, which) in zip((1, 0), draws, strict=True):
                if lot < 0.25:
                    fresh = [low[0] * (high[0] / low[0]) ** anew, low[1] + anew * (high[1] - low[1])]
                    values[i][axis] = fresh[axis]
                else:
                    times = old[parent][axis] * (0.8, 1.25)[int(which * 2)]
                    values[i][axis] = min(max(times, low[axis]), high[axis])
        lineage.append(parents)
        history.append([list(v) for v in values])
    return curves, history, lineage


def numbers(trials):
    return [[trial.params["learning_rate"], trial.params["momentum"]] for trial in trials]


def test_a_population_is_what_a_plain_loop_makes_of_it(one_by_one):
    curves, history, lineage = plain_loop(numbers(one_by_one.lineage.phases[0]))
    assert one_by_one.lineage.steps.tolist() == [8, 16, 24]
    assert "decisions after 8, 16, 24 steps" in repr(one_by_one.lineage)
    np.testing.assert_array_equal(one_by_one.lineage.parents, lineage)
    for ours, theirs in zip(one_by_one.lineage.phases, history, strict=True):
        # A unit of the unit interval resolves eleven orders of magnitude to 25 of its roundings.
        np.testing.assert_allclose(numbers(ours), theirs, rtol=1e-12)
    np.testing.assert_allclose(one_by_one.curves["distance"], curves, **CLOSE)
    # Some had diverged and came back to life.
    lost = np.isnan(curves[:, :, 1]).any(axis=1)
    assert lost.sum() > 1
    assert (one_by_one.lineage.parents[0, lost] != np.flatnonzero(lost)).any()


@pytest.mark.parametrize(("lanes", "devices", "bytes_resident"), [(1, 2, 400), (4, 2, 400), (64, 1, 1 << 28)])
def test_lanes_chunks_and_devices_do_not_matter(one_by_one, monkeypatch, lanes, devices, bytes_resident):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", bytes_resident)
    result = sweep(lanes=lanes, devices=jax.devices()[:devices])
    np.testing.assert_array_equal(result.lineage.parents, one_by_one.lineage.parents)
    for ours, theirs in zip(result.lineage.phases, one_by_one.lineage.phases, strict=True):
        assert [trial.params for trial in ours] == [trial.params for trial in theirs]
    np.testing.assert_array_equal(result.status, one_by_one.status)
    for name, curve in one_by_one.curves.items():
        np.testing.assert_allclose(result.curves[name], curve, **CLOSE)


@pytest.mark.usefixtures("no_programs")
def test_one_program_serves_all_numbers(one_by_one):
    assert one_by_one.programs == 1
    assert one_by_one.compilations == 2  # first states, a segment
    # Trials that are all alike may come to differ.
    alike = sweep(jgd.sgd(choice([0.01, 0.3, 0.5])), num_trials=2, seed=4, steps=64)
    assert alike.compilations == 2


@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_crashes_resume_to_the_same_bits(every_segment, tmp_path, monkeypatch, lanes):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 400)  # a few lanes a call
    spaces = {"a": SPACE, "b": jgd.heavy_ball(loguniform(1e-3, 1e-1), 0.5)}
    options = {"spaces": spaces, "lanes": lanes, "num_trials": 6, "seeds": 2}
    expected: Any = sweep(**options)
    assert expected.groups[0].layout.chunks > 1
    result, crashes = through_kills(
        monkeypatch, lambda: sweep(**options, dir=tmp_path), after_each=lambda: load(tmp_path)
    )
    assert crashes > 1
    other: Any
    for other in (result, load(tmp_path), sweep(**options, dir=tmp_path)):
        for name, curve in expected.curves.items():
            np.testing.assert_array_equal(other.curves[name], curve)
        np.testing.assert_array_equal(other.status, expected.status)
        np.testing.assert_array_equal(other.lineage.parents, expected.lineage.parents)
        assert [trial.params for trial in other.trials] == [trial.params for trial in expected.trials]
        assert other.lane_steps == expected.lane_steps
        assert other.lineage.rows() == expected.lineage.rows()


def test_a_population_that_lost_a_state_begins_again(every_segment, tmp_path, monkeypatch, one_by_one):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 400)
    with killed_at(monkeypatch, lambda n: n == 30), pytest.raises(Killed):
        sweep(lanes=1, dir=tmp_path)
    for path in sorted((tmp_path / "chunks").iterdir())[::3]:
        path.unlink()
    result = sweep(lanes=1, dir=tmp_path)
    np.testing.assert_array_equal(result.lineage.parents, one_by_one.lineage.parents)
    np.testing.assert_array_equal(result.curves["distance"], one_by_one.curves["distance"])


def test_the_best_lineage_is_replayed_and_is_a_schedule(tmp_path):
    folded = sweep(dir=tmp_path)
    for result in (folded, load(tmp_path, TASK, SPACE)):
        best, lineage = result.best(), result.lineage
        assert lineage
        assert result.best_params == lineage.trials[best.number].params
        assert lineage.ancestors(best.number)[-1] == best.number
        phases = np.searchsorted(lineage.steps, result.steps - 1, side="right")
        ancestors = np.array(lineage.ancestors(best.number))[phases]
        assert len(set(ancestors)) > 1
        expected = result.curves["distance"][ancestors, 1, np.arange(8)]
        again = replay(result, best, 1)
        np.testing.assert_allclose(again.curves["distance"], expected, **CLOSE)
        optimizer = result.best_schedule()
        trained = jgd.fit(TASK, optimizer, steps=STEPS, seed=1)
        np.testing.assert_allclose(problems.evaluate(trained.params)["distance"], expected[-1], **CLOSE)
        schedule = lineage.schedule(best.number, "learning_rate")
        for step in range(STEPS):
            k = int(np.sum(lineage.steps <= step))
            assert float(schedule(step)) == np.float32(lineage.path(best.number)[k].params["learning_rate"])
    assert folded.best_optimizer().transforms[-1].learning_rate == folded.best_params["learning_rate"]
    bare = load(tmp_path)
    assert bare.lineage
    assert bare.lineage.rows() == folded.lineage.rows()
    with pytest.raises(InputError, match="load it with the task and the spaces"):
        bare.best_schedule()
    with pytest.raises(InputError, match=r"evolve is Population\(every=8, .* there and None here"):
        run(TASK, SPACE, num_trials=12, seeds=3, steps=STEPS, eval_every=4, metric="distance", seed=3, dir=tmp_path)
    with pytest.raises(InputError, match="merge: a population decided by"):
        merge([folded, bare])


def test_a_number_inside_a_schedule_sees_all_steps():
    result = sweep(jgd.sgd(jgd.exponential_decay(loguniform(1e-3, 1.0), 20, 0.9)), seeds=1)
    best = result.best()
    path = result.lineage.path(best.number)
    assert len({one.params["init_value"] for one in path}) > 1
    trained = jgd.fit(TASK, result.best_schedule(), steps=STEPS)
    np.testing.assert_allclose(problems.evaluate(trained.params)["distance"], result.best_value, **CLOSE)


def test_numbers_of_the_task_evolve_too():
    task = jgd.Task(problems.init, Weighted(uniform(0.5, 2.0)), problems.arrays(), 5, evaluate=problems.evaluate)
    result = sweep(jgd.sgd(loguniform(1e-2, 0.3)), task=task, seeds=1)
    assert (result.status == "complete").all()
    best = result.best()
    ancestors = np.array(result.lineage.ancestors(best.number))
    phases = np.searchsorted(result.lineage.steps, result.steps - 1, side="right")
    expected = result.curves["distance"][ancestors[phases], 0, np.arange(8)]
    np.testing.assert_allclose(replay(result).curves["distance"], expected, **CLOSE)
    with pytest.raises(InputError, match="numbers of the task have changed"):
        result.best_schedule()


def test_lanes_at_their_target_are_left_alone(one_by_one):
    target = float(np.nanmedian(one_by_one.curves["distance"][:, :, 3]))
    result = sweep(stop=at_target(), target=target)
    reached = np.isfinite(result.steps_to_target())
    assert 0 < reached.sum() < reached.size
    assert (result.status[reached] == "complete").all()
    for k, step in enumerate(result.lineage.steps):
        there = np.any(result.steps_to_target() <= step, axis=1)
        same = result.lineage.parents[k] == np.arange(12)
        assert same[there].all()
        assert not there[result.lineage.parents[k]][~same].any()


def test_nobody_goes_on_from_another_space_or_structure():
    rate = loguniform(1e-3, 1.0)
    spaces = {
        "listed": jgd.sgd(grid([0.01, 0.05, 0.1, 0.3])),
        "one": jgd.sgd(0.1),
        "parts": jgd.chain(
            choice({"adam": jgd.scale_by_adam(uniform(0.5, 0.9)), "none": jgd.identity()}), jgd.sgd(rate)
        ),
    }
    result = sweep(spaces, seeds=1, num_trials=8)
    kinds = [(trial.space, len(trial.params), trial.params.get("transforms.0")) for trial in result.trials]
    taken = dict.fromkeys(kinds, 0)
    for parents in result.lineage.parents:
        for i, parent in enumerate(parents):
            assert kinds[i] == kinds[parent]
            taken[kinds[i]] += i != parent
    assert [count > 0 for count in taken.values()] == [True, False, True, True]
    rates = {trial.params["learning_rate"] for trial in result.trials if trial.space == "listed"}
    assert rates <= {0.01, 0.05, 0.1, 0.3}


def test_a_decay_that_a_population_judges_early_is_warned_of():
    with pytest.warns(UserWarning, match=r"run\(evolve=\): a schedule .* are first replaced, .*raise every"):
        sweep(jgd.sgd(jgd.cosine_decay_schedule(loguniform(0.01, 0.1), STEPS)), num_trials=2, seeds=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: population(0), "population(every=0): every must be a whole number, at least 1."),
        (lambda: population(8, quantile=0.7), "population(quantile=0.7): quantile must be a number in (0, 0.5]."),
        (lambda: population(8, resample=2), "population(resample=2): resample must be a probability"),
        (lambda: population(8, factors=[1.0]), "population(factors=[1.0]): factors must be a list of positive numbers"),
        (
            lambda: wrong.population(8, factors=1.2),
            "population(factors=1.2): factors must be a list of positive numbers",
        ),
        (lambda: sweep(evolve=population(32)), "every must be less than the 32 steps"),
        (lambda: sweep(evolve=5), "run(evolve=5): evolve must be jgd.sweep.population(every=steps)."),
        (lambda: sweep(stop=halving(8)), "a population keeps its trials"),
        (lambda: sweep(where=lambda p: True), "run(evolve=, where=)"),
        (lambda: sweep(sampler="tpe"), "run(evolve=, rounds=8): a population is one round"),
        (lambda: sweep(num_trials=1), "a population needs at least 2 trials"),
        (lambda: sweep().lineage.schedule(0, "learnin_rate"), "Did you mean learning_rate?"),
        (lambda: run(TASK, jgd.sgd(0.1), steps=4, progress=False).best_schedule(), "only run(evolve=) finds schedules"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
