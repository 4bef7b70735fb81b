"""Counts of compiled programs on a mesh: of planted ones, and of matrix methods, which iterate without collectives."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jgd
from bench import sharded
from jgd.measure import program_work


def mesh(devices=2):
    return jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices])


def test_products_and_collectives_are_counted_by_the_turns_of_their_loops():
    where = mesh()
    x = jax.ShapeDtypeStruct((8, 8), jnp.float32, sharding=NamedSharding(where, P("data")))

    def body(x, _):
        whole = jax.lax.with_sharding_constraint(x, NamedSharding(where, P()))
        return jax.lax.with_sharding_constraint(jnp.tanh(whole @ whole), NamedSharding(where, P("data"))), None

    program: Any = jax.jit(lambda x: jax.lax.scan(body, x, length=5)[0]).lower(x).compile().as_text()
    found = program_work(program)
    assert found.collectives == {"all-gather": 5}
    assert (found.count, found.repeated, found.bytes) == (5, 5, 5 * 8 * 8 * 4)
    assert found.flops in (5 * 2 * 8 * 8 * 8, 5 * 2 * 4 * 8 * 8)  # of the whole, or of the rows that are kept


@functools.cache
def row(name, layout, program="update"):
    return sharded.counted(sharded.optimizers()[name], mesh(), layout, 4, 64, 8, program)


@pytest.mark.parametrize(
    ("name", "layout", "most"),
    [
        ("muon", "FSDP", 2),
        ("muon", "data parallel", 1),
        ("muon", "ZeRO-1", 4),
        ("adamw", "FSDP", 0),
        ("adamw", "ZeRO-1", 2),
    ],
)
def test_no_collective_runs_within_the_iteration(name, layout, most):
    """Of parameters in parts Muon needs two all-to-alls, of whole ones an all-gather; ZeRO-1 one for each shape."""
    found = row(name, layout)
    assert found["in_loops"] == 0
    assert found["collectives"] <= most
    if (name, layout) == ("muon", "FSDP"):
        assert found["all_to_all"] == 2
        assert found["moved_bytes"] == 2 * 4 * 64 * 64 * 4 // 2  # half of the matrices each way


def test_each_device_orthogonalizes_its_own_matrices():
    whole = sharded.counted(sharded.optimizers()["muon"], mesh(1), "data parallel", 4, 64, 8, "update")
    assert whole["product_flops"] == 4 * 5 * 6 * 64**3  # 5 steps of 4 m^2 n + 2 m^3 for each of 4 matrices
    assert row("muon", "FSDP")["product_flops"] == whole["product_flops"] / 2


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "most"), [("FSDP", 12), ("ZeRO-1", 4), ("data parallel", 7)])
def test_bases_of_soap_are_renewed_without_a_collective_within(layout, most):
    """A collective for each of what is kept, biases not among them; under ZeRO-1 all of it is packed into one."""
    found = row("soap", layout)
    assert found["in_loops"] == 0
    assert found["collectives"] <= most
    assert found["product_flops"] > 0


def test_a_stack_of_layers_that_is_split_along_its_layers_needs_no_collective():
    where = mesh()
    w = {"layers": jax.ShapeDtypeStruct((4, 16, 16), jnp.float32, sharding=NamedSharding(where, P("data")))}
    rule = jgd.scale_by_muon()
    with jax.set_mesh(where):
        state = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=w["layers"].sharding), rule.init(w)
        )
        program: Any = jax.jit(lambda g, s: rule.update(g, s)).lower(w, state).compile().as_text()
    assert program_work(program).count == 0
