"""Averages of the parameters and the weights to evaluate, through every wrapper."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import FromOptax
from tests import problems, trust
from tests.table import COMPARED
from tests.tiers import at_once

PARAMS = problems.params()
GRADS = problems.gradients(5, PARAMS)
DECAY = 0.8


def run(opt, grads=GRADS, params=PARAMS):
    """Return the parameters after each step, and the last state."""
    state, path = opt.init(params), []
    for g in grads:
        updates, state = opt.update(g, state, params)
        params = jgd.apply_updates(params, updates)
        path.append(params)
    return path, state


def averaged(path, debias=True):
    """optax's ema of the parameters, and torch's, which begins at the first: the formulas in float64."""
    mean, weight = jax.tree.map(lambda p: 0.0 * np.float64(p), path[0]), 0.0
    for i, p in enumerate(path):
        kept = DECAY if debias or i else 0.0
        mean = jax.tree.map(lambda m, x, k=kept: k * m + (1 - k) * np.float64(x), mean, p)
        weight = kept * weight + (1 - kept)
    return jax.tree.map(lambda m: m / weight, mean)


@pytest.mark.parametrize("debias", [True, False])
def test_the_average_is_optax_s_or_torch_s(debias):
    opt = jgd.ema_params(jgd.adam(0.1), DECAY, debias)
    path, state = run(opt)
    problems.close(jgd.eval_params(opt, state, path[-1]), averaged(path, debias), rtol=1e-5, atol=1e-6)
    problems.close(jgd.eval_params(opt, opt.init(PARAMS), PARAMS), PARAMS, rtol=0)
    if debias:
        ema = optax.ema(DECAY)
        memory = ema.init(PARAMS)
        for p in path:
            mean, memory = ema.update(p, memory)
        problems.close(jgd.eval_params(opt, state, path[-1]), mean, rtol=1e-5, atol=1e-6)


WRAPPERS = {
    "chain": lambda opt: jgd.chain(jgd.clip(100.0), opt),
    "optax chain": lambda opt: optax.chain(opt, optax.identity()),
    "scheduled": jgd.scheduled,
    "masked": lambda opt: jgd.masked(opt, True),
    "partition": lambda opt: jgd.partition({"a": opt}, "a"),
    "named": lambda opt: optax.named_chain(("clip", optax.clip(100.0)), ("opt", opt)),
    "finite": lambda opt: jgd.apply_if_finite(opt, 3),
    "steps": lambda opt: jgd.multi_steps(opt, 1),
}


@pytest.mark.parametrize("name", [name for name in WRAPPERS if name not in ("optax chain", "named")])
def test_it_is_found_through_wrappers_under_jit(name):
    opt = WRAPPERS[name](jgd.ema_params(jgd.sgd(0.1), DECAY, True))
    path, state = run(opt)
    problems.close(jax.jit(jgd.eval_params)(opt, state, path[-1]), averaged(path), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", WRAPPERS)
def test_schedule_free_s_weights_are_found_through_wrappers(name):
    inner = FromOptax(optax.contrib.schedule_free, jgd.sgd(0.1), learning_rate=0.1)
    opt = WRAPPERS[name](inner)
    path, state = run(opt)
    plain = optax.contrib.schedule_free(optax.sgd(0.1), learning_rate=0.1)
    their_path, theirs = run(plain)
    expected = optax.contrib.schedule_free_eval_params(theirs, their_path[-1])
    problems.close(jgd.eval_params(opt, state, path[-1]), expected, rtol=1e-4, atol=1e-5)


def test_others_mean_their_parameters():
    for opt in (jgd.adam(0.1), optax.adam(0.1), jgd.partition({"a": jgd.sgd(0.1)}, "a")):
        assert jgd.eval_params(opt, opt.init(PARAMS), PARAMS) is PARAMS


def test_a_part_is_averaged_and_the_rest_stays():
    labels = {"w": "a", "rest": "b"}
    opt = jgd.partition({"a": jgd.ema_params(jgd.sgd(0.1), DECAY, True), "b": jgd.sgd(0.1)}, labels)
    path, state = run(opt)
    got = jgd.eval_params(opt, state, path[-1])
    problems.close(got["w"], averaged(path)["w"], rtol=1e-5, atol=1e-5)
    problems.close(got["rest"], path[-1]["rest"], rtol=0)


def test_it_stays_where_no_step_was_taken():
    bad = jax.tree.map(lambda g: g * np.nan, GRADS[0])
    opt = jgd.apply_if_finite(jgd.ema_params(jgd.sgd(0.1), DECAY, True), 5)
    path, state = run(opt, [GRADS[0], bad, GRADS[1]])
    problems.close(jgd.eval_params(opt, state, path[-1]), averaged([path[0], path[2]]), rtol=1e-5, atol=1e-5)
    opt = jgd.multi_steps(jgd.ema_params(jgd.sgd(0.1), DECAY, True), 2)
    path, state = run(opt, GRADS[:4])
    problems.close(jgd.eval_params(opt, state, path[-1]), averaged([path[1], path[3]]), rtol=1e-5, atol=1e-5)


def test_lanes_do_not_mix_and_the_decay_is_a_leaf():
    many = jgd.stack([jgd.ema_params(jgd.sgd(0.1), decay, True) for decay in (0.5, DECAY)])

    def final(opt):
        path, state = run(opt)
        return jgd.eval_params(opt, state, path[-1])

    one = jgd.ema_params(jgd.sgd(0.1), DECAY, True)
    problems.close(jgd.select(jax.vmap(final)(many), 1), final(one), rtol=1e-5, atol=1e-6)
    assert jgd.hyperparams(one)["decay"] == DECAY
    assert jnp.isfinite(jax.grad(lambda opt: problems.bowl(final(opt)))(one).decay)


@pytest.mark.parametrize(
    "name", ["ema_params", "lawa", "polynomial_average", "primal_averaging", "primal_averaging_free", "swa"]
)
def test_the_averages_are_those_of_packages_and_papers(name, x64):
    row = next(row for row in COMPARED if row.name == name)
    start, opt = row.params(), row.make()

    def step(carry, g):
        p, state = carry
        updates, state = opt.update(g, state, p)
        p = jgd.apply_updates(p, updates)
        return (p, state), jgd.eval_params(opt, state, p)

    grads = jax.tree.map(lambda *g: jnp.stack(g), *problems.gradients(problems.STEPS, start))
    path = jax.jit(lambda: jax.lax.scan(step, (start, opt.init(start)), grads)[1])()
    theirs = trust.TRAJECTORIES[f"{row.recorded()[0]}_average"]
    assert trust.deviation(trust.flattened(path), theirs) < 1e-11  # 100 steps' rounding


AVERAGES = {
    "polynomial": jgd.polynomial_average,
    "primal": jgd.primal_averaging,
    "swa": jgd.swa,
    "lawa": lambda inner: jgd.lawa(inner, 2, 1),
}


@pytest.mark.parametrize("name", [name for name in WRAPPERS if name not in ("optax chain", "named")])
@pytest.mark.parametrize("average", at_once(["polynomial"], AVERAGES))
def test_every_average_is_found_through_wrappers_under_jit(name, average):
    plain = average(jgd.sgd(0.1))
    path, state = run(plain)
    expected = jgd.eval_params(plain, state, path[-1])
    wrapped = WRAPPERS[name](average(jgd.sgd(0.1)))
    path, state = run(wrapped)
    problems.close(jax.jit(jgd.eval_params)(wrapped, state, path[-1]), expected, rtol=1e-5, atol=1e-5)
    assert float(jgd.global_norm(jax.tree.map(jnp.subtract, expected, path[-1]))) > 1e-3
