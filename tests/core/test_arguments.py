"""Arguments are checked where a call enters: each name has one kind, and an error is one sentence."""

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.arguments import FINITE, KINDS, admits, checked, listed, one_of, whole_from
from jgd.core.outline import shown

GOOD = {
    "batch_size": [1, np.int64(8)],
    "block_seconds": [0.1, np.float32(2)],
    "blocks": [1, np.int64(3)],
    "callback": [print],
    "carry": [0, 2],
    "clock": [lambda: 0.0],
    "confidence": [0.95],
    "context": [8],
    "devices": [jax.devices(), tuple(jax.devices()[:1])],
    "dir": ["runs/a", pathlib.Path("runs")],
    "dtype": ["bfloat16", jnp.float32, np.dtype("f8")],
    "eta": [2],
    "eval_every": [1],
    "fn": [jnp.sin],
    "hidden": [4],
    "keep_best": ["accuracy"],
    "lanes": [1],
    "max_seconds": [0.5, 3],
    "metric": ["loss"],
    "min_steps": [1],
    "mode": ["min", "max"],
    "num_trials": [1],
    "optimizer": [jgd.sgd(0.1)],
    "own": [True, np.bool_(False)],
    "paired": [False],
    "params": [{"w": jnp.ones(2)}, [np.ones(3), jax.ShapeDtypeStruct((2,), jnp.float32)], 1.0],
    "path": ["a.toml", pathlib.Path("a")],
    "progress": [True],
    "rounds": [8],
    "seed": [0, 2**40, np.uint32(3)],
    "steps": [1],
    "target": [0.1, -3, jnp.float32(2)],
    "where": [lambda params: True],
    "width": [2],
    "workers": [1],
}
BAD = {
    "batch_size": [0, 2.5, None, True],
    "block_seconds": [0, -1.0, float("nan"), float("inf"), "1", True],
    "blocks": [0, 2.5, "3", True],
    "callback": [3],
    "carry": [-1, 0.5],
    "clock": [0.0],
    "confidence": [0, 1, 95, "95%"],
    "context": [0],
    "devices": [[], "cpu", jax.devices()[:1] * 2, [0], 3, jax.devices()[0]],
    "dir": [3, "a\0b", "", b"runs", ["runs"], "gs://bucket/run", pathlib.Path("s3://bucket/run")],
    "dtype": ["float33", 3],
    "eta": [1, 2.5],
    "eval_every": [0, "10"],
    "fn": [3],
    "hidden": [-1],
    "keep_best": ["", 3],
    "lanes": [0, 1.0],
    "max_seconds": [0, float("nan"), "10m"],
    "metric": ["", ["loss"]],
    "min_steps": [0],
    "mode": ["least", "", True],
    "num_trials": [0, 1e3],
    "optimizer": [jgd.sgd, 0.1, "adam", None],
    "own": ["yes", 1],
    "paired": ["no"],
    "params": [["text"], {"w": object()}],
    "path": ["", "a\0", 3],
    "progress": ["no", 0, np.ones(3)],
    "rounds": [0],
    "seed": [-1, 0.5, "0", True, 2**64],
    "steps": [0, 1e3, "10", float("nan")],
    "target": [float("nan"), float("inf"), "low", True],
    "where": ["x > 0"],
    "width": [0],
    "workers": [0],
}


def test_the_table_is_tried_whole():
    assert set(GOOD) == set(BAD) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_admits_what_is_meant_and_refuses_the_rest(name):
    source = {}
    exec(f"def call({name}): return {name}", source)
    call = checked()(source["call"])
    for value in GOOD[name]:
        assert call(value) is value
    for value in BAD[name]:
        with pytest.raises(jgd.InputError) as error:
            call(value)
        assert str(error.value).startswith(f"call({name}={shown(value)}): {name} must {KINDS[name].expected}.")


def test_a_default_of_none_admits_none_and_a_function_may_mean_something_else():
    @checked(size=whole_from(2), mode=one_of("min", "max"), dir=None)
    def call(size=None, mode="min", dir=None, progress=None):
        return size

    assert call() is None
    assert call(None, progress=None, dir=3) is None
    with pytest.raises(jgd.InputError, match=r"call\(size=1\): size must be a whole number, at least 2\."):
        call(1)
    with pytest.raises(jgd.InputError, match=r"call\(mode='least'\): mode must be one of 'min', 'max'\."):
        call(mode="least")
    with pytest.raises(jgd.InputError, match=r"mode must be one of 'min', 'max'\. Did you mean max\?"):
        call(mode="maxx")


def test_a_door_looks_at_what_is_given_before_it_misses_the_rest():
    @checked()
    def call(steps, seed):
        return steps, seed

    wrong: Any = call

    with pytest.raises(jgd.InputError, match=r"call\(seed=-1\): seed must be a whole number"):
        wrong(seed=-1)
    with pytest.raises(TypeError, match=r"^call: missing a required argument: 'steps'; it is called"):
        wrong(seed=1)
    with pytest.raises(TypeError, match=r"^call: .*'sede'; did you mean seed; it is called as call"):
        wrong(1, 2, sede=3)


def test_a_list_is_of_one_kind_and_no_text():
    kind = listed("numbers", FINITE, least=1)
    for value in ([1.0], (2, 3), np.ones(2), jnp.ones(2), range(3)):
        assert admits(kind, value)
    for value in ([], "12", b"12", {1: 2}, [1, "2"], [float("nan")], 3, None):
        assert not admits(kind, value)


@pytest.mark.parametrize(
    "call", [jgd.adamw, jgd.scale_by_adam, jgd.inject_hyperparams(jgd.adamw)], ids=["recipe", "record", "injected"]
)
def test_a_call_with_an_unknown_name_is_told_which_are_known(call):
    with pytest.raises(
        TypeError,
        match=r"(adamw|ScaleByAdam): .*'betas'; pass its numbers as b1 and b2; it is called as \1\(.*b2=0\.999",
    ):
        call(0.1, betas=(0.9, 0.99))
