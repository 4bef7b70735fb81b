"""MoMo: decay that divides the step as the authors' package has it, and optax's form in the drop-in."""

import jax.numpy as jnp
import optax
import pytest

import jgd
from jgd.interop import optax as dropin
from tests import problems

PARAMS, GRADS = jnp.array([1.0, -2.0]), jnp.array([0.5, 0.3])


def moved(opt):
    """Return the parameters after one step."""
    return PARAMS + opt.update(GRADS, opt.init(PARAMS), PARAMS, value=1.0)[0]


@pytest.mark.parametrize("name", ["momo", "momo_adam"])
def test_decay_divides_the_step_and_in_the_drop_in_it_does_not(name):
    given = {"learning_rate": 0.5, "weight_decay": 0.2}
    theirs = moved(getattr(optax.contrib, name)(**given))
    step = PARAMS / 1.1 - theirs  # tau m
    # optax's 1 - b2^t is off by 1e-5 in the first step.
    problems.close(moved(getattr(jgd, name)(**given)), (PARAMS - step) / 1.1, rtol=2e-5)
    problems.close(moved(getattr(dropin.contrib, name)(**given)), theirs, rtol=2e-5)


@pytest.mark.parametrize("name", ["momo", "momo_adam"])
def test_a_missing_loss_is_one_clear_sentence(name):
    opt = getattr(jgd, name)()
    with pytest.raises(jgd.InputError, match=r"value is missing; call update\(grads, state, params, value=\.\.\.\)"):
        opt.update(GRADS, opt.init(PARAMS), PARAMS)
