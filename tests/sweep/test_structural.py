"""Whole numbers that shape the program: a width, a depth, a batch size, of tasks, optimizers and functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jgd
from jgd.core import InputError
from jgd.sweep import load, loguniform, replay, run, structural, uniform
from jgd.sweep.spaces.space import axes
from jgd.train import Task


def init(key, width):
    return jax.random.normal(key, (width,))


def loss(params, batch):
    return jnp.mean((params.sum() - batch) ** 2)


def task(width, batch_size=None):
    return Task(Partial(init, width=width), loss, jnp.arange(8.0), batch_size=batch_size)


def test_a_width_and_a_batch_size_are_a_program_each(tmp_path):
    space, rate = task(structural([2, 3]), structural([2, 4])), jgd.sgd(loguniform(1e-3, 1e-1))
    options = {"steps": 2, "num_trials": 8, "sampler": "grid", "progress": False}
    result = run(space, rate, **options, dir=tmp_path)
    assert [axis.name for axis in result.trials[0].axes] == ["learning_rate", "width", "batch_size"]
    assert len(result.groups) == 4
    sizes = {(trial.params["width"], trial.params["batch_size"]) for trial in result.trials}
    assert sizes == {(2, 2), (2, 4), (3, 2), (3, 4)}
    assert all(type(x) is int for x in next(iter(sizes)))
    best = result.best_trial
    assert best.task.batch_size == best.params["batch_size"]
    assert best.task.init(jax.random.key(0)).shape == (best.params["width"],)
    again = load(tmp_path, space, rate)
    assert [trial.params for trial in again.trials] == [trial.params for trial in result.trials]
    np.testing.assert_allclose(replay(again, best.number, 0).curves["loss"][-1], result.best_value, rtol=1e-5)
    assert repr(run(space, rate, **options, dir=tmp_path).best_params) == repr(result.best_params)


def test_a_function_gets_a_plain_whole_number():
    def train(hp, key):
        assert isinstance(hp["depth"], int)
        x = jnp.ones(hp["width"])
        for _ in range(hp["depth"]):
            x = x / hp["width"] * hp["rate"]
        return x.sum()

    space = {"width": structural([1, 2, 4]), "depth": structural([0, 1]), "rate": uniform(1, 2)}
    result = run(train, space, num_trials=12, sampler="grid", progress=False)
    assert len(result.groups) == 6
    for trial in result.trials:
        expected = trial.params["width"] * (trial.params["rate"] / trial.params["width"]) ** trial.params["depth"]
        np.testing.assert_allclose(result.values[trial.number], expected, rtol=1e-6)


def test_a_whole_number_that_is_structure_of_an_optimizer_can_be_listed():
    (axis,) = axes(task(2), jgd.muon(0.1, ns_steps=structural([3, 5, 9])))
    assert (axis.name, axis.distribution.edge(0.0), axis.distribution.edge(0.5)) == ("ns_steps", "low", None)


def test_a_traced_number_that_decides_a_shape_is_told_what_to_do():
    with pytest.raises(InputError, match=r"list whole numbers that do as sweep.structural\(\[16, 32\]\)"):
        run(lambda hp, key: jnp.ones(int(hp["n"])).sum(), {"n": uniform(1, 3)}, progress=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([16, 0.5], r"structural\(\[16, 0.5\]\): 0.5 is no whole number; choose between other parts with choice"),
        ([True], "True is no whole number"),
        ([2, 2], "a number is listed twice; list each once"),
        ([], "options must be a list of options"),
    ],
)
def test_bad_lists_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        structural(options)
