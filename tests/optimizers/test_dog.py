"""Distance over gradients, leaf by leaf."""

import jax
import optax

import jgd
from tests import problems


def test_scale_by_distance_over_gradients_agrees_with_optax(x64):
    start = problems.params(problems.MATRICES)
    grads = problems.gradients(10, start)
    ours = problems.trajectory(jgd.scale_by_distance_over_gradients(0.1), start, grads)
    with jax.numpy_rank_promotion("allow"):  # optax's sums have shape (1,), which no scalar leaf survives
        theirs = problems.trajectory(optax.scale_by_distance_over_gradients(0.1), start, grads)
    problems.close(ours, theirs, rtol=1e-11, atol=1e-12)
