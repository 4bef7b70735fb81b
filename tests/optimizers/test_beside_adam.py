"""Rules beside Adam: limits, arrays without a deviation, and what holds over all leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
import jgd.schedules
from tests import problems


def after(opt, steps=5, start=None):
    """Return the parameters after a few steps over random gradients."""
    start = problems.params() if start is None else start
    return problems.trajectory(opt, start, problems.gradients(steps, start))


def test_padam_lies_between_momentum_and_adam():
    # Adam adds eps after the bias correction: 1e-8 in both.
    problems.close(after(jgd.padam(0.1, partial=0.5)), after(jgd.adam(0.1)), rtol=1e-4, atol=1e-5)

    def rate(count):
        return -0.1 * jnp.sqrt(1 - 0.999 ** (count + 1.0))

    mean = jgd.chain(jgd.ema(0.9), jgd.scale_by_schedule(rate))
    problems.close(after(jgd.padam(0.1, partial=0.0)), after(mean), rtol=1e-4, atol=1e-5)


def test_adabound_comes_to_its_final_rate():
    # Bounds that have closed leave the mean of the gradients at one rate.
    opt = jgd.adabound(0.5, final_learning_rate=jgd.schedules.constant_schedule(0.2), gamma=1e6)
    problems.close(after(opt), after(jgd.chain(jgd.ema(0.9, debias=False), jgd.scale(-0.2))), rtol=1e-4, atol=1e-5)


def test_pnm_without_a_negative_momentum_is_two_means_in_turn():
    first, second = jnp.array([1.0, -2.0]), jnp.array([3.0, 5.0])
    opt = jgd.pnm(1.0, 0.8, 0.0)
    updates, state = opt.update(first, opt.init(first), first)
    problems.close(updates, -0.36 * first, rtol=1e-6)
    problems.close(opt.update(second, state, first)[0], -0.36 * second, rtol=1e-6)


@pytest.mark.parametrize("make", [jgd.adamp, jgd.sgdp])
def test_weights_that_a_normalisation_follows_grow_by_no_part_of_the_step(make):
    p = jax.random.normal(jax.random.key(0), (5, 4))
    g = jax.random.normal(jax.random.key(1), (5, 4))
    # Orthogonal to the weights of each output, a column, and to all together:
    across = g - p * jnp.sum(p * g, 0, keepdims=True) / jnp.sum(p * p, 0, keepdims=True)
    whole = g - p * jnp.sum(p * g) / jnp.sum(p * p)
    opt = make(0.1)
    by_output, _ = opt.update(across, opt.init(p), p)
    together, _ = opt.update(whole, opt.init(p), p)
    free, _ = opt.update(p, opt.init(p), p)
    np.testing.assert_allclose(jnp.sum(by_output * p, 0), 0.0, atol=1e-6)
    np.testing.assert_allclose(jnp.sum(together * p), 0.0, atol=1e-6)
    assert jnp.max(jnp.abs(jnp.sum(together * p, 0))) > 1e-3
    assert jnp.sum(free * p) < -0.1


def test_adai_shares_its_mean_between_leaves():
    grads = {"loud": jnp.full(3, 10.0), "soft": jnp.full(3, 0.1)}
    opt = jgd.scale_by_adai()
    _, state = opt.update(grads, opt.init(grads))
    # d = 1 - 0.1 v / mean(v): half of the entries have all of v, that is twice the mean.
    np.testing.assert_allclose(state.product["loud"], 0.8, rtol=1e-3)
    np.testing.assert_allclose(state.product["soft"], 0.999, rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (4,)])
def test_sgd_sai_takes_plain_momentum_where_a_gradient_has_no_deviation(shape):
    g = jnp.ones(shape)
    opt = jgd.sgd_sai(0.1)
    problems.close(opt.update(g, opt.init(g), g)[0], -0.1 * g, rtol=1e-6)


def test_sgd_sai_moves_what_begins_with_a_zero_gradient():
    opt, p = jgd.sgd_sai(0.1), jnp.arange(3.0)
    _, state = opt.update(jnp.zeros(3), opt.init(p), p)
    assert jnp.all(opt.update(p, state, p)[0][1:] < 0)


def test_amos_shrinks_weights_by_its_penalty():
    p = jnp.ones((4, 3))
    shrunk, plain = (jgd.amos(0.1, extra_l2=x).update for x in (0.1, 0.0))
    state = jgd.amos(0.1).init(p)
    problems.close(shrunk(p, state, p)[0] - plain(p, state, p)[0], -0.05 * p, rtol=1e-5)
