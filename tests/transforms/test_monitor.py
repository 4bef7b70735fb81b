"""Measures of the updates that pass, kept in the state."""

import jax
import jax.numpy as jnp
import optax

import jgd
from tests import problems

PARAMS = problems.params()
GRADS = problems.gradients(4, PARAMS)


def count(updates):
    return sum(jnp.sum(jnp.abs(u) > 0.1) for u in jax.tree.leaves(updates))


def watched(module):
    measures = {
        "z": module.measure_with_ema(optax.tree.norm, 0.8),
        "a": optax.tree.norm,
        "many": module.measure_with_ema(count, 0.5, False),
    }
    return module.chain(
        module.scale(0.3), module.snapshot("norm", optax.tree.norm), module.monitor(measures), module.clip(0.1)
    )


def test_measures_are_optax_s_and_updates_pass():
    states = []
    for module in (jgd, optax):
        opt = watched(module)
        state = opt.init(PARAMS)
        for g in GRADS:
            updates, state = opt.update(g, state, PARAMS)
        problems.close(updates, jax.tree.map(lambda g: jnp.clip(0.3 * g, -0.1, 0.1), GRADS[-1]), rtol=1e-5)
        states.append([optax.tree.get(state, name) for name in ("norm", "z", "a", "many")])
    problems.close(*states, rtol=1e-5)


def test_the_state_of_measures_never_changes_its_structure():
    opt = jax.jit(lambda opt: opt)(watched(jgd))
    state = opt.init(PARAMS)

    def step(state, _):
        return opt.update(jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS), state, PARAMS)[1], None

    final, _ = jax.lax.scan(step, state, length=2)
    assert final[2].measurements["a"] > 0


def test_a_snapshot_of_the_updates_themselves_may_be_donated():
    opt = jgd.snapshot("all", lambda updates: updates)
    step = jax.jit(lambda g, s, p: opt.update(g, s, p), donate_argnums=(1, 2))
    params = jax.tree.map(jnp.array, PARAMS)
    step(GRADS[0], opt.init(params), params)
    assert repr(jgd.snapshot("norm", count)) == "snapshot(measure_name='norm', measure=count)"
