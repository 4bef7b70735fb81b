"""Operations counted on a trace, against arithmetic by hand and against XLA's own count."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from jgd.measure.operations import operations

A, B = jax.ShapeDtypeStruct((3, 4), jnp.float32), jax.ShapeDtypeStruct((4, 5), jnp.float32)
PRODUCT = 2 * 3 * 4 * 5


@pytest.mark.parametrize(
    ("fn", "args", "expected"),
    [
        (jnp.matmul, (A, B), PRODUCT),
        (jax.jit(jnp.matmul), (A, B), PRODUCT),
        (lambda a, b: jnp.tanh(a @ b), (A, B), PRODUCT + 3 * 5),
        (jax.vmap(jnp.matmul, (None, 0)), (A, jax.ShapeDtypeStruct((7, 4, 5), jnp.float32)), 7 * PRODUCT),
        (lambda a, b: jax.lax.scan(lambda c, _: (c, a @ b), 0.0, length=9)[1], (A, B), 9 * PRODUCT),
        (lambda a, b: jax.lax.cond(True, lambda: a @ b, lambda: jnp.tanh(a @ b)), (A, B), PRODUCT + 15),
        (lambda: None, (), 0),
    ],
)
def test_products_loops_and_branches_count(fn, args, expected):
    # Besides, a loop's index and a transposition count as one for each number made: 7 x 15 of 840 at most.
    assert expected <= operations(fn, *args) <= expected + max(3, expected / 8)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_and_its_derivative_count_as_xla_counts_them(groups):
    x = jax.ShapeDtypeStruct((2, 9, 9, 4), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 4 // groups, 6), jnp.float32)

    def loss(kernel, x):
        out = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
        )
        return jnp.sum(out)

    for fn in (loss, jax.value_and_grad(loss)):
        xla: Any = jax.jit(fn).lower(kernel, x).cost_analysis()
        assert operations(fn, kernel, x) == pytest.approx(xla["flops"], rel=0.1)  # sums and broadcasts count otherwise
