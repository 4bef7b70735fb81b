"""Slopes of rules on blocks with respect to their numbers, over steps that make bases, roots and factors anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.block_rule import BlockRule
from jgd.core.without_matrices import rules_for_matrices
from jgd.optimizers.catalogue import catalogue
from tests import problems
from tests.tiers import at_once

RULES = {
    "soap": lambda: jgd.scale_by_soap(precondition_frequency=2),
    "soap_tolerance": lambda: jgd.scale_by_soap(precondition_frequency=2, refresh_tolerance=1e-3),
    "shampoo": lambda: jgd.scale_by_shampoo(b2=0.9, precondition_frequency=2),
    "shampoo_newton": lambda: jgd.scale_by_shampoo(b2=0.9, precondition_frequency=2, root="newton"),
    "kl_shampoo": lambda: jgd.scale_by_kl_shampoo(precondition_frequency=2),
    "kl_soap": lambda: jgd.scale_by_kl_soap(precondition_frequency=2),
    "psgd_kron": lambda: jgd.scale_by_kron(preconditioner_update_probability=1.0),
    "splus": lambda: jgd.scale_by_splus(precondition_frequency=2),
}
STEPS = 5  # two refreshes after the first step


def total(rule, grads, weights):
    """Return a sum of all updates, each entry with a weight of its own."""
    _, updates = jax.lax.scan(lambda s, g: rule.update(g, s)[::-1], rule.init(weights), grads)
    return sum(
        jnp.sum(jnp.sum(u, 0) * w) for u, w in zip(jax.tree.leaves(updates), jax.tree.leaves(weights), strict=True)
    )


def test_every_rule_on_blocks_of_the_catalogue_is_here():
    known = {type(make()) for make in RULES.values()}
    found = {
        type(r)
        for entry in catalogue().values()
        for r in rules_for_matrices(entry.default())
        if isinstance(r, BlockRule)
    }
    assert found == known


@pytest.mark.parametrize("make", at_once(["soap", "shampoo"], RULES))
def test_slopes_over_refreshes_agree_with_finite_differences(make, x64):
    rule, params = make(), problems.params({"w": (3, 3)})
    grads = jax.tree.map(lambda *x: jnp.stack(x), *problems.gradients(STEPS, params))
    weights = jax.tree.map(lambda p: jnp.cos(jnp.arange(p.size, dtype=p.dtype)).reshape(p.shape), params)
    both = jax.jit(jax.value_and_grad(lambda rule: total(rule, grads, weights)))
    _, slopes = both(rule)
    assert any(abs(x) > 1e-6 for x in jax.tree.leaves(slopes))
    for key, x in jgd.hyperparams(rule).items():
        if key in ("refresh_tolerance", "preconditioner_update_probability"):
            continue  # a threshold, and the chance of a draw
        h = 1e-5 * max(min(abs(x), abs(1 - x)), 1e-3)  # inwards: some stand at the end of their range
        middle, near, far = (both(jgd.with_hyperparams(rule, {key: jnp.asarray(x + k * h)}))[0] for k in (0, 1, 2))
        # The truncation is O(h^2), and the difference loses 1e-16 times the value over h.
        np.testing.assert_allclose(
            jgd.hyperparams(slopes)[key], (4 * near - 3 * middle - far) / (2 * h), rtol=1e-4, atol=1e-5, err_msg=key
        )
