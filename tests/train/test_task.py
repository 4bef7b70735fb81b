"""The task: what it takes, and the sentence that refuses the rest."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.train.task import Task, check_task, is_stream, loss_and_metrics, num_batches
from tests.train import problems

X, Y = problems.arrays()["x"], problems.arrays()["y"]
HOLED = X.copy()
HOLED[4, 2] = np.nan


def make(**changes):
    fields = {"init": problems.init, "loss": problems.loss, "data": problems.arrays(), "batch_size": 5} | changes
    return Task(**fields)


BAD = {
    "no arrays": ({"data": {}}, "Task(data): there are no arrays"),
    "no examples": ({"data": {"x": X[:0], "y": Y[:0]}}, "['x'] is empty, float32[0, 3]; pass at least one example"),
    "NaN": ({"data": {"x": HOLED, "y": Y}}, "['x'] holds 1 NaN or infinite values, the first at index (4, 2)"),
    "unequal": ({"data": {"x": X, "y": Y[1:]}}, "['y'] has 22 examples, but the one at ['x'] has 23"),
    "lists": ({"data": [[1.0, 2.0], [3.0]]}, "[0][0] is 1.0, expected an array with a leading axis"),
    "a scalar": ({"data": (X, np.ones((), np.float32))}, "[1] is Array(1., dtype=float32), expected an array"),
    "too large a batch": ({"batch_size": 24}, "Task(batch_size=24): the data have only 23 examples; use"),
    "empty batch": ({"batch_size": 0}, "Task(batch_size=0): batch_size must be a whole number, at least 1"),
    "half a batch": ({"batch_size": 2.5}, "Task(batch_size=2.5): batch_size must be a whole number"),
    "vector loss": ({"loss": lambda p, b: b["x"] @ p["w"]},
                    "must be a real floating scalar or (scalar, aux), but it is float32[5]"),
    "no loss": ({"loss": lambda p, b: None}, "but it is None"),
    "integer loss": ({"loss": lambda p, b: jnp.sum(p["w"] > 0)}, "but it is int32[]"),
    "shapes": ({"loss": lambda p, b: (b["x"] @ b["x"]).sum()},
               "on a batch of ['x']: float32[5, 3], ['y']: float32[5] failed with TypeError"),
    "one argument": ({"loss": lambda p: 1.0}, "the loss takes (p), expected (params, batch), (params, batch, key)"),
    "aux an array": ({"loss": lambda p, b: (p["b"], jnp.ones(3))},
                     "aux must be a dict of scalars by name, which are recorded, but it is float32[3]; for"),
    "an array in aux": ({"loss": lambda p, b: (p["b"], {"acc": 1.0, "logits": b["x"]})},
                        "aux['logits'] is float32[5, 3], expected a real scalar, recorded at each step; reduce it"),
    "a key in aux": ({"loss": lambda p, b, key: (p["b"], {"key": key})}, "aux['key'] is key<fry>[], expected a real"),
    "statistics in aux": ({"loss": lambda p, b: (p["b"], {"stats": {"mean": 1.0}})}, "aux['stats'] is {'mean'"),
    "aux called loss": ({"loss": lambda p, b: (p["b"], {"loss": 1.0})}, "aux has an entry 'loss'"),
    "not a function": ({"init": 3.0}, "Task(init=3.0): init must be a function init(key) -> params"),
    "init fails": ({"init": lambda key: {}["w"]}, "init(key) failed with KeyError: 'w'"),
    "no parameters": ({"init": lambda key: {}}, "init(key) returned no parameters"),
    "a pair without a state": ({"init": lambda key: (problems.init(key), jnp.arange(3))},
                               "[1] has dtype int32, expected a floating or complex one; convert it, or keep it out of "
                               "params, as the state of a model whose loss is loss(params, state, batch, key)"),
    "whole parameters": ({"init": lambda key: {"n": jnp.arange(3)}}, "the parameter at ['n'] has dtype int32"),
    "evaluate scalar": ({"evaluate": lambda p: p["b"]}, "must return a dict of scalars, but it returned float32[]"),
    "evaluate vector": ({"evaluate": lambda p: {"w": p["w"]}}, "but it returned {'w': float32[3]}"),
    "empty stream": ({"data": lambda epoch: iter(()), "batch_size": None}, "data(0) yields nothing"),
    "stream with size": ({"data": problems.batches}, "the data come in batches of their own; leave batch_size out"),
    "stream with NaN": ({"data": lambda epoch: iter([(HOLED,)]), "batch_size": None}, "[0] of the first batch holds 1"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD)
def test_bad_tasks_are_refused_in_one_sentence(changes, words):
    with pytest.raises(InputError) as error:
        check_task(make(**changes))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_failure_keeps_its_cause():
    with pytest.raises(InputError) as error:
        check_task(make(init=lambda key: {}["w"]))
    assert isinstance(error.value.__cause__, KeyError)


@pytest.mark.parametrize("batch_size", [None, 1, 5, 23])
def test_good_tasks_pass(batch_size):
    check_task(make(batch_size=batch_size))
    assert num_batches(make(batch_size=batch_size)) == {None: 1, 1: 23, 5: 4, 23: 1}[batch_size]


def test_mixed_dtypes_are_welcome():
    data = {"x": X, "label": np.arange(23, dtype=np.uint8), "half": jnp.ones((23, 2), jnp.bfloat16)}
    check_task(make(data=data, loss=lambda p, b: (b["x"] @ p["w"]).mean() + b["label"].sum() + b["half"].sum()))


NO_KEY: Any = None
KEY_STYLES = {
    "two": (lambda p, b: 1.0 * (b is None), False),
    "three": (lambda p, b, k: jax.random.uniform(k), True),
    "by name": (lambda p, b, *, key: jax.random.uniform(key), True),
    "with a default": (lambda p, b, key=NO_KEY: jax.random.uniform(key), True),
    "rng": (lambda p, b, rng=NO_KEY: jax.random.uniform(rng), True),
    "fourth": (lambda p, b, scale=1.0, *, rng=NO_KEY: scale * jax.random.uniform(rng), True),
    "other default": (lambda p, b, scale=2.0: scale, False),
    "partial": (jax.tree_util.Partial(lambda s, p, b, key: s * jax.random.uniform(key), 2.0), True),
}


@pytest.mark.parametrize(("loss", "random"), KEY_STYLES.values(), ids=KEY_STYLES)
def test_the_loss_gets_a_key_where_it_asks_for_one(loss, random):
    task = make(loss=loss)
    values = [float(loss_and_metrics(task, {}, None, None, jax.random.key(seed))[0]) for seed in (0, 1)]
    assert (values[0] != values[1]) == random


def test_aux_is_recorded_where_it_is_a_dict_of_scalars():
    task = make(loss=lambda p, b: (jnp.float32(1), {"half": jnp.bfloat16(2), "n": 3}))
    metrics = loss_and_metrics(task, {}, None, None, jax.random.key(0))[1][1]
    assert metrics["half"].dtype == jnp.float32
    assert int(metrics["n"]) == 3


def test_numbers_inside_the_loss_are_leaves():
    task = make(loss=jax.tree_util.Partial(lambda scale, p, b: scale * p["b"], 2.0))
    assert 2.0 in jax.tree.leaves(task)
    assert is_stream(make(data=problems.batches, batch_size=None))
    assert not is_stream(task)


def test_a_number_that_decides_a_shape_is_structure(tmp_path):
    def init(key, width):
        return jnp.ones(width)

    def train(bound, **options):
        task = Task(bound(init, width=3), lambda p, batch: ((batch @ p) ** 2).mean(), jnp.ones((4, 3)))
        return jgd.fit(task, jgd.sgd(0.1), steps=2, progress=False, **options)

    assert train(functools.partial, dir=tmp_path / "partial").params.shape == (3,)
    with pytest.raises(
        InputError, match=r"traced, and must not decide shapes .*; bind those that do by functools\.partial"
    ):
        train(jax.tree_util.Partial, dir=tmp_path / "traced")


def test_a_flag_or_a_text_inside_a_loss_is_bound():
    def loss(p, batch, twice, act="tanh"):
        return ((batch @ p) ** 2).mean() * (2 if twice else 1)

    def train(bound, **given):
        task = Task(lambda key: jnp.ones(3), bound(loss, **given), jnp.ones((4, 3)))
        return jgd.fit(task, jgd.sgd(0.1), steps=1, progress=False)

    assert train(functools.partial, twice=True, act="relu").metrics["loss"][0] == pytest.approx(18.0)
    with pytest.raises(InputError, match=r"numbers and flags inside a Partial are traced, .*functools\.partial"):
        train(jax.tree_util.Partial, twice=True)
    with pytest.raises(InputError, match=r"the task's act is 'relu', not a number; bind a text by functools\.partial"):
        train(jax.tree_util.Partial, twice=1.0, act="relu")
