"""Sweeps whose lanes have several devices each: the sweep of one device to rounding, in parts on each."""

import functools

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


def sweep(task=TASK, space=SPACE, **options):
    usual = {"num_trials": 3, "seeds": 2, "steps": 8, "eval_every": 4, "progress": False}
    return run(task, space, **{**usual, **options})


@functools.cache
def alone():
    return sweep(devices=jax.devices()[:1])


def assert_close(found, other):
    for name, curve in other.curves.items():
        CLOSE(found.curves[name], curve, err_msg=name)


@pytest.mark.parametrize("lanes", [1, 3])
def test_the_sweep_is_that_of_one_device_and_lanes_lie_as_the_specs_say(monkeypatch, lanes):
    begun, inner, whole = [], Loop._begin, alone()

    def begin(self, *args):
        found = inner(self, *args)
        arrays = found[1].params["w"], found[1].opt_state[0].mu["w"]
        begun.extend(x.addressable_shards[0].data.shape[1:] for x in arrays)
        return found

    monkeypatch.setattr(Loop, "_begin", begin)
    assert_close(sweep(mesh=mesh(), specs=FSDP, lanes=lanes), whole)
    assert set(begun) == {(3, 4)}


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
