"""Schedule-free learning: the authors' package with a warm-up, what is evaluated, and what a state keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import optax as dropin
from tests import problems, trust

OURS = {
    "sgd": lambda: jgd.schedule_free_sgd(0.5, 5, 0.8, 0.01),
    "adamw": lambda: jgd.schedule_free_adamw(0.05, 5, 0.9, 0.99, 1e-3, 0.01),
    "radam": lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5),
}


def both(opt, start, grads):
    """Return the parameters after each step, and those to evaluate, stacked."""

    def step(carry, g):
        p, state = carry
        updates, state = opt.update(g, state, p)
        p = jgd.apply_updates(p, updates)
        return (p, state), (p, jgd.eval_params(opt, state, p))

    stacked = jax.tree.map(lambda *g: jnp.stack(g), *grads)
    return jax.jit(lambda: jax.lax.scan(step, (start, opt.init(start)), stacked)[1])()


@pytest.mark.parametrize("name", OURS)
def test_the_warm_up_is_the_authors(name, x64):
    start, kind = problems.params(), f"schedulefree:schedule_free_{name}"
    paths = both(OURS[name](), start, problems.gradients(problems.STEPS, start))
    for path, recorded in zip(paths, (kind, f"{kind}_average"), strict=True):
        np.testing.assert_allclose(trust.flattened(path), trust.TRAJECTORIES[recorded], rtol=1e-11, atol=1e-12)


def test_the_drop_in_s_warm_up_is_optax_s(x64):
    start = problems.params()
    grads = problems.gradients(8, start)
    for make in (
        lambda m: m.contrib.schedule_free_sgd(0.1, 5, weight_decay=0.1),
        lambda m: m.contrib.schedule_free_adamw(0.1, 5),
        lambda m: m.contrib.schedule_free(m.sgd(0.1), lambda t: 0.1 / (1 + t)),
    ):
        problems.close(*(problems.trajectory(make(m), start, grads) for m in (dropin, optax)), rtol=1e-6, atol=1e-7)
    # optax computes its schedules in float32, under x64 as well.
    assert dropin.contrib.schedule_free_eval_params is jgd.schedule_free_eval_params


def test_what_is_evaluated_is_optax_s_and_keeps_its_dtype():
    params = problems.params(dtype="bfloat16")
    opt = jgd.schedule_free_sgd(0.1, state_dtype="float32")
    state = opt.init(params)
    assert {z.dtype for z in jax.tree.leaves(state.z)} == {jnp.dtype("float32")}
    updates, state = opt.update(params, state, params)
    params = jgd.apply_updates(params, updates)
    mean = jgd.schedule_free_eval_params(state, params)
    assert {x.dtype for x in jax.tree.leaves(mean)} == {jnp.dtype("bfloat16")}
    theirs = optax.contrib.schedule_free_eval_params(state, params)
    problems.close(jax.tree.map(jnp.float32, mean), jax.tree.map(jnp.float32, theirs), rtol=1e-2)
    with pytest.raises(jgd.InputError, match="got a tuple for the state"):
        jgd.schedule_free_eval_params((state,), params)


def test_a_rate_of_zero_moves_nothing_and_weighs_nothing():
    params = problems.params()
    for power in (0.0, 0.5, 2.0):
        opt = jgd.schedule_free_sgd(0.0, weight_lr_power=power)

        def moved(opt):
            updates, state = opt.update(params, opt.init(params), params)
            return jgd.global_norm(updates) + state.weight_sum

        value, slopes = jax.value_and_grad(moved)(opt)
        assert value == (power == 0)
        assert all(jnp.isfinite(x) for x in jax.tree.leaves(slopes))


def test_the_rate_in_effect_is_that_of_the_next_step():
    opt = jgd.schedule_free_sgd(1.0, 4)
    params = problems.params()
    state = opt.init(params)
    for t in range(3):
        rates = [v for k, v in jgd.current_hyperparams(opt, state).items() if "learning_rate" in k]
        np.testing.assert_allclose(rates, (t + 1) / 4)
        _, state = opt.update(params, state, params)


def test_a_changed_b1_reaches_the_state():
    params, opt = problems.params(), jgd.schedule_free_sgd(0.1)
    state = opt.init(params)
    _, state = jgd.with_hyperparams(opt, {"b1": 0.5}).update(params, state, params)
    assert state.b1 == 0.5
