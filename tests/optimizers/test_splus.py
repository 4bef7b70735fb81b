"""SPlus: the average that is evaluated; the weights are compared in tests/rows/kron.py."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from tests import problems, trust
from tests.rows import kron

RATE, DECAY, OTHER = 0.5, 0.1, 0.1  # of the row


def test_the_evaluated_weights_are_the_reference_s_after_decay(x64):
    opt, start = kron.OVERRIDES["splus"]["make"](), problems.params()

    def step(carry, grads):
        params, state = carry
        updates, state = opt.update(grads, state, params)
        params = jgd.apply_updates(params, updates)
        return (params, state), jgd.eval_params(opt, state, params)

    grads = jax.tree.map(lambda *g: jnp.stack(g), *problems.gradients(problems.STEPS, start))
    averages = jax.lax.scan(step, (start, opt.init(start)), grads)[1]

    def before_decay(x):
        size = 2 / sum(x.shape[1:]) if x.ndim == 3 else OTHER
        return x / (1 - RATE * size * DECAY)

    ours = trust.flattened(jax.tree.map(before_decay, averages))
    np.testing.assert_allclose(ours, trust.TRAJECTORIES["pytorch-optimizer:splus_average"], rtol=1e-11, atol=1e-12)


def test_what_is_no_matrix_steps_by_the_sign():
    opt = jgd.splus(1.0, weight_decay=0.0, nonstandard_constant=0.5, max_precondition_dim=5)
    params = {"tensor": jnp.ones((2, 2, 2)), "long": jnp.ones((2, 6)), "bias": jnp.ones(3)}
    updates, _ = opt.update(params, opt.init(params), params)
    assert all(jnp.array_equal(u, jnp.full_like(u, -0.5)) for u in jax.tree.leaves(updates))
