"""Fromage: what small rates need, and schedules."""

import jax.numpy as jnp
import numpy as np
import optax

import jgd
from jgd.schedules import linear_schedule
from tests import problems


def test_the_shrinkage_of_a_small_rate_keeps_its_digits():
    opt, params = jgd.fromage(1e-4), jnp.ones(3)
    update, _ = opt.update(jnp.zeros(3), opt.init(params), params)
    # 1 / sqrt(1 + lr^2) - 1, which in float32 is 0.
    np.testing.assert_allclose(update, -5e-9, rtol=1e-6)


def test_a_schedule_moves_it_as_it_moves_optax_s(x64):
    start, rate = problems.params(), linear_schedule(0.1, 0.01, 5)
    grads = problems.gradients(8, start)
    ours, theirs = (problems.trajectory(make(rate, 0.5), start, grads) for make in (jgd.fromage, optax.fromage))
    problems.close(ours, theirs, rtol=1e-12, atol=1e-13)
