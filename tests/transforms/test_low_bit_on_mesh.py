"""Moments in few bits on a mesh: they lie as their parameters do, nothing passes between devices, the same codes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jgd
from jgd.core.quantized import is_quantized
from jgd.distributed import shard_state, state_specs
from jgd.measure import program_work
from tests import problems

SHAPES = {"rows": (16, 256), "columns": (4, 512), "flat": (1024,)}
SPECS = {"rows": P("data"), "columns": P(None, "data"), "flat": P("data")}


def mesh(kind=AxisType.Auto):
    return jax.make_mesh((2,), ("data",), axis_types=(kind,), devices=jax.devices()[:2])


def placed(where, specs):
    return jax.tree.map(lambda spec: NamedSharding(where, spec), specs)


@jax.jit
def step(opt, grads, state, params):
    updates, state = opt.update(grads, state, params)
    return jgd.apply_updates(params, updates), state


@pytest.mark.parametrize(
    ("kind", "bits"), [(AxisType.Auto, 8), (AxisType.Auto, 4), (AxisType.Explicit, 8)], ids=["8", "4", "explicit"]
)
def test_chunks_are_cut_within_devices_and_their_codes_are_those_of_one(kind, bits):
    opt = jgd.low_bit(jgd.trace(0.9), bits, block=128, min_size=100, chunk=600)
    params, grads = (problems.params(SHAPES, "float32", seed=i) for i in (0, 1))
    alone = params, opt.init(params)
    where = mesh(kind)
    with jax.set_mesh(where):
        of_params, of_state = (placed(where, x) for x in (SPECS, state_specs(opt, params, SPECS)))
        held = jax.device_put((params, opt.init(params)), (of_params, of_state))
        given = jax.device_put(grads, of_params)
        told: Any = {"out_shardings": (of_params, of_state)} if kind is AxisType.Auto else {}
        compiled = jax.jit(step, **told).lower(opt, given, held[1], held[0]).compile()
        assert program_work(compiled.as_text() or "").count == 0
        for _ in range(2):
            held = compiled(opt, given, held[1], held[0])
    for _ in range(2):
        alone = step(opt, grads, alone[1], alone[0])
    for (path, x), wanted in zip(
        jax.tree_util.tree_leaves_with_path(held), jax.tree.leaves((of_params, of_state)), strict=True
    ):
        assert x.sharding.is_equivalent_to(wanted, x.ndim), (jax.tree_util.keystr(path), x.sharding)
    # Kernels of other lengths may round otherwise, and a number between two levels then goes to the other one.
    problems.close(held[0], alone[0], rtol=1e-5, atol=1e-6)
    for a, b in zip(*(jax.tree.leaves(x[1].inner_state, is_leaf=is_quantized) for x in (held, alone)), strict=True):
        assert np.mean(np.asarray(a.codes) != np.asarray(b.codes)) < 0.01


def test_scales_lie_as_codes_do_where_devices_have_whole_blocks():
    params = {"w": jnp.ones((4, 512)), "odd": jnp.ones((4, 384)), "flat": jnp.ones(512)}
    specs = {"w": P(None, "data"), "odd": P("data", "x"), "flat": P("data")}
    where = jax.make_mesh((2, 1), ("data", "x"), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[:2])
    opt = jgd.low_bit(jgd.trace(0.9), 4, block=128, min_size=1)
    with jax.set_mesh(where):
        known: Any = state_specs(opt, params, specs).inner_state.trace
    assert {name: (x.codes, x.scale) for name, x in known.items()} == {
        "w": (P(None, "data"), P(None, "data")),
        "odd": (P("data", "x"), P("data", "x")),
        "flat": (P("data"), P("data")),
    }
    # Without a mesh nothing tells how many parts there are of blocks, or of bytes that hold two codes.
    unknown: Any = state_specs(opt, params, specs).inner_state.trace
    assert (unknown["odd"].codes, unknown["odd"].scale) == (P("data", None), P("data", None))
    split: Any = state_specs(shard_state(opt, where), params, None).inner_state.inner_state.trace
    assert (split["w"].codes, split["w"].scale) == (P("data", None), P("data", None))
