"""Plans of whole sweeps: what `run` then does, and what the table and the JSON say."""

import inspect
import json

import jax
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, loguniform, plan, run, uniform
from jgd.sweep.lanes.programs import PROGRAMS
from tests.train import problems

RATE = loguniform(1e-3, 0.3)
SPACES = {"adam": jgd.adam(RATE, b1=uniform(0.5, 0.9)), "sgd": jgd.sgd(choice({"flat": RATE, "fixed": 0.1}))}
OPTIONS = {"num_trials": 6, "seeds": 2, "steps": 12, "eval_every": 4, "sampler": "sobol", "progress": False}


@pytest.fixture(scope="module")
def planned():
    PROGRAMS.clear()  # it tells how long they compile
    return plan(problems.task(5), SPACES, **OPTIONS)


def test_a_plan_is_what_run_does(planned):
    result = run(problems.task(5), SPACES, **OPTIONS)
    assert [(row.spaces, row.trials, row.layout) for row in planned.programs] == [
        (report.spaces, report.trials, report.layout) for report in result.groups
    ]
    assert planned.lanes == result.reached.size == 24


def test_a_plan_names_what_varies_and_what_is_structure(planned):
    assert planned.programs[0].axes == ("b1", "learning_rate")
    chosen = [row.chosen for row in planned.programs[1:]]
    assert sorted(map(tuple, chosen)) == [("learning_rate",)] * len(chosen)
    assert {name for row in chosen for name in row.values()} <= {"flat", "fixed"}


def test_memory_and_time_are_foretold(planned):
    for row in planned.programs:
        # adam: parameters and two moments of 4 f32 numbers, and a counter; sgd: less
        assert 16 <= row.lane_bytes <= 2 * (3 * 16 + 4)
        assert row.side_bytes > 0
        assert row.resident_bytes >= row.lane_bytes * row.layout.chunk // planned.num_devices
        assert row.run_seconds > 0
    assert planned.run_seconds == sum(row.run_seconds for row in planned.programs)
    assert planned.compile_seconds > 0
    assert planned.resident_bytes < planned.free_bytes


def test_a_plan_prints_as_a_table_and_is_json(planned):
    known = json.loads(json.dumps(planned.to_json()))
    assert known["programs"][0]["layout"] == planned.programs[0].layout._asdict()
    assert known["lanes"] == 24
    text = repr(planned)
    assert text.startswith("Plan of 12 trials x 2 seeds x 12 steps: ")
    assert "learning_rate" in text
    assert max(map(len, text.splitlines())) < 160


def test_a_plan_takes_the_arguments_of_run_and_checks_them_alike(tmp_path):
    assert inspect.signature(plan).parameters == inspect.signature(run).parameters
    with pytest.raises(InputError, match="Did you mean distance"):
        plan(problems.task(5), SPACES, **{**OPTIONS, "metric": "distanse"})
    with pytest.raises(TypeError, match="num_trial"):
        plan(problems.task(5), SPACES, num_trial=3)  # pyright: ignore[reportCallIssue]: its misspelling is told
    plan(problems.task(5), jgd.sgd(RATE), **OPTIONS, dir=tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_later_rounds_are_taken_to_be_like_the_first():
    found = plan(problems.task(5), jgd.sgd(RATE), **{**OPTIONS, "num_trials": 24, "sampler": "tpe"})
    assert (found.rounds, found.trials, found.programs[0].lanes) == (8, 24, 48)


def test_functions_that_own_their_loop_are_compiled_but_not_called():
    called = []

    def train(hp, key):
        jax.debug.callback(lambda: called.append(1))
        return {"loss": (hp["x"] - jax.random.normal(key)) ** 2 + (1.0 if hp["wide"] else 0.0)}

    found = plan(train, {"x": uniform(0, 1), "wide": choice([True, False])}, num_trials=8)
    assert called == []
    assert [row.chosen for row in found.programs] == [{"wide": False}, {"wide": True}]
    assert found.run_seconds is None
    assert "unknown time" in repr(found)


def test_programs_that_only_later_rounds_may_need_are_counted():
    schedules = choice({"flat": RATE, "cosine": jgd.cosine_decay_schedule(RATE, 12)})
    space = choice(
        {"adam": jgd.adam(schedules), "sgd": jgd.sgd(choice({"flat": RATE, "fixed": 0.1})), "lion": jgd.lion(RATE)}
    )
    options = {**OPTIONS, "num_trials": 8, "rounds": 8, "sampler": "tpe", "eval_every": 12}
    found = plan(problems.task(5), space, **options)
    assert (len(found.programs), found.possible_programs) == (1, 2 + 2 + 1)
    assert ": 1 program in the first round, up to 5 in all, on " in repr(found)
    assert found.to_json()["possible_programs"] == 5
    whole = plan(problems.task(5), space, **{**options, "rounds": 1})
    assert whole.possible_programs == len(whole.programs)
