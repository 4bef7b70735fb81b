"""Parametrizations over the table's rows, and first steps and gradients, for test_properties and test_compiled_step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.table import OPTIMIZERS, ROWS, WRAPPERS, costly

WHOLE = (  # hyperparameters without a fraction
    "accumulation_size",
    "cooldown",
    "every_k_schedule",
    "k",
    "max_backtracking_steps",
    "max_consecutive_errors",
    "max_linesearch_steps",
    "sync_period",
    "update_interval",
    "update_proj_gap",
    "steps",
    "patience",
    "start",
    "period",
    "warmup_steps",
)


# Of the module's scope, so that one row's tests follow each other and share what `program` compiles.
EACH = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS], scope="module")


EACH_COSTLY = costly(ROWS)


EACH_STEPPING = pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.name) for row in OPTIMIZERS + WRAPPERS if row.descends],
    scope="module",
)


def one_step(row, opt, grads, params):
    """Return the updates and the state after the first step of a row's transform."""
    return row.update(opt, grads, opt.init(params), params)


def gradient_like(params, seed=3):
    """Random gradients of the dtypes of `params`, away from zero."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda p: jnp.asarray(rng.uniform(0.1, 1.0, p.shape) * rng.choice([-1, 1], p.shape), p.dtype), params
    )


def dtypes(tree):
    return jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), tree)
