"""Gradients that arrive late: identities, the stability of gradient descent, and a sweep over delays."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.distributed import delayed
from jgd.sweep import choice, loguniform
from tests import problems


def walk(opt, start, slope, steps):
    """Return the parameters after each step along `slope(params)`."""

    def body(carry, _):
        updates, state = opt.update(slope(carry[0]), carry[1], carry[0])
        params = jgd.apply_updates(carry[0], updates)
        return (params, state), params

    return jax.lax.scan(body, (start, opt.init(start)), None, length=steps)[1]


@pytest.mark.parametrize("longest", [None, 3])
def test_no_delay_is_the_optimizer_bit_for_bit(longest):
    params = problems.params(problems.FEW, "float32")
    grads = problems.gradients(5, params)
    late = problems.trajectory(delayed(jgd.adam(0.05), 0, longest), params, grads)
    jax.tree.map(np.testing.assert_array_equal, late, problems.trajectory(jgd.adam(0.05), params, grads))


@pytest.mark.parametrize("steps", [1, 3])
def test_given_gradients_are_the_same_ones_later(steps):
    params = problems.params(problems.FEW, "float32")
    grads = problems.gradients(8, params)
    late = problems.trajectory(delayed(jgd.adam(0.05), steps, 4), params, grads)
    plain = problems.trajectory(jgd.adam(0.05), params, grads)
    for a, b, p in zip(*map(jax.tree.leaves, (late, plain, params)), strict=True):
        np.testing.assert_array_equal(a[:steps], np.stack([p] * steps))
        np.testing.assert_array_equal(a[steps:], b[:-steps])


def test_gradient_descent_is_stable_up_to_twice_the_sine_and_delays_are_lanes_of_one_program():
    """Below 2 sin(pi / (2 (2 tau + 1))) the error on x^2 / 2 shrinks, above it grows: 2 % to both sides."""
    delays = np.repeat([0, 1, 2, 4, 8], 2)
    bounds = np.array([2 * math.sin(math.pi / (2 * (2 * d + 1))) for d in delays])
    rates = bounds * np.tile([0.98, 1.02], 5)

    @jax.jit
    @jax.vmap
    def swings(rate, steps):
        last = jnp.abs(walk(delayed(jgd.sgd(rate), steps, 8), jnp.ones(()), lambda p: p, 6000))[5000:]
        return jnp.max(jnp.where(jnp.isfinite(last), last, jnp.inf))

    last = swings(jnp.asarray(rates), jnp.asarray(delays, jnp.float32))
    np.testing.assert_array_equal(last > 1, np.tile([False, True], 5))


def test_gradients_wait_in_the_parameters_dtype_and_come_in_their_order():
    params = {"w": jnp.ones((2, 3), jnp.bfloat16), "none": None}
    opt = delayed(jgd.sgd(0.5), 2, 3)
    state = opt.init(params)
    assert state.waiting["w"].shape == (3, 2, 3)
    assert state.waiting["w"].dtype == jnp.bfloat16
    for t in range(1, 12):
        updates, state = opt.update(jax.tree.map(lambda p, t=t: t * p, params), state, params)
        np.testing.assert_array_equal(updates["w"].astype(jnp.float32), -0.5 * max(t - 2, 0))


def test_fit_and_a_sweep_take_it():
    task = jgd.Task(lambda key: jnp.ones(2), lambda params, batch: jnp.sum(params**2) * batch.mean(), np.ones(4))
    run = jgd.fit(task, delayed(jgd.sgd(0.05), 3), steps=60, progress=False)
    assert run.metrics["loss"][-1] < 0.05 * run.metrics["loss"][0]
    space = delayed(jgd.sgd(0.05), choice([0, 1, 4]), 4)
    found = jgd.sweep.run(task, space, num_trials=3, sampler="grid", steps=60, progress=False)
    assert found.programs == 1
    assert np.all(found.values < 0.05 * run.metrics["loss"][0])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: delayed(jgd.sgd(0.1), -1), r"steps=-1.*\[0, inf\)"),
        (lambda: delayed(jgd.sgd(0.1), 5, 4), "steps=5, longest=4.*at most longest"),
        (lambda: delayed(jgd.sgd(0.1), loguniform(1, 9)), "longest"),
        (lambda: delayed(jgd.sgd, 1), "inner.*gradient transformation"),
    ],
)
def test_what_cannot_be_is_one_sentence(make, said):
    with pytest.raises(jgd.InputError, match=said):
        make()
