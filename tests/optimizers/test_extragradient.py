"""The extragradient method on the game min_x max_y xy, around which gradient descent circles outwards."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd


def field(p, i=0):
    return {"x": p["y"], "y": -p["x"]}


def test_it_converges_on_a_bilinear_game_by_its_formula():
    opt, p = jgd.extragradient(jgd.sgd(0.3)), {"x": jnp.array(1.0), "y": jnp.array(0.5)}
    state, z = opt.init(p), np.array([1.0, 0.5])
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    for _ in range(50):
        updates, state = opt.update(field(p), state, p, grad_fn=field)
        p = jgd.apply_updates(p, updates)
        z = z - 0.3 * turn @ (z - 0.3 * turn @ z)
    np.testing.assert_allclose([p["x"], p["y"]], z, rtol=1e-4, atol=1e-6)
    assert np.linalg.norm(z) < 0.2


@pytest.mark.parametrize("wrap", [jgd.extragradient, jgd.asam])
def test_averages_are_found_within_and_a_missing_grad_fn_is_one_sentence(wrap):
    opt, p = wrap(jgd.ema_params(jgd.sgd(0.1), 0.5)), {"x": jnp.array(1.0), "y": jnp.array(0.5)}
    updates, state = opt.update(field(p), opt.init(p), p, grad_fn=field)
    after = jgd.apply_updates(p, updates)
    np.testing.assert_allclose(jgd.eval_params(opt, state, p)["x"], after["x"], rtol=1e-6)
    with pytest.raises(jgd.InputError, match="grad_fn is missing"):
        opt.update(field(p), state, p)
