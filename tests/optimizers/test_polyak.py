"""Polyak's step: the loss that it needs, the rate after the norm, and losses below the bound."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import optax as dropin

PARAMS, GRADS = jnp.zeros(2), jnp.array([3.0, 4.0])


def step(opt, value) -> Any:
    return opt.update(GRADS, opt.init(PARAMS), PARAMS, value=value)[0]


def test_the_scaling_is_a_factor_of_the_step_and_the_drop_in_has_optax_s():
    np.testing.assert_allclose(step(jgd.polyak_sgd(scaling=0.5), 5.0), -0.5 * 5 / 25 * GRADS, rtol=1e-6)
    theirs = step(optax.polyak_sgd(scaling=0.5), 5.0)
    np.testing.assert_allclose(theirs, -0.5 * 5 / (25 / 4) * GRADS, rtol=1e-6)
    for same in (jgd.polyak_sgd(scaling=0.5, scaling_first=True), dropin.polyak_sgd(scaling=0.5)):
        np.testing.assert_allclose(step(same, 5.0), theirs, rtol=1e-6)


@pytest.mark.parametrize(("variant", "expected"), [("sps", 1 / 25), ("sps+", 0.0)])
def test_a_loss_below_the_bound_steps_back_or_not_at_all(variant, expected):
    np.testing.assert_allclose(step(jgd.polyak_sgd(f_min=2.0, variant=variant), 1.0), expected * GRADS, rtol=1e-6)


@pytest.mark.parametrize("opt", [jgd.polyak_sgd()], ids=["polyak_sgd"])
def test_a_missing_loss_is_one_clear_sentence(opt):
    with pytest.raises(jgd.InputError, match=r"value is missing; call update\(grads, state, params, value=\.\.\.\)"):
        step(opt, None)
