"""Rare work in turns: who is due when, and that nobody else pays for it, under vmap neither."""

import math

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.refresh import Turns, renewed


def renewals(total, every, sizes, steps):
    """For each step from 1 which members of all batches were made anew."""

    def step(kept, s):
        starts = np.cumsum([0, *sizes])
        new = [
            renewed(s, every, Turns(n, int(start), total), lambda old, _: old + 1, x, ())
            for n, start, x in zip(sizes, starts[:-1], kept, strict=True)
        ]
        return new, jnp.concatenate([y - x for x, y in zip(kept, new, strict=True)])

    return jax.jit(lambda: jax.lax.scan(step, [jnp.zeros(n) for n in sizes], jnp.arange(1, steps + 1))[1])()


@pytest.mark.parametrize("every", [1, 3, 10])
@pytest.mark.parametrize("sizes", [[1], [4, 1, 2]])
def test_staggered_members_are_due_once_a_round_and_a_step_renews_few(every, sizes):
    total = sum(sizes)
    found = np.asarray(renewals(total, every, sizes, 3 * every))
    for start in range(0, 3 * every, every):
        np.testing.assert_array_equal(found[start : start + every].sum(axis=0), np.ones(total))
    assert found.sum(axis=1).max() <= math.ceil(total / every)


def test_members_that_are_not_staggered_are_due_together():
    found = np.asarray(renewals(None, 4, [2, 3], 9))
    np.testing.assert_array_equal(np.flatnonzero(found.sum(axis=1)) + 1, [4, 8])
    assert set(found.sum(axis=1)) == {0, 5}


@pytest.mark.parametrize("total", [None, 6])
def test_lanes_keep_the_branch_and_their_own_counts(total):
    def step(s, kept, power):
        return renewed(s, 3, Turns(6, 0, total), lambda old, _: jnp.linalg.qr(power * old + 1)[0], kept, ())

    kept, powers = jax.random.normal(jax.random.key(0), (6, 4, 4)), jnp.array([1.0, 2.0, 3.0])
    counts = jnp.array([2, 3, 4])
    together = jax.jit(jax.vmap(step, in_axes=(0, None, 0)))
    for i in range(3):
        found = together(counts, kept, powers)[i]
        np.testing.assert_allclose(found, jax.jit(step)(counts[i], kept, powers[i]), atol=1e-5)
    outside, inside = expensive(jax.make_jaxpr(jax.vmap(step, in_axes=(0, None, 0)))(counts, kept, powers).jaxpr)
    assert (outside, inside > 0) == (0, True)


def expensive(jaxpr, inside=False, names=("geqrf", "householder_product", "qr", "eigh")):
    """Return the decompositions of a program outside of conditions, and inside of them."""
    found = np.zeros(2, int)
    for one in jaxpr.eqns:
        found[int(inside)] += one.primitive.name in names
        for below in jax.extend.core.jaxprs_in_params(one.params):
            found += expensive(below, inside or one.primitive.name == "cond", names)
    return tuple(int(n) for n in found)
