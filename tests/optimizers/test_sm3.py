"""SM3: the leaves on which optax's fails, and a schedule for its rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests import problems


def test_scalars_are_stepped_as_adagrad_steps_them_and_empty_leaves_are_left():
    params = {"scalar": jnp.float32(1.0), "empty": jnp.zeros((0, 3)), "none": None}
    opt, state = jgd.sm3(0.1, 0.0), jgd.sm3(0.1, 0.0).init(params)
    for g, step in ((2.0, -0.1), (1.0, -0.1 / 5**0.5)):
        grads = {"scalar": jnp.float32(g), "empty": jnp.zeros((0, 3)), "none": None}
        updates, state = jax.jit(opt.update)(grads, state, params)
        np.testing.assert_allclose(updates["scalar"], step, rtol=1e-6)
        assert updates["empty"].shape == (0, 3)


def test_a_schedule_is_a_learning_rate():
    start = problems.params()
    grads = problems.gradients(3, start)
    plain, scheduled = (jgd.sm3(rate) for rate in (0.1, jgd.constant_schedule(0.1)))
    problems.close(problems.trajectory(scheduled, start, grads), problems.trajectory(plain, start, grads), rtol=1e-6)


def test_a_gradient_of_another_shape_is_refused_by_its_path():
    params = {"w": jnp.ones((4, 3))}
    opt = jgd.scale_by_sm3()
    with pytest.raises(jgd.InputError, match=r"\['w'\] has shape \(3, 4\)"):
        opt.update({"w": jnp.ones((3, 4))}, opt.init(params), params)
