"""The health of a sweep's lanes: their pulses, and the autopsy of one that diverged."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import load, replay, run

X = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)


def init(key):
    return {"a": jax.random.normal(key, (3, 4)), "b": jnp.ones((4, 1))}


def loss(params, batch):
    return jnp.mean((batch @ params["a"] @ params["b"] - 1) ** 2)


TASK = jgd.Task(init, loss, X, 8)
SPACE = jgd.sgd(jnp.array([0.01, 30.0]))
OPTIONS = {"num_trials": 2, "sampler": "grid", "steps": 20, "eval_every": 5, "seeds": 2, "health": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sweep") / "it"


@pytest.fixture(scope="module")
def result(folder):
    return run(TASK, SPACE, **OPTIONS, dir=folder, progress=False)


def test_the_pulse_of_a_lane_is_that_of_a_run(result):
    reading = result.health(trial=0, seed=1)
    alone = jgd.fit(TASK, jgd.sgd(0.01), steps=20, seed=1, health=jgd.Health(every=5), progress=False)
    assert reading.heard.groups == ("a", "b")
    np.testing.assert_array_equal(reading.heard.steps, [4, 9, 14, 19])
    for name in ("gradient_norm/a", "update_ratio/b", "params_norm/all", "zeros/a", "successive_cosine/all"):
        beats = alone.beats[name][np.isin(alone.beats["step"], reading.heard.steps)]
        np.testing.assert_allclose(reading.heard.beats[name], beats, rtol=1e-4, err_msg=name)  # a lane's own rounding
    assert "|u|/|theta|" in str(reading)
    assert len(reading.plot().axes) == 4
    again = replay(result, 0, seed=1).curves
    np.testing.assert_allclose(again["update_ratio/a"], result.curves["update_ratio/a"][0, 1], rtol=1e-4)


def test_the_page_shows_the_pulse_of_the_best_lane(result, tmp_path):
    result.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Health of the best trial" in page
    assert re.search(r"Pulse of trial \d under seed \d, 20 steps, 4 measurements", page)


def test_a_lane_that_diverged_is_read_and_opened(result):
    assert result.diverged_at[1, 0] >= 0
    reading = result.health(trial=1)
    assert reading.findings[0].where == f"step {result.diverged_at[1, 0]}"
    assert "nan%" not in str(reading)
    found = result.autopsy()
    assert re.match(rf"step {found.step}, trial \d+ under seed \d+: ", str(found))
    assert found.step <= result.diverged_at.max()
    assert found.origin is not None


def test_a_folder_is_opened_with_its_task(result, folder):
    loaded = load(folder, TASK, SPACE)
    number, at = np.argwhere(result.diverged_at == result.diverged_at[1].min())[0]
    assert loaded.autopsy(int(number), int(at)).step == result.autopsy().step
    assert str(loaded.health(1)) == str(result.health(1))
    with pytest.raises(InputError, match=r"there is no task and optimizer to run again; load the folder"):
        load(folder).autopsy()


def test_what_is_not_there_is_one_sentence(result):
    with pytest.raises(InputError, match=r"Result.health\(trial=7\): the sweep has trials 0 to 1"):
        result.health(7)
    with pytest.raises(InputError, match=r"Result.autopsy\(seed=9\): the sweep has the seeds \[0, 1\]"):
        result.autopsy(0, seed=9)
