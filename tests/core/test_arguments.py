"""Arguments are checked where a call enters: each name has one kind, and an error is one sentence."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.arguments import KINDS, checked, one_of, whole_from
from jgd.core.outline import shown

GOOD = {
    "block_seconds": [0.1, np.float32(2)],
    "blocks": [1, np.int64(3)],
    "callback": [print],
    "carry": [0, 2],
    "clock": [lambda: 0.0],
    "confidence": [0.95],
    "devices": [jax.devices(), tuple(jax.devices()[:1])],
    "dir": ["runs/a", pathlib.Path("runs")],
    "dtype": ["bfloat16", jnp.float32, np.dtype("f8")],
    "fn": [jnp.sin],
    "lanes": [1],
    "optimizer": [jgd.sgd(0.1)],
    "own": [True, np.bool_(False)],
    "paired": [False],
    "params": [{"w": jnp.ones(2)}, [np.ones(3), jax.ShapeDtypeStruct((2,), jnp.float32)], 1.0],
    "progress": [True],
    "seed": [0, 2**40],
}
BAD = {
    "block_seconds": [0, -1.0, float("nan"), float("inf"), "1", True],
    "blocks": [0, 2.5, "3", True],
    "callback": [3],
    "carry": [-1, 0.5],
    "clock": [0.0],
    "confidence": [0, 1, 95, "95%"],
    "devices": [[], "cpu", jax.devices()[:1] * 2, [0], 3, jax.devices()[0]],
    "dir": [3, "a\0b", "", ["runs"]],
    "dtype": ["float33", 3],
    "fn": [3],
    "lanes": [0, 1.0],
    "optimizer": [jgd.sgd, 0.1, "adam", None],
    "own": ["yes", 1],
    "paired": ["no"],
    "params": [["text"], {"w": object()}],
    "progress": ["no", 0],
    "seed": [-1, 0.5, "0", True],
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
        assert str(error.value) == f"call({name}={shown(value)}): {name} must {KINDS[name].expected}."


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
