"""Rprop: torch's published formula, optax's form, and what it refuses."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import optax as drop_in


def published(start, grads, lr, minus, plus, low, high):
    """torch.optim.Rprop, entry by entry, as its documentation writes it; yields the parameters."""
    theta, previous, eta = list(start), [0.0] * len(start), [lr] * len(start)
    for row in grads:
        for i, g in enumerate(row):
            if previous[i] * g > 0:
                eta[i] = min(max(eta[i] * plus, low), high)
            elif previous[i] * g < 0:
                eta[i] = min(max(eta[i] * minus, low), high)
                g = 0.0
            else:
                eta[i] = min(max(eta[i], low), high)
            theta[i] -= eta[i] * np.sign(g)
            previous[i] = g
        yield np.array(theta)


@pytest.mark.parametrize("settings", [(0.01, 0.5, 1.2, 1e-6, 50.0), (1.0, 0.3, 2.0, 0.05, 0.5)])
def test_agrees_with_torch_s_published_formula(settings, x64):
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=8), rng.normal(size=(60, 8))
    grads[rng.random(grads.shape) < 0.1] = 0.0
    params = jnp.asarray(start)
    opt = jgd.rprop(*settings)
    state = opt.init(params)
    for g, wanted in zip(grads, published(start, grads, *settings), strict=True):
        updates, state = opt.update(jnp.asarray(g), state, params)
        params = params + updates
        np.testing.assert_allclose(params, wanted, rtol=1e-12)


def test_the_signs_of_tiny_gradients_count():
    opt, grads = jgd.rprop(0.1), jnp.array([1e-30])  # the product of two is 0 in float32
    _, state = opt.update(grads, opt.init(grads))
    updates, _ = opt.update(grads, state)
    np.testing.assert_allclose(updates, [-0.12], rtol=1e-6)


def test_the_drop_in_returns_each_step_one_call_late_as_optax_does():
    params, grads = jnp.ones(2), jnp.array([1.0, -2.0])
    for name in ("rprop", "scale_by_rprop"):
        ours, theirs = getattr(drop_in, name)(0.1), getattr(optax, name)(0.1)
        (first, state), (wanted, other) = (opt.update(grads, opt.init(params)) for opt in (ours, theirs))
        np.testing.assert_array_equal(first, wanted)
        assert not first.any()
        np.testing.assert_array_equal(ours.update(grads, state)[0], theirs.update(grads, other)[0])


def test_complex_parameters_are_refused():
    with pytest.raises(jgd.InputError, match=r"ScaleByRprop\.init.*complex64.*split_real_and_imaginary"):
        jgd.rprop(0.1).init(jnp.ones(2, jnp.complex64))
