"""StableAdamW: where weights decay."""

import jax
import numpy as np

import jgd
from tests import problems


def test_a_mask_and_a_schedule_tell_where_and_when_weights_decay():
    params = problems.params()
    grads = problems.gradients(3, params)
    rate = lambda count: 0.1 / (count + 1)  # noqa: E731

    def path(**settings):
        return problems.trajectory(jgd.stable_adamw(0.05, **settings), params, grads)

    everywhere, nowhere = path(weight_decay=rate), path(weight_decay=0.0)
    for mask in ("^w", {"w": True, "rest": False}, lambda p: {"w": True, "rest": [False, False]}):
        found = path(weight_decay=rate, mask=mask)
        np.testing.assert_array_equal(found["w"], everywhere["w"])
        problems.close(found["rest"], nowhere["rest"], rtol=0)
    assert jax.tree.all(jax.tree.map(lambda x, y: bool((x != y).any()), everywhere, nowhere))
