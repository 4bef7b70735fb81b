"""Rows of more rules that find their own rate, and of old rules beside them."""

import jgd
from tests.row import Row

OVERRIDES: dict = {
    "schedule_free_radam": {
        "make": lambda: jgd.schedule_free_radam(0.1, silent_sgd_phase=False),
        "state_bytes": 8,
        "scalar_bytes": 12,
    },
}

RECORDED = [
    Row(
        "schedule_free_radam_reference",
        lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5),
        reference="schedulefree:schedule_free_radam",
    ),
    Row(
        "schedule_free_radam_loud",
        lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5, silent_sgd_phase=False),
        reference="schedulefree:schedule_free_radam_loud",
    ),
]
