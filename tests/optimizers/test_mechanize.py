"""Mechanic: it finds a rate from afar, and keeps the dtypes of its scales whatever the parameters' are."""

import jax
import jax.numpy as jnp
import pytest

import jgd
from tests import problems


@pytest.mark.parametrize("rate", [1e-2, 1.0])
def test_it_finds_a_rate_from_a_millionth(rate):
    opt, start = jgd.mechanize(jgd.sgd(rate), weight_decay=0.0), problems.params()

    @jax.jit
    def train(opt):
        def step(carry, _):
            p, state = carry
            value, grads = jax.value_and_grad(problems.bowl)(p)
            updates, state = opt.update(grads, state, p)
            return (jgd.apply_updates(p, updates), state), value

        return jax.lax.scan(step, (start, opt.init(start)), length=300)[1]

    values = train(opt)
    assert values[-1] < 0.1 * values[0]


def test_it_begins_where_the_first_step_is_taken():
    opt = jgd.mechanize(jgd.sgd(1.0))
    start, loaded = problems.params(), problems.params(seed=5)
    _, state = opt.update(loaded, opt.init(start), loaded)
    problems.close(state.x0, loaded, rtol=0)
    _, state = opt.update(start, state, start)
    problems.close(state.x0, loaded, rtol=0)


def test_scales_of_half_precision_parameters_are_float32():
    params = problems.params(dtype="float16")
    opt = jgd.mechanize(jgd.adam(1.0))
    state = opt.init(params)
    for _ in range(3):
        updates, state = opt.update(params, state, params)
    assert {x.dtype for x in (state.r, state.m, state.v, state.s)} == {jnp.dtype("float32")}
    assert all(jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves((updates, state)))
