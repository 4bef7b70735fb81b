"""Adan: the paper's form, which optax does not have, against the paper's formulas."""

import jax.numpy as jnp
import numpy as np

import jgd


def test_the_change_of_the_gradient_has_the_paper_s_weight(x64):
    opt, (b1, b2, b3) = jgd.scale_by_adan(), (0.98, 0.92, 0.99)
    state = opt.init(jnp.zeros(3))
    m = v = n = old = np.zeros(3)
    for t, g in enumerate(np.random.default_rng(0).normal(size=(4, 3)), 1):
        d = g - old if t > 1 else np.zeros(3)
        m, v, n = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * d, b3 * n + (1 - b3) * (g + b2 * d) ** 2
        old = g
        wanted = (m / (1 - b1**t) + b2 * v / (1 - b2**t)) / (np.sqrt(n / (1 - b3**t)) + 1e-8)
        update, state = opt.update(jnp.asarray(g), state)
        np.testing.assert_allclose(update, wanted, rtol=1e-10)
