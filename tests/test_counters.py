"""The regression guard: what a step compiles to is what `counters.json` says, for every optimizer."""

import json

import pytest

from tests import counters
from tests.table import OPTIMIZERS

KNOWN = json.loads(counters.TABLE.read_text())


def test_the_table_has_every_optimizer():
    assert set(KNOWN) == set(counters.ROWS), "run `python -m tests.counters` and look at what changed"


@pytest.mark.parametrize("name", counters.ROWS)
def test_a_step_costs_what_the_table_says(name):
    found = counters.counters(counters.ROWS[name])
    # Exact: the same on jax 0.10 and 0.12. A smaller number is a gain, to be written down too.
    assert found == KNOWN.get(name), "if it is meant, run `python -m tests.counters` and commit the table"


# They read what they overwrite once more, for the step before's gradient, moment, step or distance, or keep it in a
# loop or a branch: it must outlive the writing, unless all is fused into one pass.
COPYING = ("acprop", "adan", "adopt", "adopt_options", "adopt_unclipped", "dadapt_adamw_options", "rprop_delayed")
COPYING += ("optimistic_adam", "optimistic_adam_options", "optimistic_adam_v2", "optimistic_adam_v2_options")
COPYING += ("optimistic_gradient_descent", "galore", "lbfgs", "lbfgs_without_search", "noisy_sgd", "sam_kept")
COPYING += ("lookahead", "lookahead_reset", "mars", "sophia", "sophia_paper")
COPYING += ("schedule_free_adamw", "schedule_free_sgd", "schedule_free_adamw_optax", "schedule_free_sgd_optax")
COPYING += ("schedule_free", "backtracking_linesearch", "zoom_linesearch", "zoom_linesearch_armijo")
COPYING += (
    "adahessian",
    "dadapt_lion",
    "dadapt_sgd",
    "diffgrad",
    "fira",
    "ftrl",
    "galore_adamw",
    "hypergradient_descent",
)
COPYING += ("pid", "schedule_free_radam", "primal_averaging")
# Conjugate gradients go on from where they ended in the step before.
COPYING += ("hessian_free", "natural_gradient", "natural_gradient_empirical")
# Blocks and matrices of several leaves are put together into one batch, and taken apart again.
COPYING += ("dion", "kl_shampoo", "kl_soap", "psgd_kron", "shampoo", "soap", "splus")
KEPT = [row.name for row in OPTIMIZERS if row.name in KNOWN and "muon" not in row.name and row.name not in COPYING]


@pytest.mark.parametrize("name", KEPT)
def test_no_elementwise_step_copies_a_donated_moment(name):
    assert KNOWN[name]["copies"] == 0
