"""Files of a sweep whose content is wrong under a valid checksum: "damaged" or another sentence, never a traceback."""

import pathlib
import random
import shutil
import warnings
from typing import Any

import numpy as np
import pytest

from jgd.core import InputError, storage
from jgd.sweep import load, resume
from jgd.sweep.storage.files import read_json, write_json
from tests.fuzzing import mutated
from tests.sweep.test_identity import SPACES, TASK, sweep

OLD = pathlib.Path(__file__).parent / "data" / "made_by_0_1_0" / "whole"


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(OLD, tmp_path / "d")
    return tmp_path / "d"


def read_wholly(folder):
    """Return all that is shown of a folder."""
    result = load(folder)
    return repr(result), result.trials_rows(), result.counts(), result.at_boundary(), result.interrupted


def test_a_sweep_file_that_makes_no_sense_is_one_sentence(copied):
    content, rng, said = read_json(copied / "sweep.json"), random.Random(1), []
    for _ in range(120):
        write_json(copied / "sweep.json", mutated(content, rng))
        try:
            read_wholly(copied)
        except InputError as error:
            said.append(str(error))
    assert not any("\n" in text for text in said)
    assert len(said) > 40


@pytest.mark.parametrize("kind", ["meta", "arrays"])
def test_a_chunk_that_makes_no_sense_is_one_sentence(copied, kind):
    path, rng, said = copied / "chunks" / "0-0.safetensors", random.Random(2), []
    arrays, meta = storage.load_arrays(path)
    others = [
        np.zeros(0),
        np.array(3.0),
        np.full(4, 99),
        np.full(4, -5),
        np.zeros((4, 2)),
        np.zeros((4, 9)),
        np.ones(4, bool),
    ]
    for _ in range(60):
        if kind == "meta":
            storage.save_arrays(path, arrays, mutated(meta, rng))
        else:
            name = rng.choice(sorted(arrays))
            storage.save_arrays(
                path, {**arrays, name: rng.choice(others)} if rng.random() < 0.8 else without(arrays, name), meta
            )
        try:
            read_wholly(copied)
        except InputError as error:
            said.append(str(error))
    assert not any("\n" in text for text in said)
    assert len(said) > 12


def without(arrays, name):
    return {key: x for key, x in arrays.items() if key != name}


def test_going_on_with_wrong_content_is_one_sentence_too(copied):
    content, rng = read_json(copied / "sweep.json"), random.Random(3)
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(20):
            write_json(copied / "sweep.json", mutated(content, rng))
            try:
                resume(copied, TASK, SPACES, progress=False)
            except InputError as error:
                said.append(str(error))
            for path in (OLD / "chunks").iterdir():
                shutil.copy(path, copied / "chunks")
    assert not any("\n" in text for text in said)


def test_brackets_without_end_are_damage(copied):
    (copied / "sweep.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"sweep.json: the file is damaged \(RecursionError.*delete it and run"):
        load(copied)
    (copied / "chunks" / "0-0.safetensors").write_bytes((100_000).to_bytes(8, "little") + b"[" * 100_000)
    shutil.copy(OLD / "sweep.json", copied)
    with pytest.raises(InputError, match=r"0-0.safetensors: the file is damaged \(RecursionError"):
        load(copied)


def test_a_file_of_other_code_is_not_called_damaged(copied):
    for text in ('{"a": 1}', "[1, 2]", "3"):
        (copied / "sweep.json").write_text(text)
        with pytest.raises(InputError, match=r"sweep.json: no sweep wrote this file; name another dir, or move it"):
            load(copied)


def test_what_names_no_folder_is_refused_everywhere(tmp_path, monkeypatch):
    dir: Any
    for dir in (3, "gs://bucket/run", "a\0b", ""):
        for call in (lambda: sweep(dir), lambda: load(dir), lambda: resume(dir, TASK, SPACES)):  # noqa: B023
            with pytest.raises(InputError, match=r"\(dir="):
                call()
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(OLD, tmp_path / "runs")
    assert len(load("~/runs").trials) == 4
