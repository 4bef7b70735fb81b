"""Runs that begin elsewhere, and runs that change their course, with what changed on record."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

import jgd
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.train import Change, fit
from jgd.train.loop import root_key
from tests.train import problems

TASK = problems.task(5, noisy=True)
STATE = problems.task_with_state()


def go(task=TASK, rate=0.1, steps=20, **options):
    return fit(task, jgd.adam(rate), steps=steps, eval_every=5, **options)


def test_given_parameters_and_states_are_used_and_left_alone():
    first = go(STATE)
    given = {name: getattr(first, name) for name in ("params", "opt_state", "model_state")}
    run = go(STATE, seed=1, steps=1, **given)
    assert int(run.model_state["batches"]) == 21
    assert int(run.opt_state[0].count) == 21
    again = go(STATE, seed=1, steps=1, **given)  # the arrays were not donated
    problems.assert_same(run.params, again.params)
    from_numpy = go(params=jax.tree.map(np.asarray, first.params))
    assert abs(from_numpy.metrics["loss"][0]) < abs(go().metrics["loss"][0])


@pytest.mark.parametrize("folder", [False, True])
def test_a_run_starts_from_another_or_from_its_folder(folder, tmp_path):
    first = go(STATE, dir=tmp_path / "a")
    run = go(STATE, seed=1, start=tmp_path / "a" if folder else first)
    problems.assert_same(run.params, go(STATE, seed=1, params=first.params, model_state=first.model_state).params)
    assert int(run.model_state["batches"]) == 40


def test_a_start_is_part_of_what_a_folder_was_asked(tmp_path):
    params = go(steps=1).params
    go(params=params, dir=tmp_path)
    assert go(params=params, dir=tmp_path).steps_here == 0
    with pytest.raises(InputError, match=r"given\.\S*w is float32\[3\] with checksum"):
        go(params=jax.tree.map(lambda x: x + 1, params), dir=tmp_path)


BAD = {
    "another shape": ({"params": {"w": np.ones(4, np.float32), "b": np.float32(0)}},
                      "fit(params=): it has float32[4] at ['w'], expected float32[3]; pass what belongs"),
    "another tree": ({"params": {"w": np.ones(3, np.float32)}}, "it has nothing at ['b'], expected float32[]"),
    "another optimizer's": ({"opt_state": jgd.sgd(0.1).init(jnp.ones(3))}, "fit(opt_state=): it has nothing at"),
    "a state of no model": ({"model_state": jnp.ones(3)}, "fit(model_state=): the task has no state"),
    "two starts": ({"start": "runs/a", "params": {}}, "it brings its own params and model_state"),
    "no folder": ({"start": "runs/nowhere"}, "fit(start='runs/nowhere'): there is no checkpoint.safetensors in it"),
    "no run": ({"start": 3}, "fit(start=3): start must be a run, or the folder of one"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_with_its_path(options, words):
    with pytest.raises(InputError) as error:
        go(**options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_goes_on_with_another_rate_and_says_so(tmp_path):
    go(dir=tmp_path, steps=10)
    with pytest.raises(
        InputError, match=r'optimizer\.learning_rate is 0.1 there and 0.01 here.*; pass .*resume="changed"'
    ):
        go(dir=tmp_path, rate=0.01)
    run = go(dir=tmp_path, rate=0.01, resume="changed")
    assert (run.steps, run.steps_here) == (20, 10)
    assert run.history == (Change(10, "resume", ("optimizer.learning_rate: 0.1 -> 0.01",)),)
    assert "changed at step 10 by the resume: optimizer.learning_rate: 0.1 -> 0.01" in str(run)
    # The moments go on: the same as handing them over by a callback.
    other = go(callback=lambda s: jgd.adam(0.01) if s.step == 10 else None)
    problems.assert_same((run.params, run.opt_state), (other.params, other.opt_state))
    again = go(dir=tmp_path, rate=0.01)  # the folder is now of this call
    assert (again.steps_here, again.history) == (0, run.history)


def test_a_frozen_part_keeps_the_state_of_the_rest(tmp_path):
    def partly(frozen):
        labels = {"w": "on", "b": "off" if frozen else "on"}
        return jgd.partition({"on": jgd.adam(0.1), "off": jgd.scale(0.0)}, labels)

    fit(TASK, partly(False), steps=10, dir=tmp_path)
    run = fit(TASK, partly(True), steps=20, dir=tmp_path, resume="changed")
    counts = [int(x) for x in jax.tree.leaves(run.opt_state) if x.dtype == jnp.int32]
    assert 20 in counts
    whole = fit(TASK, partly(False), steps=10)
    assert float(run.params["b"]) == float(whole.params["b"])
    back = fit(TASK, partly(False), steps=30, dir=tmp_path, resume="changed")
    assert any("mu['b'] begins anew" in change for change in back.history[-1].changes)


def test_a_schedule_in_place_of_a_rate_begins_its_count(tmp_path):
    fit(TASK, jgd.sgd(0.1), steps=10, dir=tmp_path)
    run = fit(TASK, jgd.sgd(jgd.linear_schedule(0.1, 0.0, 10)), steps=20, dir=tmp_path, resume="changed")
    assert any("begins anew" in change for change in run.history[0].changes)
    assert run.steps == 20


def test_other_parameters_are_refused_even_so(tmp_path):
    go(dir=tmp_path, steps=5)
    wide = jgd.Task(lambda key: {"w": jnp.zeros(4), "b": 0.0}, lambda p, b: (p["w"] ** 2).sum(), problems.arrays(), 5)
    with pytest.raises(InputError, match=r"it holds float32\[3\] at state.carry.params\['w'\], expected float32\[4\]"):
        go(wide, dir=tmp_path, resume="changed")
    with pytest.raises(InputError, match=r"fit\(resume='yes'\): resume must be one of 'same', 'changed'"):
        go(resume="yes")


def test_a_stop_by_the_callback_is_remembered_until_asked(tmp_path):
    run = go(dir=tmp_path, callback=lambda snapshot: snapshot.step == 10)
    assert (run.status, run.steps) == (Status.CALLBACK, 10)
    again = go(dir=tmp_path)
    assert (again.status, again.steps, again.steps_here) == (Status.CALLBACK, 10, 0)
    assert "read from the folder: 10 steps, nothing ran" in str(again)
    more = go(dir=tmp_path, resume="changed")
    problems.assert_same(more.params, go().params)


def test_a_rule_that_held_is_lifted_when_asked(tmp_path):
    stop = Stop(metric="distance", value=100.0)
    assert go(dir=tmp_path, stop=stop).steps == 5
    run = go(dir=tmp_path, stop=Stop(metric="distance", value=-1.0), resume="changed")
    assert (run.steps, run.status) == (20, Status.MAX_STEPS)


def test_the_callback_sees_everything_and_its_change_survives_a_kill(tmp_path):
    seen = []

    def halve(snapshot):
        seen.append((snapshot.step, float(snapshot.optimizer.transforms[-1].learning_rate), snapshot.model_state))
        assert set(snapshot.metrics) == {"loss", "largest", "step", "distance", "mean"}
        assert snapshot.params["w"].shape == snapshot.opt_state[0].mu["w"].shape
        rate = seen[-1][1] / 2
        return jgd.with_hyperparams(snapshot.optimizer, learning_rate=rate) if snapshot.step in (5, 10) else None

    whole = go(STATE, callback=halve)
    assert [rate for _, rate, _ in seen] == [0.1, 0.05, 0.025, 0.025]
    assert [change.step for change in whole.history] == [5, 10]
    assert whole.history[0].changes == ("optimizer.learning_rate: 0.1 -> 0.05",)

    def until(end):
        def callback(snapshot):
            if snapshot.step == end:
                raise KeyboardInterrupt
            return halve(snapshot)

        return callback

    go(STATE, dir=tmp_path, callback=until(15))
    again = go(STATE, dir=tmp_path, callback=halve)
    problems.assert_same((again.params, again.opt_state), (whole.params, whole.opt_state))
    assert again.history == whole.history


@pytest.mark.parametrize(("answer", "words"), [
    (3, "it returned 3, expected None, True to end the run, or another optimizer"),
    (jgd.lion(0.1), "it returned an optimizer of another structure"),
])  # fmt: skip
def test_other_answers_of_a_callback_are_refused(answer, words):
    with pytest.raises(InputError) as error:
        go(callback=lambda snapshot: answer)
    assert words in str(error.value)
    with pytest.raises(InputError, match=r"fit\(callback=<lambda>\(a, b, c\)\): callback must be a function \(snap"):
        go(callback=lambda a, b, c: None)


def test_every_bit_of_a_seed_counts():
    runs = [go(seed=seed, steps=1).metrics["loss"][0] for seed in (5, 2**32 + 5, 2**40 + 5)]
    assert len(set(runs)) == 3
    with pytest.raises(InputError, match=r"seed must be a whole number from 0 to 2\*\*64 - 1"):
        go(seed=2**64)
    key = jax.random.key_data(root_key(2**40 + 5))
    with jax.enable_x64(True):
        np.testing.assert_array_equal(key, jax.random.key_data(jax.random.key(2**40 + 5, impl="threefry2x32")))


def test_gradients_that_were_accumulated_in_vain_are_named():
    with pytest.warns(UserWarning, match="the last 2 gradients were accumulated and not applied"):
        run = fit(TASK, jgd.multi_steps(jgd.sgd(0.1), 4), steps=10)
    assert "the last 2 gradients" in str(run)
    fit(TASK, jgd.multi_steps(jgd.sgd(0.1), 4), steps=8)


def test_init_runs_and_is_not_compiled():
    kinds = []

    def init(key):
        kinds.append(isinstance(key, Tracer))
        return problems.init(key)

    fit(jgd.Task(init, problems.loss, problems.arrays()), jgd.sgd(0.1), steps=2)
    assert kinds[-1] is False
