"""Rows of more rules that find their own rate, and of old rules beside them, with the settings that were recorded."""

import jgd
from tests import problems
from tests.row import Row

OVERRIDES: dict = {
    "schedule_free_radam": {
        "make": lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5, silent_sgd_phase=False),
        "reference": "schedulefree:schedule_free_radam_loud",
        "state_bytes": 8,
        "scalar_bytes": 12,
    },
    "ldog": {
        "make": lambda: jgd.ldog(0.5, 0.1, weight_decay=0.01),
        "reference": "dog-optimizer:ldog",
        "state_bytes": 4,
        "scalar_bytes": 8,
    },
    "dadapt_sgd": {
        "make": lambda: jgd.dadapt_sgd(0.1, 0.5, 0.1),
        "reference": "dadaptation:dadapt_sgd",
        "state_bytes": 8,
        "scalar_bytes": 12,
    },
    "dadapt_lion": {
        "make": lambda: jgd.dadapt_lion(0.3, 0.8, 0.95, 0.1, 0.01),
        "reference": "dadaptation:dadapt_lion",
        "state_bytes": 8,
        "scalar_bytes": 8,
    },
    "dadapt_adagrad": {
        "make": lambda: jgd.dadapt_adagrad(0.9, 0.5, 1e-3, 0.01),
        "reference": "dadaptation:dadapt_adagrad",
        "state_bytes": 12,
        "scalar_bytes": 8,
        "objective": problems.bowl,  # over random gradients its distance does not grow
    },
}

RECORDED = [
    Row(
        "schedule_free_radam_silent",
        lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5),
        reference="schedulefree:schedule_free_radam",
    ),
    Row("ldog_first", lambda: jgd.ldog(0.5, init_eta=0.02), reference="dog-optimizer:ldog_first"),
]
