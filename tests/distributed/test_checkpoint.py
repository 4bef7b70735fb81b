"""Checkpoints of sharded state: written on 8 devices, read on 8, 4, 2 and 1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import jgd
from jgd.distributed import restore_checkpoint, save_checkpoint

orbax = pytest.importorskip("orbax.checkpoint", reason="pip install 'jgd[orbax]'")
PROGRAM = """
import functools, json, sys
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 8)
import jgd
from jax.sharding import NamedSharding, PartitionSpec as P
from jgd.distributed import restore_checkpoint, save_checkpoint, split_specs, state_specs

shapes = {"w": jax.ShapeDtypeStruct((16, 8), "float32"), "b": jax.ShapeDtypeStruct((3,), "bfloat16")}
optimizer = jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(0.1))

def init():
    params = jax.tree.map(lambda x: jnp.arange(x.size, dtype=x.dtype).reshape(x.shape), shapes)
    return params, optimizer.init(params), jax.random.key(3), jnp.zeros((0, 2))

@jax.jit
def step(run):
    params, state, key, nothing = run
    grads = jax.tree.map(lambda p: jnp.sin(p) + jax.random.normal(key, p.shape, p.dtype), params)
    updates, state = optimizer.update(grads, state, params)
    return jgd.apply_updates(params, updates), state, jax.random.split(key)[0], nothing

def lying(devices):
    mesh = jax.make_mesh((devices,), ("data",), devices=jax.devices()[:devices])
    specs = split_specs(shapes, mesh)
    tree = specs, state_specs(optimizer, shapes, specs), P(), P()
    return jax.tree.map(lambda s: NamedSharding(mesh, s), tree, is_leaf=lambda x: isinstance(x, P))

run = step(jax.jit(init, out_shardings=lying(8))())
save_checkpoint(sys.argv[1], run)
whole = step(run)
like = jax.eval_shape(init)
found = {}
for devices in (8, 4, 2, 1):
    again = restore_checkpoint(sys.argv[1], like, lying(devices))
    same = jax.tree.map(lambda a, b: bool(np.all(np.asarray(a) == np.asarray(b))), again[:2], run[:2])
    mu = again[1][1][0].mu["w"]
    after = step(again)
    near = max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in zip(
        jax.tree.leaves(after[:2]), jax.tree.leaves(whole[:2])))
    found[devices] = [all(jax.tree.leaves(same)), mu.addressable_shards[0].data.shape[0], near,
                      np.array_equal(*(np.asarray(jax.random.key_data(x[2])) for x in (again, run)))]
print(json.dumps(found))
"""


@pytest.mark.slow  # a process of its own for 8 devices: 6 s
def test_eight_devices_write_what_any_number_reads(tmp_path):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for devices, (same, rows, distance, key) in json.loads(done.stdout.splitlines()[-1]).items():
        assert same
        assert key
        assert rows == 16 // int(devices)
        # On the same mesh to the bit; else a norm's sum associates otherwise: roundings of bfloat16 numbers below 4.
        assert distance == 0 if devices == "8" else distance < 2e-2


def test_a_tree_comes_back_as_it_was(tmp_path):
    mesh = jax.make_mesh((2,), ("data",), devices=jax.devices()[:2])
    split = NamedSharding(mesh, P("data"))
    tree = {"w": jax.device_put(jnp.arange(8.0), split), "rate": 0.1, "host": np.arange(3), "key": jax.random.key(1)}
    save_checkpoint(tmp_path / "a", tree)
    again = restore_checkpoint(tmp_path / "a", tree)
    np.testing.assert_array_equal(again["w"], np.arange(8.0))
    assert again["w"].sharding == split
    assert again["rate"] == 0.1
    assert type(again["rate"]) is float
    assert isinstance(again["host"], np.ndarray)
    assert jnp.all(jax.random.bits(again["key"]) == jax.random.bits(tree["key"]))
    save_checkpoint(tmp_path / "b", tree["w"])
    np.testing.assert_array_equal(restore_checkpoint(tmp_path / "b", tree["w"]), np.arange(8.0))
    with pytest.raises(jgd.InputError, match=r"save_checkpoint\(dir='.*a'\): there is something at"):
        save_checkpoint(tmp_path / "a", tree)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"w": jnp.ones(5)}, r"it holds float32\[4\] at \['a'\]\['w'\], expected float32\[5\]"),
        ({"w": jnp.ones(4, jnp.int32)}, r"it holds float32\[4\] at \['a'\]\['w'\], expected int32\[4\]"),
        ({"more": jnp.ones(2)}, r"it holds nothing at \['a'\]\['more'\], expected float32\[2\]"),
        ({"b": None}, r"it holds float32\[2\] at \['a'\]\['b'\], expected nothing"),
    ],
)
def test_what_differs_is_named(tmp_path, change, said):
    tree = {"a": {"w": jnp.ones(4), "b": jnp.ones(2)}}
    save_checkpoint(tmp_path / "a", tree)
    with pytest.raises(jgd.InputError, match=said):
        restore_checkpoint(tmp_path / "a", {"a": {**tree["a"], **change}})


def test_what_is_no_checkpoint_and_what_is_damaged_is_one_sentence(tmp_path):
    with pytest.raises(jgd.InputError, match=r"is no whole checkpoint of jgd\.distributed\.save_checkpoint"):
        restore_checkpoint(tmp_path, jnp.ones(2))
    with pytest.raises(jgd.InputError, match=r"is no whole checkpoint of jgd\.distributed\.save_checkpoint"):
        restore_checkpoint(tmp_path / "nothing", jnp.ones(2))
    save_checkpoint(tmp_path / "a", {"w": jax.random.normal(jax.random.key(0), (5000,))})
    with pytest.raises(
        jgd.InputError, match=r"restore_checkpoint\(shardings\): it must be a sharding, .*it says nothing of"
    ):
        restore_checkpoint(tmp_path / "a", {"w": jnp.ones(2), "b": 0.0}, {"w": jnp.ones(2).sharding})
    halves = NamedSharding(jax.make_mesh((2,), ("data",), devices=jax.devices()[:2]), P("data"))
    save_checkpoint(tmp_path / "odd", {"w": jnp.ones(3)})
    with pytest.raises(jgd.InputError, match=r"splits the array at \['w'\], of shape \(3,\), into parts which do not"):
        restore_checkpoint(tmp_path / "odd", {"w": jnp.ones(3)}, halves)
    block = max((tmp_path / "a").rglob("d/*"), key=lambda file: file.stat().st_size)
    block.write_bytes(block.read_bytes()[:-9000] + bytes(9000))
    with pytest.raises(jgd.InputError, match=r"the checkpoint is damaged \(.*\); take an older one"):
        restore_checkpoint(tmp_path / "a", {"w": jnp.ones(5000)})


def test_without_the_engine_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(jgd.InputError, match=r"save_checkpoint needs orbax.*pip install 'jgd\[orbax\]'"):
        save_checkpoint(tmp_path / "a", jnp.ones(2))
