"""Sophia: the paper's algorithm, optax's form, Hutchinson's draws, and what it says when something is missing."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import jgd
from jgd.interop import optax as dropin
from tests import problems


def coupled(p):
    """Return an objective whose Hessian is neither diagonal nor constant."""
    total = sum(jnp.sum(x) for x in jax.tree.leaves(p))
    return problems.bowl(p) + total**2 / 3 + sum(jnp.sum(x**4) for x in jax.tree.leaves(p)) / 4


def path(opt, steps=8):
    params = problems.params()

    def step(carry, _):
        p, state = carry
        updates, state = opt.update(jax.grad(coupled)(p), state, p, obj_fn=coupled)
        p = jax.tree.map(jnp.add, p, updates)
        return (p, state), p

    return jax.jit(lambda: jax.lax.scan(step, (params, opt.init(params)), length=steps)[1])()


@pytest.mark.parametrize("options", [{}, {"clip_threshold": None, "gamma": 0.5, "eps": 1e-2, "update_interval": 3}])
def test_the_drop_in_is_optax_s_sophia_draw_by_draw(options, x64):
    ours, theirs = (path(module.contrib.sophia(0.01, **options)) for module in (dropin, optax))
    problems.close(ours, theirs, rtol=1e-10, atol=1e-11)


def test_it_is_the_paper_s_algorithm(x64):
    b1, b2, eps, gamma, k, rate, decay = 0.9, 0.95, 1e-4, 0.3, 3, 0.05, 0.1
    curvature = jnp.asarray([1.0, 5.0, -2.0])  # where it is negative, eps divides
    loss = lambda p: jnp.sum(curvature * p**2) / 2  # noqa: E731
    p = np.asarray([1.0, -2.0, 1e-6])
    opt = jgd.sophia(rate, b1, b2, eps, decay, None, gamma, 1.0, k)
    state, m, h, ours = opt.init(jnp.asarray(p)), np.zeros(3), np.zeros(3), jnp.asarray(p)
    for t in range(7):
        g = np.asarray(curvature) * p
        m = b1 * m + (1 - b1) * g
        if t % k == 0:
            h = b2 * h + (1 - b2) * np.asarray(curvature)
        p = p - rate * decay * p - rate * np.clip(m / np.maximum(gamma * h, eps), -1, 1)
        updates, state = opt.update(jax.grad(loss)(ours), state, ours, obj_fn=loss)
        ours = ours + updates
        np.testing.assert_allclose(ours, p, rtol=1e-12)


@pytest.mark.parametrize("key", [jax.random.PRNGKey(3), jax.random.key(3), 3])
def test_the_estimate_s_mean_is_the_diagonal(key):
    params = problems.params()
    opt = jgd.hutchinson_estimator_diag_hessian(key)
    draw = lambda state, _: opt.update(params, state, params, obj_fn=coupled)[::-1]  # noqa: E731
    _, draws = jax.jit(lambda s: jax.lax.scan(draw, s, length=4000))(opt.init(params))
    flat, unravel = ravel_pytree(params)
    exact = unravel(jnp.diag(jax.hessian(lambda x: coupled(unravel(x)))(flat)))
    # 16 entries couple by 2/3 each: a deviation of 2.6 over a root of 4000 draws.
    problems.close(jax.tree.map(lambda x: x.mean(0), draws), exact, rtol=0, atol=0.17)
    theirs = optax.contrib.hutchinson_estimator_diag_hessian(jax.random.PRNGKey(3))
    first, _ = theirs.update(params, theirs.init(params), params, obj_fn=coupled)
    problems.close(jax.tree.map(lambda x: x[0], draws), first, rtol=1e-6)


def test_fit_and_minimize_pass_the_objective():
    found = jgd.minimize(coupled, jgd.sophia(0.3, weight_decay=0.0), problems.params(), jgd.Stop(max_steps=60))
    assert found.value < 0.5 * coupled(problems.params())
    task = jgd.Task(lambda key: jnp.ones(3), lambda p, batch: jnp.mean((batch @ p) ** 2), np.eye(3, dtype=np.float32))
    run = jgd.fit(task, jgd.sophia(0.1), steps=10, eval_every=5)
    assert run.metrics["loss"][-1] < run.metrics["loss"][0]


def test_another_estimator_is_given_what_update_is_given():
    squares = optax.stateless(lambda grads, params: jax.tree.map(jnp.square, grads))
    params = {"w": jnp.ones(3)}
    opt = jgd.scale_by_sophia(hessian_diagonal_fn=squares, b2=0.0, gamma=1.0, clip_threshold=None, b1=0.0)
    updates, _ = opt.update({"w": jnp.asarray([0.5, 2.0, -4.0])}, opt.init(params), params)
    np.testing.assert_allclose(updates["w"], [2.0, 0.5, -0.25], rtol=1e-6)
    wrong = jgd.scale_by_sophia(hessian_diagonal_fn=optax.stateless(lambda grads, params: {}))
    with pytest.raises(jgd.InputError, match=r"Hessian's diagonal has nothing at \['w'\]"):
        wrong.update(params, wrong.init(params), params)


def test_the_win_rate_is_printed(capfd):
    opt = jgd.sophia(0.1, verbose=True, print_win_rate_every_n_steps=2, gamma=1.0, b1=0.0, b2=0.0)
    params = jnp.asarray([0.5, 3.0])  # the bowl's gradient is p - 1
    state = opt.init(params)
    for _ in range(2):
        _, state = opt.update(params - 1, state, params, obj_fn=problems.bowl)
    jax.effects_barrier()
    assert capfd.readouterr().out.strip() == "Sophia optimizer win rate: 0.5"
    given: Any
    for given in ({"verbose": True}, {"print_win_rate_every_n_steps": 3}):
        with pytest.raises(jgd.InputError, match=rf"^sophia\({next(iter(given))}=(True|3)\).*must (come with|be 0)"):
            jgd.sophia(0.1, **given)
        dropin.contrib.sophia(0.1, **given)  # where optax prints nothing either


def test_what_is_missing_is_said():
    params = {"w": jnp.ones(2), "b": jnp.ones(1)}
    opt = jgd.sophia(0.1)
    state = opt.init(params)
    with pytest.raises(jgd.InputError, match=r"obj_fn is missing; call update\(grads, state, params, obj_fn=\.\.\.\)"):
        opt.update(params, state, params)
    with pytest.raises(jgd.InputError, match=r"ScaleBySophia\.update: params is missing"):
        opt.update(params, state, obj_fn=problems.bowl)
    masked = jgd.masked(opt, "w")
    with pytest.raises(jgd.InputError, match="a mask hides some of the parameters"):
        masked.update(params, masked.init(params), params, obj_fn=problems.bowl)
