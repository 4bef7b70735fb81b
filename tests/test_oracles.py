"""Every row of the table against implementations that nobody here wrote, step by step over random gradients."""

import re

import jax
import numpy as np
import pytest

from jgd.optimizers.catalogue import catalogue
from tests import problems, trust
from tests.table import COMPARED, ROWS, costly

WITH_ORACLES = [pytest.param(row, id=row.name) for row in COMPARED if row.oracle or row.recorded()]


# Of the module's scope, so that one row's tests follow each other and share the trajectory of optax.
@pytest.mark.parametrize("row", WITH_ORACLES, scope="module")
def test_agrees_with_its_oracles_in_float64(row, x64):
    # All round each step to 1e-16; optax's 1 - b^t loses up to 3 digits to cancellation and 100 steps add up.
    for package, found in trust.deviations(row).items():
        assert found <= (row.oracle_error if package == "optax" else row.recorded_error), package
        assert found <= trust.allowed(row, package), f"{package}: if it is meant, run `python -m tests.trust`"


@costly([row for row in ROWS if row.oracle])
def test_float32_stays_close_to_optax_in_float64(row):
    start = row.params()
    grads = problems.gradients(problems.STEPS, start)[:25]  # those of the oracle, rounded to float32
    ours = row.trajectory(row.make(), start, grads)
    with jax.enable_x64(True):
        exact = jax.tree.map(lambda x: np.asarray(x)[:25], trust.optax_trajectory(row))
    # What fast forms cost in rounding is in here. 25 steps of size 1 round to 3e-6 at most; in float32 1 - 0.999 is off
    # by 1.3e-5, whose half an AMSGrad without bias correction shows. (optax's own float32 is off by up to 1e-5.)
    problems.close(ours, exact, rtol=2e-5, atol=2e-5)


def test_every_recorded_trajectory_is_compared():
    compared = {path for row in COMPARED for path in row.recorded()}
    averages = {path for path in trust.TRAJECTORIES if path.endswith("_average")}  # in the optimizer's own test
    assert compared | averages == set(trust.TRAJECTORIES)


def test_every_optimizer_has_an_oracle():
    alone = [row.name for row in COMPARED if not (row.oracle or row.recorded())]
    # These have tests of their own: with dense matrices, a transcription of the paper, scikit-learn, or statistics. The
    # filter is compared in front of Adam, as "grokfast_ema_adam".
    dense = {"hessian_free", "natural_gradient", "natural_gradient_empirical", "gauss_newton_bartlett"}
    assert set(alone) == {*dense, "prox_adam", "proximal", "noisy_sgd", "grokfast_ema", "clip_by_norm"}


def test_the_table_of_trust_says_what_the_code_does():
    """Its names, families, bytes, oracles and sources; what it says of deviations is tested above, row by row."""
    pairs = {(name, package) for name, packages in trust.oracles(COMPARED).items() for package in packages}
    assert set(trust.figures()) == pairs, "run `python -m tests.trust`"
    known = trust.TABLE.read_text()
    expected = trust.text(COMPARED, trust.figures())
    unsourced = [name for name, entry in catalogue().items() if not entry.source]
    assert not unsourced, "their docstrings name no paper, such as (Kingma & Ba 2015, arXiv:1412.6980)"
    optax = r"optax \d[\w.]*"  # of the figures that are there, and of whoever runs this test
    assert re.sub(optax, "optax", expected) == re.sub(optax, "optax", known), "run `python -m tests.trust`"
