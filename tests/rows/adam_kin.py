"""Adam's kin: what is declared about them with their defaults, and rows for other settings."""

import optax

import jgd
from tests.row import Row

OVERRIDES: dict = {name: {"state_bytes": 8} for name in ("adabelief", "adamax", "adamaxw", "radam", "yogi")}
OVERRIDES |= {name: {"state_bytes": 8} for name in ("lamb", "acprop")}
OVERRIDES |= {
    "adan": {  # optax's form; the paper's is in tests/optimizers/test_adan.py
        "make": lambda: jgd.adan(0.05, one_minus_b2=True),
        "state_bytes": 16,
        "same_state": False,  # optax calls the counter t
    },
    "lars": {"make": lambda: jgd.lars(5.0), "oracle": lambda: optax.lars(5.0), "state_bytes": 4},
    "novograd": {"state_bytes": None},
}

ROWS = [
    Row(
        "adabelief_nesterov",
        lambda: jgd.adabelief(0.05, 0.8, 0.99, 1e-3, 1e-4, nesterov=True),
        lambda: optax.adabelief(0.05, 0.8, 0.99, 1e-3, 1e-4, nesterov=True),
        state_bytes=8,
    ),
    Row(
        "radam_nesterov",
        lambda: jgd.radam(0.05, 0.8, 0.99, 1e-3, 1e-4, 4.5, nesterov=True),
        lambda: optax.radam(0.05, 0.8, 0.99, 1e-3, 1e-4, 4.5, nesterov=True),
        state_bytes=8,
    ),
    Row(
        "scale_by_yogi",
        lambda: jgd.scale_by_yogi(0.8, 0.99, 1e-2, 1e-3, 0.1),
        lambda: optax.scale_by_yogi(0.8, 0.99, 1e-2, 1e-3, 0.1),
        state_bytes=8,
        descends=False,
        complex=False,  # its first moment starts off zero
    ),
]
