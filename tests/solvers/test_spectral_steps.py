"""Spectral steps: evaluations of proximal methods on badly scaled functions."""

import jax.numpy as jnp
import numpy as np

import jgd
from jgd.core import Status


def valley(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def test_projected_gradient_follows_a_curved_valley_in_bounds(x64):
    """Hock and Schittkowski's problem 1: the value was 3e-3 after 2,000 evaluations, where no step was spectral."""
    stop, box = jgd.Stop(gradient_norm=1e-8, max_evaluations=2000), (np.array([-np.inf, -1.5]), np.full(2, np.inf))
    found = jgd.minimize(valley, "projected-gradient", jnp.array([-2.0, 1.0]), stop, bounds=box)
    assert found.status is Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, 1.0, atol=1e-5)  # the slope over the least curvature, 0.4, with room


def test_prox_gradient_takes_the_curvature_of_the_last_step_for_the_next(x64):
    """It took 101 evaluations while t grew by 1.5 alone; curvatures of 1 to 30 and a penalty that holds one at 0."""
    scales = jnp.array([1.0, 3.0, 10.0, 30.0])

    def bowl(x):
        return jnp.sum(scales * (x - jnp.array([1.0, -1.0, 1.0, 1e-3])) ** 2) / 2

    stop = jgd.Stop(gradient_norm=1e-8)
    found = jgd.minimize(bowl, "prox-gradient", jnp.zeros(4), stop, nonsmooth=jgd.nonsmooth.l1(0.1))
    np.testing.assert_allclose(found.params, [0.9, -1 + 0.1 / 3, 0.99, 0.0], atol=1e-7)
    assert found.evaluations <= 50
