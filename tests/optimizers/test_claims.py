"""Sentences of docstrings on optimizers that no oracle shows: on lengths, limits and invariance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd

W = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)))
GRADS = jnp.asarray(np.random.default_rng(1).normal(size=(30, 6, 4)))


def updates(opt, grads=GRADS):
    """Return each step's updates, of parameters that move."""

    def step(carry, g):
        u, state = opt.update(g, carry[1], carry[0])
        return (jgd.apply_updates(carry[0], u), state), (u, carry[0])

    return jax.jit(lambda: jax.lax.scan(step, (W, opt.init(W)), grads)[1])()


def test_adam_atan2_steps_are_never_longer_than_a_half_pi():
    sizes = jnp.where(jnp.arange(30) == 15, 1e12, 1.0)[:, None, None]
    u, _ = updates(jgd.scale_by_adam_atan2(b1=0.9, b2=0.0, a=1.27), sizes * GRADS)
    assert 1.0 < jnp.abs(u).max() <= 1.27 * jnp.pi / 2


def test_adafactor_s_steps_are_never_longer_than_the_parameters():
    u, p = updates(jgd.adafactor())
    ratio = np.asarray(jnp.linalg.norm(u, axis=(1, 2)) / jnp.linalg.norm(p, axis=(1, 2)))
    assert ratio.max() <= 1 + 1e-5  # sums of 24 terms in float32
    assert ratio.min() > 0.5


def test_schedule_free_radam_takes_no_step_in_its_first_four_calls():
    moved = jnp.any(updates(jgd.schedule_free_radam())[0] != 0, axis=(1, 2))
    assert moved.tolist() == [False] * 4 + [True] * 26


def test_simplified_ademamix_steps_grow_from_adam_s_to_those_of_the_sum(x64):
    grads = GRADS.astype(float)
    ours, adam = (
        updates(o, grads)[0] for o in (jgd.scale_by_simplified_ademamix(0.9, 0.999, 0.0), jgd.scale_by_adam())
    )
    t = np.arange(1, 31)
    np.testing.assert_allclose((ours / adam)[:, 0, 0], (1 - 0.9**t) / 0.1, rtol=1e-6)  # eps


def test_padam_is_momentum_with_adam_s_corrections_at_a_power_of_zero_and_adam_at_a_half(x64):
    grads = GRADS.astype(float)
    flat = updates(jgd.scale_by_padam(partial=0.0), grads)[0]
    mean = updates(jgd.ema(0.9, debias=True), grads)[0]
    t = np.arange(1, 31)[:, None, None]
    np.testing.assert_allclose(flat, np.sqrt(1 - 0.999**t) * mean, rtol=1e-12)
    # eps is inside of the correction here, and 1e-8 against the root of v at first, 0.03 |g|.
    half, adam = updates(jgd.scale_by_padam(partial=0.5), grads)[0], updates(jgd.scale_by_adam(), grads)[0]
    np.testing.assert_allclose(half, adam, rtol=1e-4)


@pytest.mark.parametrize(("norm", "radius"), [("spectral", 1.2), ("sign", 1), ("col", 1), ("row", 1), ("bias", 1)])
def test_constrained_scion_stays_in_the_ball(norm, radius):
    opt = jgd.scion(0.3, norm=norm)
    x = updates(opt, jnp.broadcast_to(GRADS[0], (60, 6, 4)))[1][-1]
    size = {
        "spectral": jnp.linalg.norm(x, 2) * (6 / 4) ** 0.5,
        "sign": 6 * jnp.abs(x).max(),
        "col": jnp.sqrt(jnp.mean(x**2, axis=1)).max(),
        "row": 6**0.5 * jnp.linalg.norm(x, axis=0).max(),
        "bias": jnp.sqrt(jnp.mean(x**2)),
    }[norm]
    assert 0.7 < size < radius + 1e-5  # rounding


def test_kate_s_predictions_do_not_depend_on_the_scale_of_the_data():
    def predictions(scale):
        x, y = scale * GRADS[0], jnp.arange(6.0)

        def step(carry, _):
            w, state = carry
            u, state = opt.update(jax.grad(lambda w: jnp.mean((x @ w - y) ** 2))(w), state, w)
            return (w + u, state), x @ w

        opt = jgd.kate(0.1, eps=0.0)
        w = jnp.zeros(4)
        return jax.lax.scan(step, (w, opt.init(w)), length=20)[1]

    np.testing.assert_allclose(predictions(1.0), predictions(8.0), rtol=0, atol=1e-5)  # of 20 steps in float32
