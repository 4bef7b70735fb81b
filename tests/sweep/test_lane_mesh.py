"""Sweeps whose lanes have several devices each: the sweep of one device to rounding, in parts on each."""

import dataclasses
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

import jgd
from jgd.sweep import loguniform, resume, run
from jgd.sweep.engine.loop import Loop

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype(np.float32)
FSDP = {"w": P("data"), "b": None}
# Sums over the devices associate otherwise: some roundings in each of 8 steps of numbers of size 1.
CLOSE = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def init(key):
    return {"w": jax.random.normal(key, (6, 4)), "b": jnp.zeros(4)}


def loss(params, batch):
    return jnp.mean((jnp.tanh(batch @ params["w"]) + params["b"][None] - 1) ** 2)


TASK = jgd.Task(init, loss, X, 12, evaluate=lambda params: {"norm": jnp.linalg.norm(params["w"])})
SPACE = jgd.adam(loguniform(1e-3, 1.0))


def mesh(devices=2):
    return jax.make_mesh((devices,), ("data",), devices=jax.devices()[:devices])


def sweep(task=TASK, space: Any = SPACE, **options):
    usual = {"num_trials": 3, "seeds": 2, "steps": 8, "eval_every": 4, "progress": False}
    return run(task, space, **{**usual, **options})


@functools.cache
def alone():
    return sweep(devices=jax.devices()[:1])


def assert_close(found, other):
    for name, curve in other.curves.items():
        CLOSE(found.curves[name], curve, err_msg=name)


@pytest.fixture
def begun(monkeypatch):
    """Record what lanes begin with: the shapes on a device of the data, and of a lane's parameter "w" and its mean."""
    found, inner = [], Loop._begin

    def begin(self, ready, *args):
        lanes, states = inner(self, ready, *args)
        data = next(x for x in ready.numbers if x.shape == X.shape)
        first = getattr(states.opt_state, "inner_state", states.opt_state)[0]
        kept = [shape_on_device(x)[1:] for x in (states.params["w"], first.mu["w"])]
        found.append((shape_on_device(data), *kept))
        return lanes, states

    monkeypatch.setattr(Loop, "_begin", begin)
    return found


def shape_on_device(x):
    return x.addressable_shards[0].data.shape


@pytest.mark.parametrize("lanes", [1, 3])
def test_the_sweep_is_that_of_one_device_and_lanes_lie_as_the_specs_say(begun, lanes):
    whole = alone()
    begun.clear()
    assert_close(sweep(mesh=mesh(), specs=FSDP, lanes=lanes), whole)
    assert set(begun) == {(X.shape, (3, 4), (3, 4))}


def test_the_state_alone_is_split_and_the_sweep_is_that_of_one_device(begun):
    whole = alone()
    begun.clear()
    assert_close(sweep(space=jgd.distributed.shard_state(SPACE, mesh()), mesh=mesh()), whole)
    assert set(begun) == {(X.shape, (6, 4), (3, 4))}


def test_leaves_of_the_state_lie_as_their_paths_say(begun):
    whole = alone()
    begun.clear()
    assert_close(sweep(mesh=mesh(), specs=FSDP, state_specs={"mu/w$": P(None, "data")}), whole)
    assert set(begun) == {(X.shape, (3, 4), (6, 2))}


def test_data_that_are_one_batch_are_split_and_those_on_the_mesh_stay_where_they_lie(begun):
    rows = jax.device_put(X, jax.sharding.NamedSharding(mesh(), P("data")))
    for task in (jgd.Task(init, loss, X), jgd.Task(init, loss, rows, 12)):
        whole = sweep(dataclasses.replace(task, data=X), devices=jax.devices()[:1], num_trials=1)
        begun.clear()
        assert_close(sweep(task, mesh=mesh(), num_trials=1), whole)
        assert set(begun) == {((12, 6), (6, 4), (6, 4))}


def test_goes_on_from_a_folder_on_a_mesh_and_off_it(tmp_path):
    for folder, where in (("on", {"mesh": mesh(), "specs": FSDP}), ("off", {})):
        cut = sweep(mesh=mesh(), specs=FSDP, dir=tmp_path / folder, max_seconds=1e-9)
        assert cut.interrupted
        assert_close(resume(tmp_path / folder, TASK, SPACE, progress=False, **where), alone())


def test_parts_of_a_batch_are_taken_by_the_devices():
    parts = jgd.Task(init, loss, X, 12, microbatch=3)
    assert_close(sweep(parts, mesh=mesh(), num_trials=1), sweep(parts, devices=jax.devices()[:1], num_trials=1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data_axis": "rows"}, r"run\(data_axis\): unknown name 'rows'"),
        (
            {"mesh": None, "state_specs": {"mu": P()}},
            r"run\(state_specs=.*it says how a lane lies on a mesh; pass mesh",
        ),
        ({"state_specs": {"rho": P()}}, r"run\(state_specs\).*'rho'"),
        ({"state_specs": {"nu/b": P("data", "data")}}, r"run\(state_specs\): .*nu/b has 1 axes and the spec"),
        (
            {"executor": ThreadPoolExecutor(), "workers": 2, "dir": "unused"},
            r"run\(executor=, mesh=\): the devices of a",
        ),
        ({"mesh": None, "specs": FSDP}, r"run\(specs=.*it says how a lane lies on a mesh; pass mesh too\."),
        ({"devices": jax.devices()[:1]}, r"run\(devices=, mesh=\): the mesh has its devices; pass one of them\."),
        ({"mesh": jax.make_mesh((1,), ("lanes",))}, r"run\(mesh=\): it has the axis 'lanes' alone"),
        ({"mesh": 3}, r"run\(mesh=3\): mesh must be a jax\.sharding\.Mesh"),
        ({"task": jgd.Task(init, loss, X, 5)}, r"run\(mesh=\): its axis 'data' has 2 devices, .* the batch of 5"),
        ({"specs": {"w": P(None, "rows"), "b": None}}, r"run\(specs\), at \['w'\], axis: unknown name 'rows'"),
        ({"specs": {"w": P("data")}}, r"run\(specs\): the tree of specs must have the parameters' structure"),
        ({"task": lambda hp, key: {"loss": hp}, "space": loguniform(1, 2)}, r"run\(mesh=.*owns its loop"),
    ],
)
def test_what_cannot_be_is_one_sentence(options, said):
    options = {"mesh": mesh(), **options}
    if callable(options.get("task")) and not isinstance(options["task"], jgd.Task):
        options |= {"steps": None, "eval_every": None}
    with pytest.raises(jgd.InputError, match=said):
        sweep(**options)
