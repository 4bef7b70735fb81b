"""Autopsies: operation, value, example, leaf, lane and step of what went wrong first; masked NaNs are not reported."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

import jgd
from jgd.core import InputError
from jgd.health.origin import find_origin
from jgd.health.remedies import because_of, remedy_of

X = np.random.default_rng(0).uniform(0.5, 1.5, size=(96, 4)).astype(np.float32)


def init(key):
    return {"a": {"kernel": jnp.ones((4, 3)) / 4}, "b": {"kernel": jnp.ones((3, 1)) / 3}}


def loss(params, batch):
    h = jnp.log(batch @ params["a"]["kernel"])
    return jnp.mean((h @ params["b"]["kernel"] - 1) ** 2)


TASK = jgd.Task(init, loss, X, batch_size=8)


@pytest.mark.parametrize(
    ("fn", "args", "operation", "operands"),
    [
        (lambda x: jnp.log(x).sum(), [1.0, -2.0, 3.0], "log", (-2.0,)),
        (jax.grad(lambda x: jnp.sum(jnp.where(x > 0, jnp.sqrt(x), 0))), [1.0, 0.0], "div", (0.5, 0.0)),
        (lambda x: jnp.exp(100 * x).sum(), [0.1, 1.0], "exp", (100.0,)),
        (lambda x: (x.astype(jnp.float16) * 3e4).sum(), [1.0, 3.0], "mul", (3.0, 3e4)),
        (lambda x: jax.nn.softmax(jnp.where(x > 9, x, -jnp.inf)).sum(), [1.0, 2.0], "sub", (-np.inf, np.inf)),
        (lambda x: x.sum(), [1.0, np.inf], "argument", ()),
    ],
    ids=["log", "root at zero", "exp", "float16", "all masked", "argument"],
)
def test_the_operation_and_its_operands(fn, args, operation, operands):
    found = find_origin(fn, jnp.asarray(args))
    assert found is not None
    assert (found.operation, found.operands) == (operation, operands)
    assert operation == "argument" or "test_autopsy.py" in found.source


def test_an_operation_of_several_results_is_told_by_the_one_that_failed():
    mesh, split = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,)), PartitionSpec("data")
    log = jax.shard_map(lambda w, x: jnp.log(w * x), mesh=mesh, in_specs=(PartitionSpec(), split), out_specs=split)
    x = jnp.ones((16, 4)).at[9, 2].set(-3.0)
    found = find_origin(lambda w: jax.value_and_grad(lambda w: log(w, x).sum())(w)[0], jnp.float32(2))
    assert found is not None  # what the way back needs are results of the operation too, and come first
    assert (found.operation, found.index, found.operands) == ("shard_map", (9, 2), (2.0, -3.0))


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (lambda x: jnp.linalg.solve(0 * jnp.eye(2), x).sum(), r"^solution of a linear system at .*: add a multiple of"),
        (lambda x: jnp.take(x, 9), r"^gather of 4 and 9 at .*: keep its indices within the axis"),
    ],
)
def test_what_a_whole_operation_says(fn, words):
    found = find_origin(fn, jnp.array([1.0, 4.0]))
    assert found is not None
    assert re.search(words, f"{because_of(found)}: {remedy_of(found, 'loss')}")


def test_a_masked_nan_is_not_reported():
    assert find_origin(lambda x: jnp.where(x > 0, jnp.log(x), 0).sum(), jnp.array([1.0, -1.0])) is None

    def both(x):  # the first NaN is masked, the second is not
        return jnp.where(x > 0, jnp.log(x), 0).sum() + jnp.sqrt(x - 3).sum()

    found = find_origin(both, jnp.array([4.0, -1.0]))
    assert found is not None
    assert found.operation == "sqrt"


def test_the_pass_of_a_scan():
    def fn(w):
        def body(h, w):
            return jnp.sqrt(h - w), None

        return jax.lax.scan(body, jnp.float32(100), w)[0]

    found = find_origin(fn, jnp.array([0.0, 1.0, 2.0, 500.0, 1.0]))
    assert found is not None
    assert (found.operation, found.passes) == ("sqrt", (3,))


def test_the_example_of_a_bad_row_from_a_run_and_its_folder(tmp_path):
    """Row 17 has a negative input, which the step meets that draws it: nothing of the run is repeated."""
    task = dataclasses.replace(TASK, data=TASK.data.at[17].set(-1.0))
    run = jgd.fit(task, jgd.sgd(0.01), steps=40, seed=3, dir=tmp_path / "run")
    assert run.status.name == "NON_FINITE"
    found = jgd.health.autopsy(task, jgd.sgd(0.01), run, seed=3)
    assert (found.step, found.lane, found.stage, found.example) == (run.steps - 1, None, "loss", 17)
    assert found.origin is not None
    assert found.origin.operation == "log"
    assert found.rows is not None
    assert 17 in found.rows
    assert "log of -0.9" in str(found) or "log of -1" in str(found)
    assert str(found).startswith(f"step {run.steps - 1}: the loss is nan, expected a finite number; log of")
    again = jgd.health.autopsy(task, jgd.sgd(0.01), tmp_path / "run")  # which knows its seed
    assert str(again) == str(found)


def test_the_lane_and_the_step():
    """Lane 1 of two takes steps so long that its logarithm leaves its domain."""
    optimizers = [jgd.sgd(0.001), jgd.sgd(1.0)]
    found = jgd.health.autopsy(TASK, optimizers, steps=60, seed=[0, 1])
    assert found.lane == 1
    run = jgd.fit(TASK, optimizers[1], steps=60, seed=1)
    assert found.step == run.steps - 1
    assert found.origin is not None
    assert found.origin.operation == "log"
    np.testing.assert_allclose(found.carry.params["a"]["kernel"], run.params["a"]["kernel"], rtol=1e-5)  # as vmapped


def test_the_leaf_of_a_bad_gradient():
    def rooted(params, batch):
        return jnp.mean(jnp.sqrt(jnp.maximum(batch @ params["a"]["kernel"] - 9, 0)) @ params["b"]["kernel"])

    found = jgd.health.autopsy(dataclasses.replace(TASK, loss=rooted), jgd.sgd(0.1), steps=3)
    assert (found.step, found.stage, found.leaf) == (0, "gradient", "a/kernel")
    assert "the derivative of a root" in str(found)


def test_a_spike_is_found_with_its_batch():
    """One row of 96 is far out: the first batch with it after the warm-up is the spike."""
    task = dataclasses.replace(
        TASK,
        loss=lambda p, b: jnp.mean((b @ p["a"]["kernel"] @ p["b"]["kernel"] - 1) ** 2),
        data=jnp.asarray(np.concatenate([np.tile(X, (10, 1)), np.full((1, 4), 50, np.float32)])),
    )
    found = jgd.health.autopsy(task, jgd.sgd(1e-4), steps=120)
    assert found.stage == "spike"
    assert found.rows is not None
    assert 960 in found.rows
    assert found.leaf in ("a/kernel", "b/kernel")
    assert "deviations" in str(found)


def test_what_cannot_be_looked_at_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no checkpoint.safetensors in it; name the dir of a fit"):
        jgd.health.autopsy(TASK, jgd.sgd(0.1), tmp_path)
    with pytest.raises(InputError, match=r"must be the jgd.Task of the run, as in autopsy\(task, optimizer, run\)"):
        jgd.health.autopsy(tmp_path, jgd.sgd(0.1))  # pyright: ignore[reportArgumentType]: it is refused
    with pytest.raises(InputError, match="say how many steps to run again, or pass the run"):
        jgd.health.autopsy(TASK, jgd.sgd(0.1))
    with pytest.raises(InputError, match="nothing is wrong in 5 steps"):
        jgd.health.autopsy(TASK, jgd.sgd(1e-3), steps=5)
    with pytest.raises(InputError, match="3 seeds for 2 optimizers"):
        jgd.health.autopsy(TASK, [jgd.sgd(0.1)] * 2, seed=[1, 2, 3], steps=5)
