"""Rules on blocks: lanes under vmap, failed refreshes, odd leaves and what is refused."""

from dataclasses import KW_ONLY

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import record, static
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import Blocks, blocks
from tests import problems
from tests.core.test_refresh import expensive

SHAPES = {"w": (4, 4), "v": (4, 4), "b": (3,)}


@record
class Totals(BlockRule):
    """u = x over the sum that was last learned."""

    _: KW_ONLY
    precondition_frequency: int = static(default=3)
    stagger: bool = static(default=False)
    layout = ("sums", "kept")
    renews = ("kept",)

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        return blocks(shape, 2)

    def slots(self, p):
        return jnp.zeros((), p.dtype), jnp.ones((), p.dtype)

    def step(self, t, x, sums, kept):
        return x / kept, sums + jnp.sum(x), kept

    def refresh(self, sums, kept):
        return (sums,)


def test_a_refresh_that_fails_keeps_the_last_of_its_block_alone():
    rule, params = Totals(), jnp.ones((4, 2))
    state = rule.init(params)
    for value in (1.0, 1.0, 1.0, jnp.array([[jnp.inf] * 2] * 2 + [[1.0] * 2] * 2)):
        _, state = rule.update(jnp.full((4, 2), value), state)
    (kept,) = state.slots["kept"]
    np.testing.assert_allclose(kept, [4.0, 16.0])  # of the first step, and of four


@pytest.mark.parametrize("make", [jgd.scale_by_soap, jgd.scale_by_shampoo])
def test_lanes_equal_solo_runs_and_only_a_branch_has_the_decompositions(make):
    params = problems.params(SHAPES, jnp.float32)
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *problems.gradients(7, params))

    def path(b2):
        rule = make(b2=b2, precondition_frequency=3)
        return jax.lax.scan(lambda s, g: rule.update(g, s)[::-1], rule.init(params), stacked)[1]

    b2 = jnp.array([0.9, 0.5])
    together, alone = jax.jit(jax.vmap(path))(b2), jax.jit(path)
    for i in range(2):
        problems.close(jgd.select(together, i), alone(b2[i]), rtol=2e-3, atol=2e-3)
    outside, inside = expensive(jax.make_jaxpr(jax.vmap(path))(b2).jaxpr)
    assert outside == 0
    assert inside > 0


def test_lanes_of_different_counts_equal_solo_steps():
    params = problems.params(SHAPES, jnp.float32)
    grads = problems.gradients(5, params)
    rule = jgd.scale_by_soap(precondition_frequency=2)
    step, states = jax.jit(rule.update), [rule.init(params)]
    for g in grads[:4]:
        states.append(step(g, states[-1])[1])
    together = jax.jit(jax.vmap(rule.update, in_axes=(None, 0)))(grads[4], jgd.stack(states[:4]))
    for i in range(4):
        problems.close(jgd.select(together, i)[0], step(grads[4], states[i])[0], rtol=1e-3, atol=1e-4)


def test_leaves_without_blocks_and_none_pass_and_a_plain_vector_is_one_block():
    params = {"w": jnp.ones((2, 3)), "zero": jnp.ones((0, 3)), "scalar": jnp.ones(()), "none": None}
    for rule in (jgd.scale_by_soap(), jgd.scale_by_shampoo(), Totals()):
        updates, state = jax.jit(rule.update)(params, rule.init(params))
        updates, _ = jax.jit(rule.update)(params, state)
        assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, params)
        assert all(np.all(np.isfinite(u)) for u in jax.tree.leaves(updates))


def test_what_does_not_fit_is_one_sentence():
    rule, params = jgd.scale_by_soap(), {"w": jnp.ones((2, 3))}
    with pytest.raises(
        jgd.InputError,
        match=r"ScaleBySoap.init: the leaf at \['w'\] is complex64, expected real numbers.*split_real_and_imaginary",
    ):
        rule.init({"w": jnp.ones((2, 2), jnp.complex64)})
    with pytest.raises(jgd.InputError, match=r"gradient at \['w'\] has shape \(3, 2\), but the state there"):
        rule.update({"w": jnp.ones((3, 2))}, rule.init(params))
