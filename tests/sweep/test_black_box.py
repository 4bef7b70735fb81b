"""Functions that own their loop: lanes equal single calls, structures, failures and what is refused."""

import os
import signal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, integer, load, loguniform, replay, resume, run, uniform
from jgd.sweep.engine import work_queue
from jgd.sweep.lanes.programs import PROGRAMS
from jgd.train.loop import root_key

SPACE = {"rate": loguniform(1e-3, 10), "momentum": uniform(0, 0.9)}
CLOSE: dict[str, Any] = {"rtol": 1e-5}  # another program may fuse otherwise, grown over twenty steps
DATA = jnp.linspace(0.5, 2.0, 4)


def train(hp, key, data=DATA):
    """Twenty steps on a random quadratic."""
    start = jax.random.normal(key, (4,))

    def step(carry, _):
        x, v = carry
        v = hp["momentum"] * v - hp["rate"] * data * x
        return (x + v, v), None

    (x, _), _ = jax.lax.scan(step, (start, jnp.zeros(4)), length=20)
    return {"loss": jnp.sum(data * x**2), "size": jnp.max(jnp.abs(start))}


def sweep(fn=train, space=SPACE, **options):
    return run(fn, space, **{"num_trials": 6, "seeds": 2, "progress": False, **options})


@pytest.fixture(scope="module")
def result():
    PROGRAMS.clear()  # its own are counted
    return sweep()


def test_a_lane_is_the_function_alone(result):
    assert result.curves["loss"].shape == (6, 2, 1)
    for trial in result.trials:
        for i in range(2):
            alone = jax.jit(train)(trial.params, root_key(i))
            np.testing.assert_allclose(result.curves["loss"][trial.number, i, 0], alone["loss"], **CLOSE)
    again = replay(result, 3, seed=1)
    np.testing.assert_allclose(again.curves["size"], result.curves["size"][3, 1], **CLOSE)


def test_the_result_answers_as_any_other(result):
    assert result.programs == result.compilations == 1
    assert result.best_optimizer() == result.best_params == result.best_trial.params
    assert len(result.trials_dataframe()) == 12
    reached = sweep(target=1e-3).steps_to_target()
    np.testing.assert_array_equal(reached == 1, result.values <= 1e-3)
    assert "Sweep of 6 trials x 2 seeds" in repr(result)


@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("devices", [1, 2])
def test_nothing_depends_on_width_or_devices(result, lanes, devices):
    other = sweep(lanes=lanes, devices=jax.devices()[:devices])
    np.testing.assert_allclose(other.values, result.values, **CLOSE)


@pytest.mark.usefixtures("no_programs")
def test_many_lanes_run_in_many_calls_of_one_program():
    found = sweep(num_trials=100, seeds=1)
    assert found.groups[0].layout.chunks > 10
    assert (found.compilations, found.lane_steps) == (1, 100)


def test_a_diverged_lane_is_alone():
    found = sweep(space={"rate": grid([0.1, 1e9, 0.2]), "momentum": 0.5}, sampler="grid", num_trials=3)
    assert found.status[:, 0].tolist() == ["complete", "diverged", "complete"]
    assert found.diverged_at[:, 0].tolist() == [-1, 0, -1]
    np.testing.assert_allclose(found.values[2], sweep(space={"rate": 0.2, "momentum": 0.5}).values[0], **CLOSE)


def test_texts_flags_and_parts_are_structure():
    def flexible(hp, key):
        x = train({"rate": hp["rate"], "momentum": 0.5 if hp["heavy"] else 0.0}, key)["loss"]
        return x if hp["kind"] == "plain" else x + hp["kind"]["shift"]

    kinds = choice({"plain": "plain", "shifted": {"shift": uniform(1, 2)}})
    space = {"rate": loguniform(1e-3, 0.1), "heavy": choice([True, False]), "kind": kinds, "count": integer(1, 3)}
    found = sweep(flexible, space, num_trials=16, sampler="sobol")
    assert found.programs == 4
    for trial in found.trials:
        alone = flexible(trial.optimizer, root_key(0))
        np.testing.assert_allclose(found.values[trial.number, 0], alone, **CLOSE)


def test_what_the_function_holds_is_an_argument_and_may_be_swept():
    held = Partial(lambda data, hp, key: train(hp, key, data), choice([DATA, 2 * DATA]))
    with pytest.warns(UserWarning, match="only 2 settings"):
        found = sweep(held, {"rate": 0.01, "momentum": 0.0}, num_trials=8)
    assert len({trial.params["data"] for trial in found.trials}) == 2
    assert len(np.unique(found.values[:, 0].round(4))) == 2


@pytest.mark.usefixtures("no_programs")
def test_spaces_rounds_and_optimizers():
    found = sweep(lambda hp, key: train({"rate": hp, "momentum": 0.0}, key), [loguniform(1e-3, 1), 0.5])
    assert found.spaces == ["space 0", "space 1"]
    learned = sweep(sampler="tpe", num_trials=32, rounds=4)
    assert (learned.compilations, len(learned.trials)) == (1, 32)
    fitted = sweep(lambda opt, key: opt.update(jnp.ones(()), opt.init(jnp.zeros(())))[0], jgd.sgd(uniform(0.1, 1)))
    assert fitted.best_value == pytest.approx(-max(trial.params["learning_rate"] for trial in fitted.trials))


def test_an_interrupt_keeps_what_is_done(monkeypatch):
    real = work_queue.Records.add

    def interrupted(self, *args):
        os.kill(os.getpid(), signal.SIGINT)
        return real(self, *args)

    monkeypatch.setattr(work_queue.Records, "add", interrupted)
    found = sweep(num_trials=60)
    assert found.interrupted
    assert 0 < (found.status == "complete").sum() < 120
    assert (found.status == "pending").any()


def test_a_folder_keeps_finished_calls_and_goes_on_from_them(tmp_path, monkeypatch):
    real, calls = work_queue.Records.add, []

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return real(self, *args)

    options = {"num_trials": 24, "sampler": "tpe", "rounds": 2, "dir": tmp_path}
    with monkeypatch.context() as patched:
        patched.setattr(work_queue.Records, "add", interrupted)
        assert sweep(**options).interrupted
    assert 0 < (load(tmp_path).status == "complete").sum() < 24
    found, whole = resume(tmp_path, train, SPACE, progress=False), sweep(**{**options, "dir": None})
    np.testing.assert_array_equal(found.curves["loss"], whole.curves["loss"])
    assert (found.lane_steps, found.programs) == (whole.lane_steps, whole.programs)
    loaded = load(tmp_path, train, SPACE)
    assert loaded.programs == whole.programs == 1
    assert loaded.best_optimizer() == whole.best_optimizer()
    again = replay(tmp_path, 3, seed=1, task=train, spaces=SPACE)
    np.testing.assert_allclose(again.curves["size"], whole.curves["size"][3, 1], **CLOSE)
    assert sweep(**options).compilations == 0
    with pytest.raises(InputError, match=r"the sweep there is another \(.*pass what it was"):
        sweep(space={**SPACE, "rate": loguniform(1e-3, 1)}, **options)


def returns(value):
    return lambda hp, key: value * hp["rate"]


def test_a_function_of_python_is_called_back():
    def train(hp, key):
        number = jax.ShapeDtypeStruct((), "float32")
        return jax.pure_callback(lambda rate: np.float32(rate) ** 2, number, hp["rate"], vmap_method="sequential")

    found = sweep(train)
    rates = np.array([trial.params["rate"] for trial in found.trials])
    np.testing.assert_allclose(found.values, np.stack([rates, rates], axis=1) ** 2, **CLOSE)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: sweep(steps=10),
            r"run\(steps=10\): train\(hp, key\) owns its loop, so nothing is measured, stopped or",
        ),
        (lambda: sweep(eval_every=10), r"leave eval_every out, or pass a jgd.Task"),
        (lambda: sweep(metric="los"), r"run\(metric=\): unknown name 'los'. Did you mean loss"),
        (lambda: sweep(returns(jnp.ones(3))), r"it returned float32\[3\] for 'loss', expected a dict of real scalars"),
        (lambda: sweep(returns(1j)), r"it returned complex64\[\] for 'loss'"),
        (lambda: sweep(lambda hp, key: {"loss": {"a": hp["rate"]}}), "it returned dict for 'loss'"),
        (lambda: sweep(lambda hp, key: [hp["rate"]]), "it returned list for 'loss'"),
        (lambda: sweep(lambda hp, key: jnp.ones(int(hp["rate"])).sum()), "must not decide shapes or branches"),
        (
            lambda: sweep(lambda hp, key: np.sin(hp["rate"])),
            r"NumPy or Python computes goes through jax\.pure_callback",
        ),
        (lambda: sweep(lambda hp, key: hp["rates"]), r"train\(hp, key\) failed with KeyError: 'rates'\.$"),
        (lambda: sweep(space=[]), r"run\(spaces\): there is no space"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
