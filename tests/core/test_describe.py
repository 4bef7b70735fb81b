"""Texts that tell two runs apart, and nothing else."""

import numpy as np

import jgd
from jgd.core.fingerprint import differences, leaf_texts, structure_text


def test_numbers_are_told_exactly_and_arrays_by_a_checksum():
    assert leaf_texts("optimizer", jgd.sgd(0.1)) == {"optimizer.learning_rate": "0.1"}
    first, second = (leaf_texts("data", {"x": np.array(x, np.float32)}) for x in ([1, 2], [1, 3]))
    assert first["data.x"].startswith("float32[2] with checksum ")
    assert first != second
    assert first == leaf_texts("data", {"x": np.array([1, 2], np.float32)})


def test_the_structure_has_no_numbers_and_no_addresses():
    assert structure_text(jgd.adam(1e-3)) == structure_text(jgd.adam(1.0))
    assert structure_text(jgd.adam(1e-3)) != structure_text(jgd.adam(1e-3, nesterov=True))
    assert " at 0x" not in structure_text(object())


def test_differences_name_the_first_few():
    assert differences({"a": "1"}, {"a": "1"}) == ""
    theirs, ours = {"a": "1", "b": "2", "c": "3", "d": "4"}, {"e": "5"}
    assert differences(theirs, ours) == (
        "a is 1 there and absent here; b is 2 there and absent here; c is 3 there and absent here"
    )
