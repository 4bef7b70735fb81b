"""Adadelta: its direction, and its rewritten formula where numbers are extreme."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from jgd.interop import optax as drop_in


def test_it_descends_by_default_and_the_drop_in_ascends_as_optax_does():
    params, grads = jnp.ones(2), jnp.array([1.0, -2.0])

    def first(opt) -> Any:
        return opt.update(grads, opt.init(params), params)[0]

    np.testing.assert_array_equal(jnp.sign(first(jgd.adadelta())), [-1, 1])
    np.testing.assert_allclose(first(drop_in.adadelta()), first(optax.adadelta()), rtol=1e-6)


def test_the_update_from_the_new_mean_is_the_papers_over_forty_orders_of_magnitude():
    sizes = np.logspace(-15, 15, 13)
    opt, theirs = jgd.scale_by_adadelta(eps=1e-30), optax.scale_by_adadelta(eps=1e-30)
    with jax.enable_x64(True):
        wide = jnp.asarray(sizes)
        exact, state = [], theirs.init(wide)
        for k in (0, 5, 0, 9):
            u, state = theirs.update(jnp.roll(wide, k), state)
            exact.append(np.asarray(u))
    state = opt.init(jnp.ones(13))
    for k, wanted in zip((0, 5, 0, 9), exact, strict=True):
        update, state = opt.update(jnp.asarray(np.roll(sizes, k), jnp.float32), state)
        np.testing.assert_allclose(update, wanted, rtol=3e-6)  # squares of 1e-15 to 1e15 are within float32


def test_a_state_that_is_not_finite_gives_no_silent_zero():
    opt, params = jgd.scale_by_adadelta(), jnp.ones(2)
    _, state = opt.update(jnp.array([jnp.nan, 1.0]), opt.init(params))
    update, _ = opt.update(jnp.ones(2), state)
    np.testing.assert_array_equal(jnp.isnan(update), [True, False])
