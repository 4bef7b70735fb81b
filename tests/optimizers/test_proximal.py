"""Stochastic proximal methods: the paper's update, exact zeros, rates in effect, sets, and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Lasso

import jgd
from jgd import nonsmooth as ns
from jgd.sweep import loguniform
from tests.oracles.transcriptions import prox_adam as paper

RNG = np.random.default_rng(0)
M, N, SCALE = 256, 10, 0.1
A = RNG.normal(size=(M, N)) * np.logspace(0, -0.5, N)  # so that Adam's metric is far from the identity
B = A @ np.where(np.arange(N) % 2, 3.0, 0.0) + 0.1 * RNG.normal(size=M)


def walk(opt, start, grads):
    """Return the parameters after each step."""

    def step(carry, g):
        params, state = carry
        updates, state = opt.update(g, state, params)
        params = jgd.apply_updates(params, updates)
        return (params, state), params

    start = jnp.asarray(start)
    return jax.jit(lambda: jax.lax.scan(step, (start, opt.init(start)), jnp.asarray(grads))[1])()


@pytest.mark.parametrize(
    ("penalty", "minimise"),
    [(ns.elastic_net(0.3, 0.2), paper.with_l1_and_l2(0.3, 0.2)), (ns.box(-0.2, 0.4), paper.with_bounds(-0.2, 0.4))],
    ids=["elastic net", "box"],
)
def test_prox_adam_is_the_paper_s(penalty, minimise, x64):
    start, grads = RNG.normal(size=6), RNG.normal(size=(40, 6)) * np.logspace(0, -2, 6)
    theirs = paper.prox_adam(start, grads, minimise, 0.05, 0.9, 0.99, 1e-4)
    ours = walk(jgd.prox_adam(0.05, penalty, 0.9, 0.99, 1e-4), start, grads)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)  # sums of 40 steps in another order
    np.testing.assert_array_equal(ours == 0, theirs == 0)


def least_squares(params, batch):
    a, b = batch
    return jnp.mean((a @ params["w"] + params["b"] - b) ** 2) / 2


TASK = jgd.Task(
    lambda key: {"w": jnp.zeros(N), "b": jnp.zeros(())}, least_squares, (A.astype(np.float32), B.astype(np.float32)), 32
)
BY_PATH = ns.by_path({"^w": ns.l1(SCALE)})


@pytest.mark.parametrize("make", [jgd.prox_adam, lambda rate, h: jgd.proximal(jgd.sgd(rate, 0.9), h)])
def test_a_lasso_on_minibatches_has_the_exact_zeros_of_its_solution(make):
    rate = jgd.schedules.cosine_decay_schedule(0.03, 3000, 1e-3)
    run = jgd.fit(TASK, jgd.chain(jgd.clip_by_global_norm(100.0), make(rate, BY_PATH)), steps=3000)
    theirs = Lasso(SCALE, tol=1e-10).fit(A, B)
    found = run.params["w"]
    np.testing.assert_array_equal(found == 0, theirs.coef_ == 0)
    assert 0 < np.sum(theirs.coef_ == 0) < N
    # The noise of batches at the last rates, and curvatures from 0.1.
    np.testing.assert_allclose(found, theirs.coef_, atol=0.1)
    assert run.params["b"] != 0  # spared by its path


def test_adam_with_the_euclidean_prox_stays_elsewhere():
    # At the solution |mean g| = scale where w is not 0, in the metric too; beside Adam's step it is not.
    rate = jgd.schedules.cosine_decay_schedule(0.03, 2000, 1e-3)
    full = jgd.Task(TASK.init, least_squares, TASK.data)
    slopes = {}
    for name, opt in {
        "metric": jgd.prox_adam(rate, BY_PATH, eps=1e-4),
        "euclidean": jgd.proximal(jgd.adam(rate, eps=1e-4), BY_PATH),
    }.items():
        params = jgd.fit(full, opt, steps=2000).params
        slopes[name] = np.abs(jax.grad(least_squares)(params, full.data)["w"])[np.asarray(params["w"]) != 0]
    np.testing.assert_allclose(slopes["metric"], SCALE, rtol=0.02)
    assert np.max(np.abs(slopes["euclidean"] - SCALE)) > 0.5 * SCALE


def test_the_rate_is_that_in_effect_and_another_can_be_given(x64):
    schedule = jgd.schedules.piecewise_constant_schedule(0.5, {2: 0.1})
    start, grads = np.array([1.0, -2.0]), np.zeros((4, 2))
    shrinks = 0.1 * np.cumsum([0.5, 0.5, 0.05, 0.05])[:, None]
    for opt in (
        jgd.proximal(jgd.sgd(schedule), ns.l1(0.1)),
        jgd.proximal(jgd.chain(jgd.clip(1.0), jgd.sgd(schedule)), ns.l1(0.1)),
        jgd.proximal(jgd.sgd(7.0), ns.l1(0.1), schedule),
        jgd.proximal(jgd.sgd(jgd.schedules.piecewise_constant_schedule(0.05, {2: 0.1}), 0.9), ns.l1(0.1)),
    ):
        np.testing.assert_allclose(walk(opt, start, grads), start - np.sign(start) * shrinks, rtol=1e-14)
    wrapped = jgd.multi_steps(jgd.proximal(jgd.sgd(0.5), ns.l1(0.1)), 2)
    np.testing.assert_allclose(walk(wrapped, start, grads)[-1], start - np.sign(start) * 0.1, rtol=1e-14)


@pytest.mark.parametrize("penalty", [ns.group_l2(3.0, 0), ns.nuclear(3.0), ns.l2_ball(0.5)])
def test_what_is_not_separable_goes_by_the_optimizer_s_own_rate(penalty):
    start, grads = jnp.asarray(RNG.normal(size=(3, 4)), jnp.float32), RNG.normal(size=(5, 3, 4)).astype(np.float32)
    path = walk(jgd.proximal(jgd.sgd(0.1), penalty), start, grads)
    here = start
    for g, there in zip(grads, path, strict=True):
        here = penalty.prox(here - 0.1 * g, 0.1)
        np.testing.assert_allclose(there, here, atol=1e-6)  # float32
    if penalty.is_set:
        assert np.all(np.isfinite([penalty.value(x) for x in path]))


def test_half_precision_has_exact_zeros_too():
    params = jnp.asarray([1.0, 1e-3, -1e-3], jnp.bfloat16)
    for opt in (jgd.proximal(jgd.sgd(0.1), ns.l1(0.1)), jgd.prox_adam(1e-3, ns.l1(1e4))):
        after = walk(opt, params, jnp.ones((1, 3), jnp.bfloat16) * 1e-2)
        assert after.dtype == jnp.bfloat16
        np.testing.assert_array_equal(np.asarray(after[0] == 0)[1:], True)


def test_a_sweep_over_rate_and_penalty():
    space = jgd.prox_adam(loguniform(1e-2, 1e-1), ns.by_path({"^w": ns.l1(loguniform(1e-3, 1.0))}))
    result = jgd.sweep.run(TASK, space, steps=20, num_trials=4, progress=False)
    assert set(result.best_params) == {"learning_rate", "scale"}
    assert result.programs == 1
    assert np.all(np.isfinite(result.values))


REFUSED = {
    "groups": (
        lambda: jgd.prox_adam(0.1, ns.group_l2(0.1)),
        r"^prox_adam\(nonsmooth=.*\): nonsmooth must be separable, such as l1, elastic_net or box",
    ),
    "a group": (lambda: jgd.prox_adam(0.1, ns.by_path({"w": ns.nuclear(0.1)})), "must be separable"),
    "a number": (lambda: jgd.proximal(jgd.sgd(0.1), 0.1), "nonsmooth must be a penalty or a set with value and prox"),
    "no rate": (
        lambda: jgd.proximal(jgd.scale(-0.1), ns.l1(0.1)).init(jnp.ones(2)),
        "the optimizer must have one learning_rate, and it has none that can be read; pass learning_rate",
    ),
    "two rates": (
        lambda: jgd.proximal(jgd.chain(jgd.sgd(0.1), jgd.sgd(0.2)), ns.l1(0.1)).init(jnp.ones(2)),
        "and it has 2, 0.learning_rate, 1.*learning_rate; pass learning_rate",
    ),
    "no params": (
        lambda: jgd.prox_adam(0.1).update(jnp.ones(2), jgd.prox_adam(0.1).init(jnp.ones(2))),
        "params is missing",
    ),
}


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_one_sentence(call, words):
    with pytest.raises(jgd.InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
