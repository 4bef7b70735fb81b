"""Values as errors show them: arrays by dtype and shape wherever they lie, and nothing at length."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.core.outline import outline, shown


def test_a_long_value_is_cut_and_an_array_is_named_by_its_shape():
    assert shown(jnp.ones((3, 4))) == "float32[3, 4]"
    assert (
        shown({"a": np.ones(3), "b": [2, jax.ShapeDtypeStruct((), jnp.int32)]})
        == "{'a': float64[3], 'b': [2, int32[]]}"
    )
    assert shown(jgd.sgd(jnp.ones(2))) == "chain(identity(), scale_by_learning_rate(learning_rate=float32[2]))"
    assert shown(jnp.float32(2)) == "Array(2., dtype=float32)"
    assert shown({1: 2, "a": 3}) == "{1: 2, 'a': 3}"
    assert shown(lambda a, b=2: a) == "<lambda>(a, b=2)"
    assert shown(jgd.global_norm) == "global_norm(tree)"
    assert len(shown("x" * 500)) == 80


def test_what_is_traced_is_shown_by_its_shape():
    told = []
    jax.eval_shape(lambda x: told.append(shown({"x": x})), 1.0)
    assert told == ["{'x': float32[]}"]


def test_an_outline_has_the_paths():
    assert outline({"a": {"b": jnp.ones(2)}, "c": 3}) == "['a']['b']: float32[2], ['c']: 3"
    assert outline({}) == "nothing"
