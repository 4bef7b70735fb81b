"""Loops of unknown length: derivatives pass forwards, and others are refused by who has the loop, with a remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.forward_mode import forward_mode_only
from tests import problems
from tests.table import ROWS


def doubled(x):
    turns = jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, 2 * c[1]), (0, x))
    return forward_mode_only("Loop(x)", turns, "do without it")[1]


def test_values_and_forward_derivatives_pass_as_without_it():
    x = jnp.array([1.0, 2.0])
    assert doubled(x).tolist() == [8.0, 16.0]
    np.testing.assert_array_equal(jax.jit(jax.jacfwd(doubled))(x), 8 * jnp.eye(2))
    np.testing.assert_array_equal(jax.vmap(lambda x: jax.jvp(doubled, (x,), (x,))[1])(x), 8 * x)


@pytest.mark.parametrize(
    "slope",
    [
        jax.grad(doubled),
        jax.jit(jax.grad(doubled)),
        jax.jacrev(doubled),
        lambda x: jax.vmap(jax.grad(doubled))(x[None]),
        jax.grad(jax.checkpoint(doubled)),
    ],
)
def test_reverse_derivatives_are_refused_with_the_place_and_the_remedy(slope):
    with pytest.raises(InputError, match=r"Loop\(x\): reverse-mode .* or do without it\.(\n|$)"):
        slope(jnp.ones(()))


@pytest.mark.parametrize("row", [row for row in ROWS if not row.reverse], ids=lambda row: row.name)
def test_every_optimizer_with_such_a_loop_refuses_in_a_training_loop_and_says_what_to_do(row):
    params = row.few()

    def after_training(opt):
        def step(carry, _):
            updates, state = row.update(opt, jax.grad(problems.bowl)(carry[0]), carry[1], carry[0])
            return (jgd.apply_updates(carry[0], updates), state), None

        return problems.bowl(jax.lax.scan(step, (params, opt.init(params)), length=2)[0][0])

    with pytest.raises(
        InputError, match=r"update: reverse-mode .* take forward-mode ones .*jacfwd\), or step by .*\.(\n|$)"
    ):
        jax.eval_shape(jax.grad(after_training), row.make())
