"""Sweeps: lanes equal single runs, nothing depends on how they are laid out, and what a sweep compiles."""

import signal
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, loguniform, replay, run, uniform
from jgd.sweep.engine import loop as engine_module
from jgd.train import Task
from jgd.train.loop import begin, root_key
from tests.train import problems

TASK = problems.task(5)
ADAM = jgd.adam(loguniform(1e-3, 1.0))
# Another program may fuse a sum otherwise: units in the last place, grown over a few dozen steps.
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, duration_secs, **kw: (
        compiled.append(kw.get("fun_name")) if event.endswith("backend_compile_duration") else None
    )
)


def sweep(task: Any = TASK, spaces: Any = ADAM, **options):
    return run(
        task, spaces, **{"num_trials": 5, "seeds": 2, "steps": 12, "eval_every": 4, "progress": False, **options}
    )


@pytest.fixture(scope="module")
def result():
    return sweep(metric="distance", target=3.0)


def test_a_lane_is_the_run_that_fit_makes_with_the_same_seed(result):
    trial = result.trials[3]
    alone = jgd.fit(TASK, trial.optimizer, steps=12, seed=1, eval_every=4)
    np.testing.assert_allclose(result.curves["distance"][3, 1], alone.evaluations["distance"], **CLOSE)
    means = alone.metrics["loss"].reshape(3, 4).mean(axis=1)
    np.testing.assert_allclose(result.curves["loss"][3, 1], means, **CLOSE)


def test_the_shape_of_a_result(result):
    assert result.steps.tolist() == [4, 8, 12]
    assert {name: curve.shape for name, curve in result.curves.items()} == dict.fromkeys(
        ["loss", "largest", "distance"], (5, 2, 3)
    )
    assert (result.status == "complete").all()
    assert (result.diverged_at == -1).all()
    assert result.lane_steps == 5 * 2 * 12
    assert not result.interrupted


@pytest.mark.usefixtures("no_programs")
def test_the_line_counts_programs_while_they_compile(monkeypatch):
    notes = []
    monkeypatch.setattr(engine_module.Progress, "update", lambda self, done, note="": notes.append((done, note)))
    sweep(spaces=[ADAM, jgd.sgd(loguniform(1e-3, 1.0))])
    assert notes[0] == (0, "compiling, 0 of 2 programs done")
    assert not any(note.startswith("compiling, 2 of 2") for _, note in notes)
    assert "compiling" not in notes[-1][1]


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("devices", [1, 2])
def test_nothing_depends_on_width_chunk_or_devices(result, lanes, devices, monkeypatch):
    monkeypatch.setattr("jgd.sweep.lanes.layout.CHUNK_BYTES", 200)  # a few lanes a call
    other = sweep(metric="distance", lanes=lanes, devices=jax.devices()[:devices])
    assert other.groups[0].layout.chunks > 1
    assert other.groups[0].layout.width == lanes
    for name, curve in result.curves.items():
        np.testing.assert_allclose(other.curves[name], curve, **CLOSE)


def test_more_seeds_or_trials_change_no_lane(result):
    more = sweep(num_trials=7, seeds=[1, 5, 0], metric="distance")
    np.testing.assert_allclose(more.curves["loss"][:5, [2, 0]], result.curves["loss"], **CLOSE)


def test_replay_is_the_lane_alone(result):
    again = replay(result, 4, seed=1)
    for name, curve in result.curves.items():
        np.testing.assert_allclose(again.curves[name], curve[4, 1], **CLOSE)
    assert again.losses.shape == (12,)
    assert float(problems.evaluate(again.params)["distance"]) == pytest.approx(result.values[4, 1], rel=1e-4)


def test_seeds_are_paired_and_start_alike():
    result = sweep(spaces={"still": jgd.sgd(grid([0.0, 1e-12])), "too": jgd.heavy_ball(0.0)}, sampler="grid", steps=2)
    for i in range(2):
        first = begin(TASK, jgd.sgd(0.0), root_key(i)).params
        np.testing.assert_allclose(
            result.curves["distance"][:, i, 0], [float(problems.evaluate(first)["distance"])] * 3, rtol=1e-6
        )
    assert result.curves["distance"][0, 0, 0] != result.curves["distance"][0, 1, 0]


def segments_compiled(call):
    before = len(compiled)
    call()
    return [name for name in compiled[before:] if name and "segment" in name]


@pytest.mark.usefixtures("no_programs")
def test_256_learning_rates_are_one_program():
    found = []
    assert len(segments_compiled(lambda: found.append(sweep(num_trials=256, seeds=1)))) == 1
    assert found[0].programs == 1
    # A segment and first states; first parameters are made, and batches drawn, without a program.
    assert found[0].compilations == 2


@pytest.mark.usefixtures("no_programs")
def test_trials_are_grouped_by_structure_across_spaces():
    spaces = {
        "adam": jgd.adam(loguniform(1e-3, 1)),
        "nadam": jgd.adam(loguniform(1e-3, 1), nesterov=True),
        "slow adam": jgd.adam(uniform(1e-3, 2e-3), b1=0.95),
        "fixed": jgd.adam(0.01),
    }
    found = []
    names = segments_compiled(lambda: found.append(sweep(spaces=spaces, seeds=1)))
    assert [report.spaces for report in found[0].groups] == [("adam", "slow adam", "fixed"), ("nadam",)]
    assert len(names) == found[0].programs == 2
    assert [trial.space for trial in found[0].trials].count("fixed") == 1
    assert found[0].compilations == 2 * 2


def test_nothing_compiles_while_lanes_run(monkeypatch):
    counts = []
    inner = engine_module.Loop.run

    def counted(*args):
        before = len(compiled)
        inner(*args)
        counts.append(len(compiled) - before)

    monkeypatch.setattr(engine_module.Loop, "run", counted)
    sweep(steps=10)  # a shorter last segment too
    assert counts == [0]


def test_a_choice_of_parts_is_a_program_each():
    rates = choice([jgd.constant_schedule(0.1), jgd.cosine_decay_schedule(0.1, 12)])
    result = sweep(spaces=jgd.sgd(rates), sampler="grid", num_trials=2)
    assert result.programs == 2
    alone = replay(result, 1, 0)
    np.testing.assert_allclose(result.curves["loss"][1, 0], alone.curves["loss"], **CLOSE)


def test_numbers_of_the_task_can_be_swept():
    def init(scale, key):
        return {"w": scale * jax.random.normal(key, (3,)), "b": jnp.zeros(())}

    task = Task(Partial(init, uniform(0.5, 2.0)), problems.loss, problems.arrays(), 5, evaluate=problems.evaluate)
    result = sweep(task, jgd.sgd(uniform(0.01, 0.1)), metric="distance")
    assert result.programs == 1
    assert set(result.best_params) == {"scale", "learning_rate"}
    alone = replay(result, 2, 1)
    np.testing.assert_allclose(result.curves["distance"][2, 1], alone.curves["distance"], **CLOSE)


def test_a_full_batch_and_foreign_optimizers_run():
    import optax

    result = sweep(problems.task(None), [optax.sgd(0.1), jgd.sgd(0.1)], seeds=1)
    assert result.spaces == ["space 0", "space 1"]
    np.testing.assert_allclose(result.curves["loss"][0], result.curves["loss"][1], **CLOSE)


@pytest.mark.filterwarnings("ignore:ScaleByFira.init. none of the leaves")
def test_a_state_with_arrays_without_elements_runs_side_by_side():
    result = sweep(spaces=jgd.fira(loguniform(1e-3, 0.1)), lanes=4)  # of ten runs, so that two are left over
    alone = replay(result, 4, 1)
    np.testing.assert_allclose(result.curves["loss"][4, 1], alone.curves["loss"], **CLOSE)


def test_a_loss_with_a_key_draws_as_fit_does():
    result = sweep(problems.task(5, noisy=True), num_trials=2)
    np.testing.assert_allclose(result.curves["loss"][1, 1], replay(result, 1, 1).curves["loss"], **CLOSE)


def test_curves_end_with_a_shorter_segment():
    result = sweep(steps=10)
    assert result.steps.tolist() == [4, 8, 10]
    np.testing.assert_allclose(result.curves["loss"][0, 0], replay(result, 0, 0).curves["loss"], **CLOSE)


@pytest.mark.parametrize(("steps", "points"), [(300, 30), (100, 25), (7, 7), (97, 25), (1, 1)])
def test_about_thirty_points_unless_told(steps, points):
    from jgd.sweep.arguments import check_settings

    assert len(check_settings(steps, 1, "loss", "min", None, None).points) == points


def test_ctrl_c_ends_after_the_segment_with_what_there_is(monkeypatch):
    inner, calls = engine_module.Records.add, []

    def add(self, *args):
        calls.append(args)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return inner(self, *args)

    monkeypatch.setattr(engine_module.Records, "add", add)
    result = sweep(spaces={"a": ADAM, "b": jgd.sgd(0.1)})
    assert result.interrupted
    assert (result.reached == [[2, 2]] * 5 + [[0, 0]]).all()
    assert (result.status == "pending").all()
    assert "Interrupted sweep" in repr(result)
    with pytest.raises(InputError, match=r"no trial has a finite median of loss \(12 pending\)"):
        result.best()


def test_a_sampler_of_ones_own_asks_and_is_told():
    class Middle:
        def __init__(self, axes, seed):
            self.size, self.told = len(axes), None

        def ask(self, count):
            return np.full((2, self.size), 0.5)

        def tell(self, ids, values):
            self.told = list(ids), list(values)

    made = []
    result = sweep(sampler=lambda axes, seed: made.append(Middle(axes, seed)) or made[0], seeds=1)
    assert len(result.trials) == 2
    assert made[0].told[0] == [0, 1]
    np.testing.assert_allclose(made[0].told[1], result.values[:, 0])


def fails_traced(scale, params, batch):
    return problems.loss(params, batch)[0] if scale > 0 else 0.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sweep(metric="distanse"), "run(metric=): unknown name 'distanse'. Did you mean distance?"),
        (lambda: sweep(mode="maxx"), "Did you mean max"),
        (lambda: sweep(metric="accuracy"), "run(metric='accuracy'): say which is better, with mode='max' or"),
        (lambda: sweep(steps=0), "run(steps=0): steps must be a whole number, at least 1."),
        (lambda: sweep(num_trials=2.5), "run(num_trials=2.5)"),
        (lambda: sweep(lanes=0), "run(lanes=0)"),
        (lambda: sweep(eval_every=-1), "run(eval_every=-1)"),
        (
            lambda: sweep(seeds=[1, 1]),
            "run(seeds=[1, 1]): seeds must be how many, or a list of different",
        ),
        (lambda: sweep(seeds=[]), "run(seeds=[])"),
        (lambda: sweep(seeds=[-1]), "from 0 to 2**32 - 1"),
        (lambda: sweep(target=float("nan")), "run(target=nan): target must be a finite number"),
        (lambda: sweep(spaces=[]), "run(spaces): there is no space"),
        (lambda: sweep(spaces=jgd.adam), "must be a gradient transformation"),
        (lambda: sweep(task=3), "task must be a jgd.Task"),
        (lambda: sweep(task=problems.task(stream=True)), "a sweep needs arrays"),
        (lambda: sweep(spaces=jgd.adam(1e-3, b1=uniform(0.9, 1.1))), "optimizer(b1=1.1): b1 must lie in [0, 1)."),
        (
            lambda: sweep(sampler=lambda axes, seed: type("S", (), {"ask": lambda s, n: [[2.0]], "tell": print})()),
            "numbers from 0 to 1",
        ),
        (
            lambda: sweep(Task(problems.init, problems.loss, problems.arrays(), evaluate=lambda p: {"loss": p["b"]})),
            "Task(evaluate): it returns 'loss', which is also recorded at each step",
        ),
        (
            lambda: sweep(Task(problems.init, Partial(fails_traced, uniform(1, 2)), problems.arrays())),
            "must not decide shapes or branches",
        ),
        (
            lambda: sweep(Task(problems.init, Partial(fails_traced, choice(["a", "b"])), problems.arrays())),
            "run: the text 'a' stands in a task, where only numbers can; choose between functions",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_told_of_run():
    with pytest.raises(TypeError, match=r"^run: .*'n_trials'; .*it is called as run\(task, .*num_trials=None"):
        run(TASK, jgd.sgd(0.1), n_trials=3)  # pyright: ignore[reportCallIssue]
