"""A checkpoint whose content is wrong under a valid checksum: one sentence, never a traceback."""

import random

import pytest

import jgd
from jgd.core import InputError, storage
from tests.fuzzing import mutated, refusal
from tests.train import problems

TASK = problems.task(stream=True)


def go(folder, **changes):
    mode = {"keep_best": "distance", "mode": "min"}
    return jgd.fit(TASK, jgd.sgd(0.1), **{"steps": 4, "eval_every": 2, "dir": folder, **mode, **changes})


@pytest.mark.filterwarnings("ignore:.*it was written with jax")
def test_a_checkpoint_that_makes_no_sense_is_one_sentence(tmp_path):
    go(tmp_path, steps=2)
    path, rng, said = tmp_path / "checkpoint.safetensors", random.Random(0), []
    arrays, meta = storage.load_arrays(path)
    for _ in range(40):
        storage.save_arrays(path, arrays, mutated(meta, rng))
        said += filter(None, [refusal(lambda: go(tmp_path, steps=2))])
    assert len(said) > 20
    assert not any("\n" in text for text in said)


@pytest.mark.parametrize("position", [[1], [0, -1], ["0", 1], [0.5, 1], 3, None])
def test_a_damaged_position_is_said(tmp_path, position):
    go(tmp_path, steps=2)
    path = tmp_path / "checkpoint.safetensors"
    arrays, meta = storage.load_arrays(path)
    storage.save_arrays(path, arrays, {**meta, "position": position})
    with pytest.raises(
        InputError, match=r"checkpoint\.safetensors: the file is damaged \(.*; delete it to start afresh"
    ):
        go(tmp_path)
