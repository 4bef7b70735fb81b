"""Data as people hold them: what is taken, with its values, and what is refused, with its path."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jgd
from jgd.core import InputError
from jgd.train import Task
from jgd.train.task import check_task
from tests.train import problems


def task(data, **options):
    return Task(lambda key: jnp.zeros(()), lambda p, b: p**2, data, **options)


TABLE = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
TAKEN = {
    "a table": (TABLE, [[1, 3], [2, 4]], np.float32),
    "a series": (TABLE["b"], [3, 4], np.int32),
    "a nullable series": (pd.Series([3, 4], dtype="Int64"), [3, 4], np.int32),
    "big-endian": (np.array([1.5, 2.5], ">f4"), [1.5, 2.5], np.float32),
    "big-endian integers": (np.array([1, 2], ">i8"), [1, 2], np.int32),
    "a view": (np.arange(6.0, dtype=np.float32)[::-2], [5, 3, 1], np.float32),
}


@pytest.mark.parametrize(("data", "values", "dtype"), TAKEN.values(), ids=TAKEN)
def test_it_is_taken_with_its_values(data, values, dtype):
    found = task({"x": data})
    check_task(found)
    np.testing.assert_array_equal(found.data["x"], values)
    assert found.data["x"].dtype == dtype


REFUSED = {
    "objects": (np.array([1, "a"], object), "the leaf at ['x'] is an array of dtype object, which JAX does not have"),
    "texts": (np.array(["a", "b"]), "is an array of dtype <U1, which JAX does not have; convert it to numbers"),
    "dates": (np.array(["2020-01-01"], "datetime64[D]"), "is an array of dtype datetime64[D], which JAX"),
    "categories": (pd.DataFrame({"c": pd.Categorical(["a", "b"])}), "['x'], column 'c' has dtype category; encode it"),
    "strings": (pd.Series(["a", "b"]), "; encode it as numbers, for example with pandas.get_dummies"),
    "missing": (pd.Series([1, None], dtype="Int64"), "['x'] has missing values; fill them, for example"),
    "large numbers": (np.array([1, 2**40]), "holds numbers from 1 to 1099511627776, which int32 cannot; rescale them"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_in_one_sentence_with_its_path(data, words):
    with pytest.raises(InputError) as error:
        task({"x": data})
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_generator_is_refused_with_what_to_pass():
    with pytest.raises(InputError, match=r"is a generator, which can be read only once; pass a function data\(epoch\)"):
        check_task(task(problems.batches(0)))


def test_torch_tensors_are_taken():
    torch = pytest.importorskip("torch")
    found = task({"x": torch.ones(2, 3, requires_grad=True), "h": torch.ones(2, dtype=torch.bfloat16)})
    assert (found.data["x"].dtype, found.data["h"].dtype) == (jnp.float32, jnp.bfloat16)


class Tensor:
    """Stands for torch's tensor, as jgd sees it, where torch is not installed."""

    __module__ = "torch"
    dtype = "torch.float32"

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return np.array([1.0, 2.0], np.float32)


def test_a_tensor_is_detached_and_brought_to_the_host():
    np.testing.assert_array_equal(task({"x": Tensor()}).data["x"], [1, 2])


def test_batches_of_a_stream_are_taken_alike():
    def batches(epoch):
        yield {"x": np.array([[1.0, 2.0]], ">f4"), "y": pd.Series([1.0])}

    found = Task(lambda key: jnp.zeros(2), lambda p, b: ((b["x"] @ p - b["y"]) ** 2).mean(), batches)
    assert jgd.fit(found, jgd.sgd(0.1), steps=3).metrics["loss"][0] == 1.0


def one_batch(epoch):
    yield {"x": np.ones((2, 2))}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: iter([]), r"Task\(data=<lambda>\(\)\): data must be arrays, or a function data\(epoch\)"),
        (lambda epoch: next(one_batch(0)), r"data\(0\) returned \{'x': .*, expected an iterator of batches"),
        (lambda epoch: 3, r"data\(0\) returned 3, expected an iterator of batches"),
        (lambda epoch: iter([]), r"data\(0\) yields nothing; an epoch needs at least one batch"),
        (lambda epoch: one_batch(0) if epoch == 0 else None, r"data\(1\) returned None, expected an iterator"),
        (lambda epoch: one_batch(0) if epoch == 0 else iter([]), r"data\(1\) yields nothing; return a fresh iterator"),
        (
            lambda epoch: iter([{"x": np.ones((2, 2))}, {"x": np.ones((1, 2))}]),
            r"has float32\[1, 2\] at .*, but the first",
        ),
        (lambda epoch: iter([{"x": np.ones((2, 2))}, 3]), r"batch 1 of epoch 0 is PyTreeDef\(\*\), but the first was"),
    ],
)
def test_a_stream_of_the_wrong_signature_or_answer_is_refused(data, words):
    found = Task(lambda key: jnp.zeros(2), lambda p, b: ((b["x"] @ p) ** 2).mean(), data)
    with pytest.raises(InputError, match=words):
        jgd.fit(found, jgd.sgd(0.1), steps=3)


def test_nan_may_be_meant():
    data = {"x": np.array([1.0, np.nan])}
    with pytest.raises(InputError, match="pass allow_nan=True where the loss deals with them"):
        check_task(task(data))
    check_task(task(data, allow_nan=True))
    with pytest.raises(InputError, match=r"Task\(allow_nan=.*must be True or False"):
        task(data, allow_nan="yes")


def test_printing_never_shows_arrays_whole():
    closed = problems.task(5)
    text = repr(Task(closed.init, closed.loss, {"x": np.zeros((1000, 7)), "few": np.arange(1000)}, 5, name="n"))
    assert "'x': float32[1000, 7]" in text
    assert "'few': int32[1000]" in text
    assert len(text) < 250
    solution = jgd.minimize(lambda p: (p["w"] ** 2).sum(), jgd.sgd(0.1), {"w": jnp.ones(1000)}, jgd.Stop(max_steps=3))
    assert "float32[1000]" in str(solution)
    assert len(str(solution)) < 300
