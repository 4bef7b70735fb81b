"""Floors against the figures that one counts by hand, and shares of them from timings that are made up."""

import json
import types
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core import InputError
from jgd.core.cost import Cost, cost, total
from jgd.measure import Timing, device, floor, random_like, roofline, state_bytes, step_program
from jgd.measure.roofline import judge
from jgd.measure.units import bytes_text, time_text
from tests.table import ROWS

roofline_module = import_module("jgd.measure.roofline")  # the function of this name hides it

LARGE = {"w": jax.ShapeDtypeStruct((256, 256), jnp.float32), "rest": [jax.ShapeDtypeStruct((256, 256), jnp.float32)]}
N = 2 * 256 * 256
BY_SHAPE = ("kl_shampoo", "kl_soap", "normuon", "racs", "splus")  # what they keep a parameter depends on a leaf's shape
ORTHOGONAL = ("adamuon", "dion", "muon", "normuon", "scion")  # whose products count


# Beside 12 bytes for gradient and parameter, and the state in and out.
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_the_floor_is_gradients_parameters_state_and_what_is_declared(row):
    found = floor(row.make(), LARGE)
    # Counts, 8 bytes each, and scalars are the rest.
    declared = None if row.name in BY_SHAPE else row.state_bytes
    state = jax.eval_shape(row.make().init, LARGE) if declared is None else ()
    kept = declared or sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state) if x.ndim) / N
    assert found.bytes / N == pytest.approx(12 + 2 * kept + row.passes, abs=(40 + 2 * row.scalar_bytes) / N)
    assert bool(found.flops) == row.name.startswith(ORTHOGONAL)


@pytest.mark.parametrize(
    ("optimizer", "by_hand"),
    [
        (jgd.sgd(0.1), 12),
        (jgd.heavy_ball(0.1), 20),
        (jgd.lion(0.1), 20),
        (jgd.adam(0.1), 28),
        (jgd.adam(0.1, mu_dtype="bfloat16"), 24),
        (jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adam(0.1)), 32),
        (jgd.scheduled(jgd.chain(jgd.clip_by_global_norm(1.0), jgd.sgd(0.1))), 16),
        (jgd.partition({"a": jgd.clip_by_global_norm(1.0), "b": jgd.adam(0.1)}, {"w": "a", "rest": "b"}), 22),
        (jgd.masked(jgd.clip_by_global_norm(1.0), {"w": True, "rest": False}), 14),
        (jgd.multi_steps(jgd.adam(0.1), jgd.constant_schedule(4)), 12 + 8 + 16 / 4),
        (jgd.extragradient(jgd.adam(0.1)), 12 + 8 + 24),  # the state is read twice, and written once
        (optax.adam(0.1), 28),
        (optax.sgd(0.1, 0.9), 20),
    ],
)
def test_floors_by_hand(optimizer, by_hand):
    assert floor(optimizer, LARGE).bytes / N == pytest.approx(by_hand, abs=40 / N)


def test_muon_counts_its_products_in_their_dtype():
    tree = {"a": jnp.ones((32, 96)), "b": jnp.ones((3, 96, 32))}
    by_hand = 4 * 5 * (4 * 32**2 * 96 + 2 * 32**3)
    assert cost(jgd.scale_by_muon(), tree).flops == {"float32": by_hand}
    assert cost(jgd.scale_by_muon(ns_steps=1, ns_dtype="bfloat16"), tree).flops == {"bfloat16": by_hand / 5}
    assert cost(jgd.muon(0.1), tree).flops == {"float32": by_hand / 4}  # a stack of matrices is AdamW's


def test_costs_add_up():
    mixed = [Cost(2, {"float32": 4}), Cost(6, {"float32": 2, "bfloat16": 8})]
    assert total(mixed, share=0.5) == Cost(4, {"float32": 3, "bfloat16": 4})
    assert total([]) == Cost()


def test_a_transform_of_one_s_own_declares_its_cost():
    @jgd.record
    class Twice:
        def init(self, params):
            return ()

        def update(self, grads, state, params=None, **extra):
            return grads, state

        def cost(self, params):
            return Cost(100, {"float32": 7})

    assert floor(jgd.chain(Twice(), jgd.sgd(0.1)), LARGE) == Cost(12 * N + 100, {"float32": 7})


def blocks(*seconds):
    return Timing(seconds, 1)


COPY: Any = types.SimpleNamespace(moved=2000.0)


@pytest.fixture
def tiny_cache(monkeypatch):
    """Feign a device whose last cache holds nothing."""
    monkeypatch.setattr(roofline_module, "last_cache_bytes", lambda device: 0)


def test_the_share_is_paired_with_the_copy(tiny_cache):
    params = jnp.ones(100)  # Adam moves 2800 bytes and 8 of its count
    share = judge("x", jgd.adam(0.1), params, blocks(2.0, 4.0, 8.0), blocks(1.0, 2.0, 4.0), COPY)
    assert share == pytest.approx((70.2, 70.2, 70.2, 0.75))


def test_more_than_the_floor_is_an_error_and_a_little_noise_is_not(tiny_cache):
    params = jnp.ones(1000)
    steps = blocks(*[12.0 / x for x in (1.0, 1.06, 1.02)])
    share: Any = judge("x", jgd.sgd(0.1), params, steps, blocks(2.0, 2.0, 2.0), COPY)
    assert share.percent == pytest.approx(102)
    with pytest.raises(InputError, match=r"x: 120% \(120 to 120, 50%\) of the floor is impossible.*12.0 kB are more"):
        judge("x", jgd.sgd(0.1), params, blocks(10.0, 10.0), blocks(2.0, 2.0), COPY)


def test_products_set_the_floor_where_they_take_longer(monkeypatch):
    monkeypatch.setattr(roofline_module, "flops", lambda dtype: 1e6)
    tree, copied = {"a": jnp.ones((10, 10))}, blocks(1e-9, 1e-9)
    products = 5 * 6 * 10**3 / 1e6
    share: Any = judge("x", jgd.scale_by_muon(), tree, blocks(0.06, 0.06), copied, COPY)  # in the cache, and yet
    assert share.percent == pytest.approx(100 * products / 0.06)
    assert judge("x", jgd.adam(0.1), tree, blocks(0.06, 0.06), copied, COPY) is None


def test_a_sharded_tree_counts_one_device_s_part(tiny_cache):
    mesh = jax.make_mesh((2,), ("d",), devices=jax.devices()[:2])
    spread = jax.NamedSharding(mesh, jax.P("d"))
    whole, halves = jnp.ones((100,)), jax.device_put(jnp.ones((100,)), spread)
    shares = [judge("x", jgd.sgd(0.1), p, blocks(1.0, 1.0), blocks(1.0, 1.0), COPY) for p in (whole, halves)]
    assert tuple(share.percent for share in shares if share) == pytest.approx((60, 30))
    assert random_like({"x": halves}, 0)["x"].sharding == spread


def test_random_numbers_follow_shapes_and_dtypes_and_differ():
    tree = {"a": jax.ShapeDtypeStruct((3, 4), jnp.bfloat16), "b": np.ones(4), "c": jnp.ones(2, jnp.complex64), "d": 1.0}
    found = random_like(tree, 0)
    assert (found["a"].dtype, found["a"].shape, found["c"].dtype) == (jnp.bfloat16, (3, 4), jnp.complex64)
    assert found["b"].tolist() != found["a"].reshape(-1)[:4].tolist()
    assert found["b"].tolist() == random_like(tree, 0)["b"].tolist() != random_like(tree, 1)["b"].tolist()
    with pytest.raises(InputError, match="has dtype int32"):
        random_like({"a": jnp.ones(3, jnp.int32)}, 0)


def test_large_leaves_are_filled_on_their_device_with_the_same_numbers(monkeypatch):
    monkeypatch.setattr("jgd.measure.steps.PERIOD", 7)
    tree = {"a": jax.ShapeDtypeStruct((4, 5), jnp.bfloat16), "b": np.ones(6)}
    small = random_like(tree, 0)
    monkeypatch.setattr("jgd.measure.steps.LARGE", 10)
    large = random_like(tree, 0)
    assert [x.tolist() for x in large.values()] == [x.tolist() for x in small.values()]
    assert large["a"].dtype == jnp.bfloat16


def test_a_step_is_the_optimizer_s():
    params, opt = {"w": jnp.ones((4, 3))}, jgd.adam(0.1)
    program = step_program(opt, params)
    start, grads = random_like(params, 0), random_like(params, 1)
    updates, state = opt.update(grads, opt.init(start), start)
    stepped, new = program.run(1)
    np.testing.assert_allclose(stepped["w"], start["w"] + updates["w"], rtol=1e-6)
    assert jax.tree.structure(new) == jax.tree.structure(state)
    assert state_bytes(opt, params) == 2 * 48 + 4


def test_a_roofline_measures_prints_and_converts(monkeypatch):
    monkeypatch.setattr(device, "COPY_BYTES", 1 << 16)
    monkeypatch.setattr(device, "last_cache_bytes", lambda device: 0)
    found = roofline(jgd.adam(0.1), {"w": jnp.ones(2500)}, blocks=2, block_seconds=1e-4)
    assert found.share is None  # in the cache of whatever machine this is
    assert found.bandwidth == pytest.approx((28 * 2500 + 8) / found.timing.median)
    assert found.memory.donated == 3 * 10_000 + 4
    document = json.loads(json.dumps(found.as_json()))
    assert (document["parameters"], document["state_bytes"], document["floor"]) == (2500, 20_004, None)
    for words in ("28.0 B a parameter; no floor: it fits into the cache", "8.0 B a parameter", "donated 30.0 kB"):
        assert words in str(found)


def test_the_device_s_own_figures_are_measured_once(monkeypatch):
    calls = []
    monkeypatch.setattr(device, "interleave", lambda cases, blocks: calls.append(cases) or {"": Timing((0.5,), 1)})
    monkeypatch.setattr(device, "COPY_BYTES", 1000)
    monkeypatch.setattr(device, "last_cache_bytes", lambda device: 0)
    device._bandwidth.cache_clear()
    device._flops.cache_clear()
    try:
        assert device.bandwidth() == device.bandwidth() == 2 * 1000 / 0.5
        assert device.flops("bfloat16") == device.flops(jnp.bfloat16) == 2 * 512**3 / 0.5
        assert len(calls) == 2
    finally:
        device._bandwidth.cache_clear()
        device._flops.cache_clear()


def test_accelerators_tell_their_memory_and_not_their_cache():
    class Gpu:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 100, "bytes_in_use": 30}

    assert device.free_bytes(Gpu()) == 70
    assert device.last_cache_bytes(Gpu()) == 256 << 20
    cpu = device.default_device()
    assert device.last_cache_bytes(cpu) > 1 << 15
    free = device.free_bytes(cpu)
    assert free is None or free > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (time_text(0.00231), "2.31 ms"),
        (time_text(12.34), "12.3 s"),
        (time_text(9.999e-4), "1.00 ms"),
        (time_text(2e-10), "0.200 ns"),
        (time_text(0.0), "0.00 ns"),
        (time_text(float("nan")), "-"),
        (bytes_text(498_000_000), "498 MB"),
        (bytes_text(4), "4.00 B"),
    ],
)
def test_units(text, expected):
    assert text == expected
