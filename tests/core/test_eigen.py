"""Factorizations under `vmap`: right, and never as batches that wait for each other."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.eigen import eigh, qr_factor
from tests import problems

MATRICES = jax.random.normal(jax.random.key(0), (3, 4, 4))
SYMMETRIC = MATRICES + MATRICES.mT


@pytest.mark.parametrize(("factorize", "x", "kernel"), [(qr_factor, MATRICES, "geqrf"), (eigh, SYMMETRIC, "syevd")])
def test_a_cpu_takes_one_matrix_after_another(factorize, x, kernel):
    # Two batches side by side wait for ever on two cores (jaxlib 0.10): no call may have an axis for a batch.
    with jax.default_device(jax.devices("cpu")[0]):
        text: Any = jax.jit(jax.vmap(factorize)).lower(jnp.asarray(np.asarray(x))).compile().as_text()
    calls = [line for line in text.splitlines() if "custom-call(" in line and kernel in line]
    assert calls
    assert not any("[3,4,4]" in line for line in calls)


def test_a_batch_is_what_each_gives():
    problems.close(jax.vmap(qr_factor)(MATRICES), jnp.stack([qr_factor(x) for x in MATRICES]), rtol=1e-6, atol=1e-6)
    values = jax.vmap(lambda x: eigh(x)[0])(SYMMETRIC)
    problems.close(values, jnp.stack([jnp.linalg.eigvalsh(x) for x in SYMMETRIC]), rtol=1e-5, atol=1e-5)


def test_slopes_pass_through_a_batch():
    def size(x):
        return jnp.sum(jax.vmap(lambda one: eigh(one)[0] ** 2)(x))  # the squared norm

    problems.close(jax.grad(size)(SYMMETRIC), 2 * SYMMETRIC, rtol=1e-4, atol=1e-4)
