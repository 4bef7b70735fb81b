"""Matrix methods in lanes of several devices each, and leaves of a state whose place their shapes do not tell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import jgd
from jgd.measure import program_work
from jgd.sweep import loguniform, run


def test_the_devices_of_a_lane_share_the_products_and_the_steps_are_the_same():
    opt = jgd.scale_by_muon()
    params = {name: jax.random.normal(jax.random.key(i), (2, 8, 8)) for i, name in enumerate("ab")}

    def lanes(params):
        return jax.vmap(lambda p: opt.update(p, opt.init(p), p)[0])(params)

    alone = jax.jit(lanes).lower(params).compile()
    where = jax.make_mesh((1, 2), ("lanes", "data"), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[:2])
    with jax.set_mesh(where):
        each = jax.shard_map(lanes, in_specs=P("lanes"), out_specs=P("lanes"), axis_names={"lanes"}, check_vma=False)
        shared = jax.jit(each).lower(params).compile()
    whole, part = (program_work(x.as_text() or "").flops for x in (alone, shared))
    assert whole == 2 * part > 0
    for x, y in zip(jax.tree.leaves(shared(params)), jax.tree.leaves(alone(params)), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)  # some roundings of numbers of size 1


def test_leaves_that_every_device_of_a_lane_has_whole_are_named():
    task = jgd.Task(lambda key: {"w": jnp.ones((4, 4))}, lambda p, x: jnp.mean((x @ p["w"]) ** 2), np.ones((4, 4)))
    where = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:2])
    row = jgd.adafactor(loguniform(1e-3, 1e-1), min_dim_size_to_factor=1)
    with pytest.warns(UserWarning, match=r"run\(mesh=\): every device has all of the state's .*v_row/w.*state_specs="):
        run(task, row, num_trials=2, steps=2, mesh=where, specs={"w": P("data")}, progress=False)
