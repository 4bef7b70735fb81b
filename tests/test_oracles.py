"""Every row of the table against implementations that nobody here wrote, step by step over random gradients."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import problems
from tests.table import ROWS

STEPS = 25
TORCH = np.load(pathlib.Path(__file__).parent / "oracles" / "torch.npz")
WITH_OPTAX = [pytest.param(row, id=row.name) for row in ROWS if row.oracle]
WITH_TORCH = [pytest.param(row, id=row.name) for row in ROWS if row.torch]


@pytest.mark.parametrize("row", WITH_OPTAX)
def test_agrees_with_optax_in_float64(row, x64):
    start = row.params()
    grads = problems.gradients(STEPS, start)
    ours, theirs = (row.trajectory(opt, start, grads) for opt in (row.make(), row.oracle()))
    # Both round each step to 1e-16; optax's 1 - b^t loses up to 3 digits to cancellation and 25 steps add up.
    problems.close(ours, theirs, rtol=row.oracle_error, atol=row.oracle_error / 10)


@pytest.mark.parametrize("row", WITH_OPTAX)
def test_float32_stays_close_to_optax_in_float64(row):
    start = row.params()
    grads = problems.gradients(STEPS, start)
    ours = row.trajectory(row.make(), start, grads)
    with jax.enable_x64(True):
        wide, *steps = (jax.tree.map(lambda x: np.asarray(x, np.float64), tree) for tree in (start, *grads))
        exact = row.trajectory(row.oracle(), jax.tree.map(jnp.asarray, wide), steps)
    # What fast forms cost in rounding is in here. 25 steps of size 1 round to 3e-6 at most; in float32 1 - 0.999 is off
    # by 1.3e-5, whose half an AMSGrad without bias correction shows. (optax's own float32 is off by up to 1e-5.)
    problems.close(ours, jax.tree.map(np.asarray, exact), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("row", WITH_TORCH)
def test_agrees_with_torch(row, x64):
    start = row.params()
    ours = row.trajectory(row.make(), start, problems.gradients(STEPS, start))
    flat = np.concatenate([np.reshape(x, (STEPS, -1)) for x in jax.tree.leaves(ours)], axis=1)
    # Muon divides by norm + eps, torch by max(norm, eps): 1e-8 relative to norms above 1e-3. The rest is rounding.
    tolerance = 1e-4 if "muon" in row.name else 1e-11
    np.testing.assert_allclose(flat, TORCH[row.torch], rtol=tolerance, atol=tolerance)


def test_every_recorded_trajectory_is_compared():
    assert {row.torch for row in ROWS if row.torch} == set(TORCH)


def test_every_optimizer_has_an_oracle():
    assert [row.name for row in ROWS if not (row.oracle or row.torch)] == ["clip_by_norm"]  # see test_clip.py
