"""Sharpness-aware minimization: the paper's step, optax's, and the parameters between two of its steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems

PARAMS = problems.params()
CLIMB = jgd.chain(jgd.normalize(), jgd.sgd(0.1))


def gradient(params, i=0):
    """Gradients of the bowl, which differ from step to step of the climb."""
    return jax.tree.map(lambda g: g * (1 + i), jax.grad(problems.bowl)(params))


@pytest.mark.parametrize("period", [2, 3])
@pytest.mark.parametrize("reset", [True, False])
def test_opaque_mode_is_optax_s_with_a_climb_that_has_a_state(period, reset, x64):
    start, paths = problems.params(), []
    for m, contrib in ((jgd, jgd), (optax, optax.contrib)):
        climb = m.chain(contrib.normalize(), m.sgd(0.1, 0.9))
        opt = contrib.sam(m.adam(0.1), climb, period, reset, opaque_mode=True)
        given = lambda g, p: {"grad_fn": gradient}  # noqa: E731
        paths.append(problems.trajectory(opt, start, problems.gradients(5, start), given))
    problems.close(*paths, rtol=1e-9, atol=1e-10)


def test_both_modes_take_the_paper_s_step():
    opaque, visible = (jgd.sam(jgd.sgd(0.2), CLIMB, opaque_mode=mode) for mode in (True, False))
    grads = gradient(PARAMS)
    updates, _ = opaque.update(grads, opaque.init(PARAMS), PARAMS, grad_fn=gradient)
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(grads)))
    there = jax.tree.map(lambda p, g: p + 0.1 * g / norm, PARAMS, grads)
    problems.close(updates, jax.tree.map(lambda g: -0.2 * g, gradient(there)), rtol=1e-5, atol=1e-6)

    params, state = PARAMS, visible.init(PARAMS)
    for _ in range(2):
        moved, state = visible.update(gradient(params), state, params)
        params = jgd.apply_updates(params, moved)
    problems.close(params, jgd.apply_updates(PARAMS, updates), rtol=1e-5, atol=1e-6)


def test_what_is_evaluated_is_where_the_climb_began():
    opt = jgd.chain(jgd.sam(jgd.sgd(0.2), CLIMB))
    params, state = PARAMS, opt.init(PARAMS)
    for _ in range(2):
        updates, state = opt.update(gradient(params), state, params)
        params = jgd.apply_updates(params, updates)
        if not jnp.allclose(params["w"], jgd.eval_params(opt, state, params)["w"]):
            problems.close(jgd.eval_params(opt, state, params), PARAMS, rtol=0)
    problems.close(jgd.eval_params(opt, state, params), params, rtol=0)


def test_a_period_of_one_is_the_optimizer_alone():
    opt, alone = jgd.sam(jgd.adam(0.1), CLIMB, 1), jgd.adam(0.1)
    grads = problems.gradients(4, PARAMS)
    problems.close(*(problems.trajectory(x, PARAMS, grads) for x in (opt, alone)), rtol=1e-5, atol=1e-6)


def test_zero_gradients_have_no_direction():
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    updates, _ = jgd.normalize().update(zeros, jgd.normalize().init(PARAMS))
    problems.close(updates, zeros, rtol=0)


def test_what_cannot_act_is_refused():
    opt = jgd.sam(jgd.sgd(0.1), CLIMB, opaque_mode=True)
    with pytest.raises(jgd.InputError, match="grad_fn is missing"):
        opt.update(PARAMS, opt.init(PARAMS), PARAMS)
    with pytest.raises(jgd.InputError, match="only opaque_mode"):
        jgd.sam(jgd.sgd(0.1), CLIMB, batch_axis_name="batch").init(PARAMS)


def test_gradients_are_averaged_over_the_mapped_axis():
    opt = jgd.sam(jgd.sgd(0.2), CLIMB, opaque_mode=True, batch_axis_name="batch")

    def step(factor):
        return opt.update(
            gradient(PARAMS), opt.init(PARAMS), PARAMS, grad_fn=lambda p, i: jax.tree.map(lambda g: factor * g, p)
        )[0]

    updates = jax.vmap(step, axis_name="batch")(jnp.array([0.5, 1.5]))
    problems.close(jgd.select(updates, 0), jgd.select(updates, 1), rtol=1e-6)
