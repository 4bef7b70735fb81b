"""Rows of SOAP and Shampoo."""

import jgd
from tests.row import Row

SQUARES = {"w": (4, 4), "rest": [(3,), ()]}
TENSORS = {"w": (4, 4), "rest": [(2,), (4, 3, 5), (4, 7)]}  # a vector of two, as its first factor has rank 1

OVERRIDES = {
    "soap": {
        "make": lambda: jgd.soap(0.05, stagger=False),
        "reference": "pytorch-optimizer:soap",
        "shapes": SQUARES,
        "state_bytes": None,  # by blocks: tests/optimizers/test_soap.py
        "complex": False,
        "same_state": False,
        "rounding": 100,  # bases of four dimensions
    },
}

RECORDED = [
    Row(
        "soap_options",
        lambda: jgd.soap(
            0.05,
            0.9,
            0.99,
            0.8,
            1e-3,
            0.1,
            precondition_frequency=3,
            max_precondition_dim=4,
            precondition_1d=True,
            bias_correction=False,
            normalize_grads=True,
            stagger=False,
        ),
        reference="pytorch-optimizer:soap_options",
        shapes=TENSORS,
    ),
]
