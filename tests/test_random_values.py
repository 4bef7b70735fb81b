"""Properties of the table's forms over random hyperparameters and shapes, which hypothesis chooses and makes small."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jgd
from jgd.core import InputError
from jgd.core.record import part_names
from tests.table import FORMS, ROWS

FEW = settings(max_examples=8, deadline=None, derandomize=True, database=None)
MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, width=32),
    st.sampled_from([0.0, 1.0, -1.0, 1e-300, float("inf"), float("-inf"), float("nan")]),
)


def records(value):
    """Return the records that a value is made of."""
    found = [value] if dataclasses.is_dataclass(value) else []
    for name in part_names(value):
        inner = getattr(value, name)
        inner = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, tuple) else [inner]
        found += [record for one in inner for record in records(one)]
    return found


FIELDS = {
    f"{row.name}: {type(record).__name__}.{field.name}": (record, field)
    for row in ROWS
    if row.name in FORMS
    for record in records(row.make())
    for field in dataclasses.fields(record)
    if field.metadata.get("kind") == "hyper"
    and not field.metadata["whole"]
    and type(getattr(record, field.name)) is float
}


@pytest.mark.parametrize("name", FIELDS)
@MANY
@given(number=NUMBERS)
def test_a_number_is_taken_where_it_lies_in_the_interval_and_nowhere_else(name, number):
    record: Any
    record, field = FIELDS[name]
    interval = field.metadata["interval"]
    left, right = interval.text[0], interval.text[-1]
    above = number > interval.low or (left == "[" and number == interval.low)
    below = number < interval.high or (right == "]" and number == interval.high)
    if above and below:
        assert getattr(dataclasses.replace(record, **{field.name: number}), field.name) == number
    else:
        with pytest.raises(InputError, match=field.name):
            dataclasses.replace(record, **{field.name: number})


SIDES = st.sampled_from([0, 3])


@FEW
@given(
    shapes=st.lists(st.lists(SIDES, max_size=2).map(tuple), min_size=1, max_size=3),
    learning_rate=st.floats(1e-6, 1.0),
    b1=st.floats(0.0, 0.99),
    b2=st.floats(0.5, 0.999),
)
def test_adam_s_first_step_is_as_long_as_its_rate_whatever_the_shapes(shapes, learning_rate, b1, b2):
    rng = np.random.default_rng(0)
    params = [np.zeros(shape, np.float32) for shape in shapes]
    grads = [rng.choice([-2.0, 3.0], shape).astype(np.float32) for shape in shapes]
    optimizer = jgd.adam(learning_rate, b1, b2)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    assert [x.shape for x in updates] == shapes
    for update, grad in zip(updates, grads, strict=True):
        # (1 - b) / (1 - b^1) is 1 to rounding, and eps is 1e-8 of the gradient at most.
        np.testing.assert_allclose(update, -learning_rate * np.sign(grad), rtol=1e-5)


@MANY
@given(
    learning_rate=st.floats(0, 10, width=32),
    b1=st.floats(0.0, 0.99),
    weight_decay=st.floats(0, 10, width=32),
)
def test_hyperparameters_by_name_are_those_that_were_given_and_come_back(learning_rate, b1, weight_decay):
    wanted = {"learning_rate": learning_rate, "b1": b1, "weight_decay": weight_decay}
    optimizer = jgd.adamw(learning_rate, b1, weight_decay=weight_decay)
    other = jgd.with_hyperparams(jgd.adamw(1e-3), **wanted)
    for one in (optimizer, other):
        assert wanted.items() <= jgd.hyperparams(one).items()
    assert jax.tree.structure(optimizer) == jax.tree.structure(other)
    assert jax.tree.leaves(optimizer) == jax.tree.leaves(other)
