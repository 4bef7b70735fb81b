"""Lookahead: with the slow parameters in the state, and with optax's pair of parameters."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import optax as dropin
from tests import problems

PARAMS = problems.params()


def test_pairs_of_parameters_are_optax_s(x64):
    params = problems.params()
    grads = problems.gradients(7, params)

    def path(opt):
        pair, found = optax.LookaheadParams.init_synced(params), []
        state = opt.init(pair)
        for g in grads:
            updates, state = opt.update(g, state, pair)
            pair = optax.apply_updates(pair, updates)
            found.append(pair)
        return found, state

    inner = optax.sgd(0.1, 0.9)
    theirs = path(optax.lookahead(inner, 3, 0.6, True))
    for ours in (jgd.lookahead(inner, 3, 0.6, True), dropin.lookahead(inner, 3, 0.6, True)):
        problems.close(path(ours), theirs, rtol=1e-12, atol=1e-13)
        pair, state = theirs[0][-1], theirs[1]
        problems.close(jgd.eval_params(ours, state, pair), pair.slow, rtol=0)


def test_the_slow_parameters_are_evaluated():
    opt = jgd.chain(jgd.clip(1e3), jgd.lookahead(jgd.sgd(1.0), 3, 1 / 3))
    params = {"x": jnp.asarray(3.0)}
    state, fast, slow = opt.init(params), [], []
    for _ in range(6):
        updates, state = opt.update({"x": jnp.asarray(1.0)}, state, params)
        params = jgd.apply_updates(params, updates)
        fast.append(float(params["x"]))
        slow.append(float(jgd.eval_params(opt, state, params)["x"]))
    np.testing.assert_allclose(fast, [2, 1, 2, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(slow, [3, 3, 2, 2, 2, 1], atol=1e-6)
    masked = jgd.masked(jgd.lookahead(jgd.sgd(1.0), 5, 0.5), "w")
    start = {"w": jnp.ones(2), "b": jnp.ones(2)}
    _, state = masked.update(start, masked.init(start), start)
    moved = jax.tree.map(lambda x: 2 * x, start)
    problems.close(jgd.eval_params(masked, state, moved), {"w": start["w"], "b": moved["b"]}, rtol=0)


def test_the_drop_in_takes_the_fast_parameters_alone_at_first():
    opt = dropin.lookahead(dropin.sgd(0.1), 3, 0.5)
    pair = optax.LookaheadParams.init_synced(PARAMS)
    assert jax.tree.structure(opt.init(PARAMS)) == jax.tree.structure(opt.init(pair))
    updates: Any = opt.update(PARAMS, opt.init(PARAMS), pair)[0]
    problems.close(updates.fast, jax.tree.map(lambda p: -0.1 * p, PARAMS), rtol=1e-6)


def test_parameters_of_another_kind_are_refused():
    opt, pair = jgd.lookahead(jgd.sgd(0.1), 3, 0.5), optax.LookaheadParams.init_synced(PARAMS)
    with pytest.raises(jgd.InputError, match=r"the state keeps the slow parameters, but params is an optax\.Lookahead"):
        opt.update(PARAMS, opt.init(PARAMS), pair)
    with pytest.raises(jgd.InputError, match="the state keeps no slow parameters, but params is the fast ones alone"):
        opt.update(PARAMS, opt.init(pair), PARAMS)


def test_frozen_leaves_are_fixed_in_both_forms():
    opt = jgd.lookahead(jgd.by_path({"b": "frozen"}, jgd.sgd(0.1)), 2, 0.5)
    assert opt.fixed({"a": 1.0, "b": 1.0}) == {"a": False, "b": True}
    pair = optax.LookaheadParams.init_synced({"a": 1.0, "b": 1.0})
    assert opt.fixed(pair).slow == {"a": False, "b": True}
