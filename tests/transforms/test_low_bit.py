"""Moments in few bits around the catalogue's optimizers."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core import storage
from jgd.core.quantized import is_quantized
from jgd.core.tree import tree_bytes
from tests import problems
from tests.table import OPTIMIZERS

EACH = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in OPTIMIZERS])
SHAPES = {"w": (64, 64), "b": (6,)}
FEW = ("adamw", "lion")
NAMED = {row.name: row for row in OPTIMIZERS}


@functools.cache
def step():
    return jax.jit(lambda opt, g, s, p: opt.update(g, s, p))


def trees():
    return problems.params(SHAPES, "float32"), problems.params(SHAPES, "float32", seed=1)


def moments(state):
    return [x for x in jax.tree.leaves(state, is_leaf=is_quantized) if is_quantized(x)]


def wrapped(row, **settings) -> Any:
    """Return the row's optimizer in few bits, or `None` where it has no moments that may be rounded."""
    opt = jgd.low_bit(row.make(), min_size=0, **settings)
    try:
        jax.eval_shape(opt.init, trees()[0])
    except jgd.InputError as error:
        assert "no moments" in str(error)  # noqa: PT017
        return None
    return opt


@EACH
def test_every_optimizer_keeps_its_shapes_and_has_the_bytes_that_are_declared(row):
    params, grads = trees()
    if row.shapes is not None or row.extra is not None:
        params = grads = row.params("float32")
    opt = jgd.low_bit(row.make(), min_size=0)
    try:
        state = jax.eval_shape(opt.init, params)
    except jgd.InputError as error:
        assert "no moments" in str(error)  # noqa: PT017
        return
    updates, new = jax.eval_shape(lambda g, s, p: row.update(opt, g, s, p), grads, state, params)
    for a, b in ((updates, params), (new, state)):
        assert jax.tree.structure(a) == jax.tree.structure(b)
        assert [(x.shape, x.dtype) for x in jax.tree.leaves(a)] == [(x.shape, x.dtype) for x in jax.tree.leaves(b)]
    inner = jax.eval_shape(row.make().init, params)
    saved = sum(3 * x.codes.size - 4 * x.scale.size for x in moments(state))
    assert tree_bytes(state) == tree_bytes(inner) - saved + 4  # and a counter


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("bits", [8, 4])
def test_the_first_step_is_the_inner_one_bit_for_bit_and_the_next_are_near(name, bits):
    row, (params, grads) = NAMED[name], trees()
    opt, inner = wrapped(row, bits=bits), row.make()
    few, full = opt.init(params), inner.init(params)
    for t in range(2):
        ours, few = step()(opt, grads, few, params)
        theirs, full = step()(inner, grads, full, params)
        if t == 0:
            jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert len(moments(few)) == len(moments(opt.init(params))) > 0
    gap = np.linalg.norm(ours["w"] - theirs["w"]) / np.linalg.norm(theirs["w"])
    assert gap < {8: 0.03, 4: 0.5}[bits]  # rounded once: see jgd.core.codebooks; signs of Lion flip near zero


@pytest.mark.parametrize("name", FEW)
def test_jit_and_vmap_change_nothing_and_what_is_stored_goes_on_bit_for_bit(name, tmp_path):
    row, (params, grads) = NAMED[name], trees()
    opt = wrapped(row)
    _, state = step()(opt, grads, opt.init(params), params)
    ahead = step()(opt, grads, state, params)
    storage.save_arrays(tmp_path / "state.safetensors", storage.named(state), {})
    arrays, _ = storage.load_arrays(tmp_path / "state.safetensors")
    restored = storage.fill(opt.init(params), arrays, place="test")
    again = jax.jit(opt.update, donate_argnums=1)(grads, jax.tree.map(jnp.asarray, restored), params)
    jax.tree.map(np.testing.assert_array_equal, again, ahead)
    lanes = jax.jit(jax.vmap(opt.update))(*jax.tree.map(lambda x: jnp.stack([x, x]), (grads, state, params)))
    alone = jax.tree.map(lambda x: jnp.stack([x, x]), ahead)
    # Batched arithmetic may be fused otherwise, so that a number between two levels is rounded to the other one.
    problems.close(lanes[0], alone[0], rtol=1e-5, atol=1e-6)
    for a, b in zip(moments(lanes[1]), moments(alone[1]), strict=True):
        assert np.mean(np.asarray(a.codes) != np.asarray(b.codes)) < 0.01


@pytest.mark.parametrize(("inner", "bits"), [(jgd.scale_by_adam(), 8), (jgd.scale_by_lion(), 4)], ids=["adam", "lion"])
def test_chunks_are_the_whole_bit_for_bit(inner, bits):
    shapes = {"rows": (70, 128), "flat": (4096,), "alike": (70, 128), "b": (7,), "s": ()}
    params, grads = (problems.params(shapes, "float32", seed=i) for i in (0, 1))
    whole = jgd.low_bit(inner, bits, min_size=100)
    parts = jgd.low_bit(inner, bits, min_size=100, chunk=1000)
    a = b = whole.init(params)
    for _ in range(2):
        ours, theirs = step()(whole, grads, a, params), step()(parts, grads, b, params)
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
        a, b = ours[1], theirs[1]


def temporaries(opt, shape):
    """Return the bytes a parameter beside what a step is given and returns; all of it is donated."""
    params = {"w": jax.ShapeDtypeStruct(shape, jnp.float32)}

    def train(opt, grads, state, params):
        updates, state = opt.update(grads, state, params)
        return jgd.apply_updates(params, updates), state

    jitted = jax.jit(train, donate_argnums=(1, 2, 3))
    memory: Any = jitted.lower(opt, params, jax.eval_shape(opt.init, params), params).compile().memory_analysis()
    return memory.temp_size_in_bytes / (shape[0] * shape[1])


@pytest.mark.filterwarnings("ignore:Some donated buffers")  # that of the gradient, which is not returned
def test_a_large_leaf_needs_no_moments_in_float32_beside_it():
    shape = (1024, 256)
    assert temporaries(jgd.low_bit(jgd.adamw(1e-3), chunk=2**14), shape) < 5.5  # 4 of them the updates
    # A trust ratio reads the whole leaf.
    assert temporaries(jgd.low_bit(jgd.lamb(1e-3), chunk=2**14), shape) > 11


def test_only_large_moments_are_encoded_and_other_arrays_by_choice():
    params = {"w": jnp.ones((64, 64)), "b": jnp.ones(64), "none": None}
    state = jgd.low_bit(jgd.ema_params(jgd.adam(1e-3))).init(params)
    assert len(moments(state)) == 2  # mu and nu of w; no average of parameters
    chosen = jgd.low_bit(jgd.adam(1e-3), leaves=lambda path, leaf: path == "0/nu/b").init(params)
    assert moments(chosen)[0].codes.shape == (64,)
    assert len(moments(chosen)) == 1
    prodigy = jgd.low_bit(jgd.prodigy(1.0))
    told = jgd.describe(prodigy, params)
    assert told.state_bytes == tree_bytes(jax.eval_shape(prodigy.init, params))
    assert "exp_avg, exp_avg_sq in 8 bits; grad_sum, params0 in full" in str(told.rows[1].rule)


@pytest.mark.parametrize("make", [jgd.soap, jgd.splus], ids=["soap", "splus"])
def test_moments_in_blocks_are_encoded_and_bases_and_factors_are_not(make):
    params = {"w": jnp.ones((64, 48)), "b": jnp.ones(8)}
    state = jax.eval_shape(jgd.low_bit(make(1e-3), min_size=1024).init, params)
    assert {x.codes.shape for x in moments(state)} == {(1, 64, 48)}
    assert len(moments(state)) == {jgd.soap: 2, jgd.splus: 1}[make]


def test_momenta_that_are_made_orthogonal_stay_as_they_are():
    params = {"dense": {"kernel": jnp.ones((64, 64))}, "embed": {"embedding": jnp.ones((64, 64))}}
    state = jgd.low_bit(jgd.muon(0.02)).init(params)
    kept = [x for x in jax.tree.leaves(state, is_leaf=is_quantized) if jnp.ndim(getattr(x, "codes", x))]
    assert [is_quantized(x) for x in kept].count(False) == 1


def test_optax_s_own_and_what_stands_around_it():
    params, grads = trees()
    inner = jgd.low_bit(optax.adam(1e-3), min_size=0)
    around = jgd.multi_steps(jgd.apply_if_finite(jgd.chain(jgd.clip_by_global_norm(1e9), inner), 3), 2)
    state = around.init(params)
    assert len(moments(state)) == 4
    for _ in range(2):
        updates, state = step()(around, grads, state, params)
    plain, _ = step()(jgd.adam(1e-3), grads, jgd.adam(1e-3).init(params), params)
    problems.close(updates, plain, rtol=1e-5)  # a mean of twice the same, and a clip far away


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: jgd.low_bit(jgd.adam(1e-3), bits=3), r"bits=3.*must be 8 or 4"),
        (lambda: jgd.low_bit(jgd.adam(1e-3), block=0), r"block=0.*at least 1"),
        (lambda: jgd.low_bit(jgd.chain(jgd.low_bit(jgd.adam(1e-3)))), "holds a LowBit already"),
        (lambda: jgd.low_bit(jgd.adam(1e-3), bits=4, code="companded"), "it has 8 bits"),
        (lambda: jgd.low_bit(jgd.adam(1e-3)).init({"z": jnp.ones(3, complex)}), r"\['z'\].*complex"),
        (lambda: jgd.low_bit(jgd.adam(1e-3)).init({"n": jnp.ones(3, int)}), r"\['n'\].*int"),
        (lambda: jgd.low_bit(jgd.gradient_descent(1e-3)).init({"w": jnp.ones(3)}), "no moments"),
    ],
)
def test_what_cannot_act_is_one_sentence(make, said):
    with pytest.raises(jgd.InputError, match=said):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adamw", "lion", "heavy_ball"])
def test_training_ends_within_noise_of_float32(name):
    """Sixteen paired seeds: the mean difference of the logarithms of the last losses lies within two errors or 10 %."""
    row = NAMED[name]
    few = jgd.low_bit(row.make(), min_size=0)

    def last(opt, seed):
        keys = jax.random.split(jax.random.key(seed), 5)
        x = jax.random.normal(keys[0], (128, 16))
        y = jnp.sin(x @ jax.random.normal(keys[1], (16, 4)) / 2)
        params = {"in": jax.random.normal(keys[2], (16, 64)) / 4, "out": jax.random.normal(keys[3], (64, 4)) / 8}

        def loss(p):
            return jnp.mean((jnp.tanh(x @ p["in"]) @ p["out"] - y) ** 2)

        def move(carry, t):
            p, s = carry
            value, g = jax.value_and_grad(loss)(p)
            g = jax.tree.map(lambda g: g + 0.01 * jax.random.normal(jax.random.fold_in(keys[4], t), g.shape), g)
            u, s = opt.update(g, s, p)
            return (jgd.apply_updates(p, u), s), value

        values = jax.lax.scan(move, (params, opt.init(params)), jnp.arange(300))[1]
        return jnp.log(jnp.mean(values[-30:]))

    differences = [
        np.asarray(jax.jit(jax.vmap(lambda s, o=opt: last(o, s)))(jnp.arange(16))) for opt in (few, row.make())
    ]
    gap = differences[0] - differences[1]
    assert gap.mean() < max(2 * gap.std(ddof=1) / 4, 0.1)
