"""Hyperballs: the norm that stays, what has none, and what describes them."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd

PARAMS = {"w": jnp.arange(1.0, 7.0).reshape(2, 3), "zero": jnp.zeros((2, 2)), "b": jnp.ones(3), "c": jnp.ones(())}
GRADS = jax.tree.map(jnp.ones_like, PARAMS)


def test_matrices_keep_their_norm_and_turn_by_the_rate_and_the_rest_takes_plain_steps():
    opt = jgd.hyperball(jgd.scale(3.0), lambda count: 0.1 / (1 + count))
    state, params = opt.init(PARAMS), PARAMS
    for rate in (0.1, 0.05):
        updates, state = jax.jit(opt.update)(GRADS, state, params)
        after = jgd.apply_updates(params, updates)
        for name in ("zero", "b", "c"):
            np.testing.assert_allclose(updates[name], jnp.full_like(params[name], -3 * rate), rtol=1e-6)
        size = jnp.linalg.norm(PARAMS["w"])
        np.testing.assert_allclose(jnp.linalg.norm(after["w"]), size, rtol=1e-6)
        there = params["w"] - rate * size * jnp.ones((2, 3)) / 6**0.5
        np.testing.assert_allclose(after["w"], size * there / jnp.linalg.norm(there), rtol=1e-5)
        params = after
    stay, _ = opt.update(jax.tree.map(jnp.zeros_like, GRADS), state, params)
    np.testing.assert_allclose(stay["w"], 0, atol=1e-6)


def test_a_partition_gives_the_rest_its_own_optimizer_and_describe_tells():
    opt = jgd.partition(
        {"ball": jgd.hyperball(jgd.scale_by_muon(), 0.02), "rest": jgd.adamw(1e-3)},
        {"w": "ball", "zero": "rest", "b": "rest", "c": "rest"},
    )
    rows = {row.path: row for row in jgd.describe(opt, PARAMS).rows}
    assert rows["w"].rule == "Hyperball > ScaleByMuon"
    assert (rows["w"].learning_rate, rows["b"].learning_rate) == ("0.02", "0.001")
    assert rows["b"].rule == "ScaleByAdam"
    updates, _ = opt.update(GRADS, opt.init(PARAMS), PARAMS)
    np.testing.assert_allclose(updates["b"], -1e-3 * (1 + 1e-4), rtol=1e-3)
