"""Half-precision parameters around the catalogue's optimizers: rounded at random, compensated, with a remainder."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core.rounding import with_remainder
from jgd.core.tree import tree_bytes
from jgd.optimizers.catalogue import catalogue
from tests import problems
from tests.table import FORMS, OPTIMIZERS
from tests.tiers import at_once

wrong: Any = jgd  # for arguments of a wrong type

EACH_FORM = pytest.mark.parametrize("row", [row for row in OPTIMIZERS if row.name in FORMS], ids=lambda row: row.name)
NARROW = [jgd.stochastic_rounding, jgd.kahan]
WRAPPERS = {
    "stochastic": jgd.stochastic_rounding,
    "weights alone": functools.partial(jgd.stochastic_rounding, moments=False),
    "kahan": jgd.kahan,
    **{f"{bits} bits": functools.partial(jgd.master_weights, bits=bits) for bits in (16, 24, 32)},
}
WRAPPED = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
EXACT = ("adam", "lamb", "muon", "schedule_free")
CATALOGUED = {row.name: row for row in OPTIMIZERS if row.name in (*EXACT, *catalogue())}
SHAPES = {"w": (8, 8), "b": (6,)}


def half(tree):
    return jax.tree.map(lambda x: x.astype(jnp.bfloat16), tree)


@functools.partial(jax.jit, static_argnames="steps")
def walk(opt, params, grads, steps):
    """Return the parameters and the state after steps along one gradient."""

    def body(carry, _):
        updates, state = opt.update(grads, carry[1], carry[0])
        return (jgd.apply_updates(carry[0], updates), state), None

    return jax.lax.scan(body, (params, opt.init(params)), None, length=steps)[0]


def weights(params, state):
    """Return the float32 weights that parameters and remainders make, of 24 or 32 bits."""
    rest = state.remainder
    return with_remainder(params, rest if rest.dtype == jnp.int16 else rest.astype(jnp.int16) << 8)


@pytest.mark.parametrize(
    ("name", "mean", "spread"),
    [
        ("plain", 1.0, 0.0),  # 1e-4 is a fortieth of a unit in the last place
        # A coin of odds 1e-4 / 2^-7 each step: the variance is 1,000 q (1 - q) 2^-14, and four errors of 4,096 entries.
        ("stochastic", 1.1, 0.0281),
        ("kahan", 1.1028, 0.0),  # the residue has 8 bits
        ("16 bits", 1.1, 0.0281),
        ("24 bits", 1.1, 0.00044),  # steps of 2^-15: 1,000 q (1 - q) 2^-30 with q = 1e-4 * 2^15 - 3
        ("32 bits", 1.10002, 0.0),  # float32's own sum
    ],
)
def test_a_thousand_small_updates(name, mean, spread):
    opt = WRAPPERS.get(name, lambda inner: inner)(jgd.sgd(1e-4))
    params, state = walk(opt, jnp.ones(4096, jnp.bfloat16), -jnp.ones(4096, jnp.bfloat16), 1000)
    found = np.asarray(params, np.float64)
    if name in ("24 bits", "32 bits"):
        found = np.asarray(weights(params, state), np.float64)
    if name == "kahan":
        found = found + np.asarray(state.residue, np.float64)
    assert abs(found.mean() - mean) < 1e-4 + 4 * spread / 64
    assert abs(found.std() - spread) < 0.1 * spread + 1e-9


@EACH_FORM
def test_every_optimizer_keeps_shapes_and_steps_in_float32(row):
    params = row.params("bfloat16")

    def step(opts, params):
        states = {name: opt.init(params) for name, opt in opts.items()}
        return states, {name: row.update(opt, params, states[name], params) for name, opt in opts.items()}

    opts = {name: WRAPPERS[name](row.make()) for name in ("stochastic", "kahan", "24 bits")}
    states, answers = jax.eval_shape(step, opts, params)
    for name, (updates, new) in answers.items():
        assert {x.dtype.name for x in jax.tree.leaves(updates)} == {"float32"}, name
        assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, params)
        assert jax.tree.map(_kind, new) == jax.tree.map(_kind, states[name])


def _kind(x):
    return x.shape, x.dtype


@pytest.mark.parametrize(
    "row", at_once(EXACT, {row.name: row for row in OPTIMIZERS if row.name in (*EXACT, *catalogue())})
)
def test_with_32_bits_it_is_the_training_of_float32_weights_bit_for_bit(row):
    """Operation by operation, for a compiler may fuse two programs otherwise."""
    params = half(row.few("float32"))
    wide = jax.tree.map(lambda p: p.astype(jnp.float32), params)
    opt, inner = jgd.master_weights(row.make()), row.make()
    state, full = opt.init(params), inner.init(wide)
    for g in problems.gradients(2, params):
        g = jax.tree.map(jnp.asarray, g)
        updates, state = row.update(opt, g, state, params, **_of(row, g, wide))
        params = optax.apply_updates(params, updates)
        g = jax.tree.map(lambda x: x.astype(jnp.float32), g)
        updates, full = row.update(inner, g, full, wide)
        wide = jgd.apply_updates(wide, updates)
        for p, rest, w in zip(*map(jax.tree.leaves, (params, state.remainder, wide)), strict=True):
            np.testing.assert_array_equal(with_remainder(p, rest), w)


def _of(row, grads, params):
    """Return the extra arguments of a row at the float32 weights."""
    grads = jax.tree.map(lambda x: x.astype(jnp.float32), grads)
    return row.extra(grads, params) if row.extra else {}


@WRAPPED
def test_no_update_leaves_all_as_it_is_and_lanes_are_runs(wrap):
    params = half(problems.params(SHAPES))
    zero = jax.tree.map(jnp.zeros_like, params)
    moved, _ = walk(wrap(jgd.sgd(0.1)), params, zero, 3)
    jax.tree.map(np.testing.assert_array_equal, moved, params)
    rates = jnp.array([0.01, 0.1])
    lanes = jax.vmap(lambda rate: walk(wrap(jgd.adam(rate)), params, params, 3)[0])(rates)
    alone = walk(wrap(jgd.adam(rates[1])), params, params, 3)[0]
    # A fused sum between two neighbours may be rounded to the other: one unit in the last of 8 bits, a step.
    problems.close(jgd.select(lanes, 1), alone, rtol=2**-6, atol=2**-8)


@pytest.mark.parametrize("wrap", NARROW)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_it_descends_where_rounding_to_nearest_stalls(wrap, dtype):
    params = jnp.full(512, 3.0, dtype)
    plain, _ = walk(jgd.sgd(1e-4), params, params, 2000)
    moved, _ = walk(wrap(jgd.sgd(1e-4)), params, params, 2000)
    stalled = {"bfloat16": 3.0, "float16": 3.0}[dtype]
    assert float(plain[0]) == stalled
    # 3 - 2000 * 3e-4 = 2.4; Kahan's residue has 8 bits, at random four errors of 512 walks.
    assert abs(float(jnp.mean(moved.astype(jnp.float32))) - 2.4) < 0.02


def test_slow_moments_follow_gradients_that_shrink():
    """A second moment of decay 0.999, 4,000 steps after gradients fell to a tenth; to nearest it stays at 1."""
    params, opt = jnp.ones(512, jnp.bfloat16), jgd.stochastic_rounding(jgd.scale_by_adam())

    @jax.jit
    def after(state):
        for size in (1.0, 0.1):
            grads = jnp.full(512, size)
            state, _ = jax.lax.scan(lambda s, _, g=grads: (opt.update(g, s, params)[1], None), state, length=4000)
        return state

    state = after(opt.init(params))
    assert state.inner_state.nu.dtype == state.inner_state.mu.dtype == jnp.bfloat16
    true = (1 - 0.999**4000) * 0.999**4000 + 0.01 * (1 - 0.999**4000)
    # An entry walks by units of 2^-8 of itself over a memory of 1,000 steps: 5 %, and 512 of them.
    assert abs(np.mean(np.asarray(state.inner_state.nu, float)) / true - 1) < 0.02


def test_what_a_state_holds():
    params = {"w": jnp.ones((64, 64), jnp.bfloat16), "norm": jnp.ones(64), "none": None}
    entries = 64 * 64
    bytes_of = {name: tree_bytes(jax.eval_shape(wrap(jgd.adamw(1e-3)).init, params)) for name, wrap in WRAPPERS.items()}
    moments = 8 * (entries + 64)
    assert bytes_of["weights alone"] == bytes_of["16 bits"] == moments + 8
    assert bytes_of["stochastic"] == moments / 2 + 8
    assert bytes_of["kahan"] == moments + 4 + 2 * entries
    assert bytes_of["32 bits"] == moments + 8 + 2 * entries
    assert bytes_of["24 bits"] == moments + 8 + entries
    updates, _ = jgd.kahan(jgd.sgd(0.5)).update(params, jgd.kahan(jgd.sgd(0.5)).init(params), params)
    np.testing.assert_array_equal(updates["norm"], -0.5)


@WRAPPED
def test_hypergradients_pass_as_if_nothing_was_rounded(wrap):
    def last(rate, opt, params):
        return jnp.sum(walk(opt(jgd.sgd(rate)), params, 0 * params + 1, 3)[0].astype(jnp.float32))

    params = jnp.ones(4, jnp.bfloat16)
    np.testing.assert_allclose(jax.grad(last)(0.1, wrap, params), -12.0, rtol=1e-2)  # tangents are bfloat16
    np.testing.assert_allclose(jax.grad(last)(0.1, lambda opt: opt, params.astype(jnp.float32)), -12.0, rtol=1e-6)


@WRAPPED
def test_fit_trains_them(wrap):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    task = jgd.Task(
        lambda key: jnp.zeros(8, jnp.bfloat16),
        lambda params, batch: jnp.mean((batch[0] @ params.astype(jnp.float32) - batch[1]) ** 2),
        (x, x @ np.linspace(-1, 1, 8).astype(np.float32)),
        16,
    )
    run = jgd.fit(task, wrap(jgd.adam(1e-2)), steps=300, metrics=("learning_rate", "update_norm"), progress=False)
    assert run.params.dtype == jnp.bfloat16
    assert run.metrics["loss"][-20:].mean() < 1e-3 * run.metrics["loss"][0]


def test_what_is_not_finite_stays_and_what_is_stays_finite():
    params = jnp.array([1.0, 2.0, jnp.inf, float(jnp.finfo(jnp.bfloat16).max)], jnp.bfloat16)
    grads = jnp.array([jnp.nan, 0.0, 0.0, 1e36], jnp.float32)
    for name, wrap in WRAPPERS.items():
        moved, state = walk(wrap(jgd.scale(1.0)), params, grads, 1)
        assert np.isnan(moved[0]), name
        assert np.isinf(moved[2]), name
        assert moved[1] == 2, name
        assert np.isfinite(moved[3]) == (name not in ("kahan", "32 bits", "24 bits")), name
        assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state)), name


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: jgd.master_weights(jgd.sgd(0.1), 8), r"bits=8.*16, 24 or 32"),
        (lambda: jgd.master_weights(jgd.sgd(0.1)).init({"w": jnp.ones(2, jnp.float16)}), r"\['w'\] is float16.*kahan"),
        (lambda: jgd.master_weights(jgd.sgd(0.1)).init({"w": jnp.ones(2)}), "nothing is in bfloat16.*cast them"),
        (lambda: jgd.kahan(jgd.sgd(0.1)).init({"w": jnp.ones(2)}), "nothing is in bfloat16 or float16"),
        (lambda: jgd.stochastic_rounding(jgd.sgd(0.1)).init({"w": jnp.ones(2)}), "no moments are"),
        (lambda: wrong.kahan(0.1), "inner.*gradient transformation"),
    ],
)
def test_what_cannot_act_is_one_sentence(make, said):
    with pytest.raises(jgd.InputError, match=said):
        make()
