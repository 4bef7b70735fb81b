"""The products of the Newton-Schulz iteration: half of a Hermitian one is turned, where that saves time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.newton_schulz import LEAST_ROWS, hermitian_product


@pytest.mark.parametrize(
    ("shape", "dtype"), [((LEAST_ROWS, LEAST_ROWS), float), ((2, LEAST_ROWS + 1, 7), float), ((LEAST_ROWS, 9), complex)]
)
def test_a_hermitian_product_is_the_product_whether_or_not_it_is_put_together(shape, dtype, x64):
    x = jax.random.normal(jax.random.key(0), shape, dtype)
    found = hermitian_product(x)
    # Sums of at most 130 terms in another order.
    np.testing.assert_allclose(found, x @ x.conj().mT, rtol=1e-13, atol=1e-12)
    m = shape[-2] // 2
    np.testing.assert_array_equal(found[..., m:, :m], found[..., :m, m:].conj().mT)  # Hermitian to the last bit


def test_a_cpu_computes_three_quarters_of_a_large_product_and_all_of_a_small_one():
    def products(n):
        text = jax.jit(hermitian_product).lower(jnp.zeros((n, n))).as_text()
        return text.count("dot_general")

    assert products(LEAST_ROWS) == 2
    assert products(LEAST_ROWS - 1) == 1
