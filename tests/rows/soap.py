"""Rows of SOAP and Shampoo."""

import jgd
from tests.row import Row

TENSORS = {"w": (4, 3), "rest": [(2,), (4, 3, 5), (4, 7)]}  # a vector of two, as its first factor has rank 1


def _shampoo(name, **settings):
    return Row(
        name,
        lambda: jgd.shampoo(0.05, merge_dims=False, stagger=False, **settings),
        reference=f"pytorch-optimizer:{name}",
        shapes=TENSORS,
    )


OVERRIDES = {
    "soap": {
        "make": lambda: jgd.soap(0.05, stagger=False),
        "reference": "pytorch-optimizer:soap",
        "state_bytes": None,  # by blocks: tests/optimizers/test_soap.py
        "complex": False,
        "same_state": False,
        "rounding": 100,  # the square root of v where the basis leaves little of the gradient
    },
    "shampoo": {
        "make": lambda: jgd.shampoo(0.05, block_size=3, grafting="rmsprop", merge_dims=False, stagger=False),
        "reference": "pytorch-optimizer:shampoo",
        "state_bytes": None,
        "complex": False,
        "same_state": False,
        "rounding": 100,
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
    _shampoo("shampoo_sgd", grafting="sgd"),
    _shampoo("shampoo_adagrad", grafting="adagrad", precondition_frequency=1),
    _shampoo("shampoo_adam", block_size=3),
    _shampoo("shampoo_none", grafting=None, b1=0.5, b2=0.9, block_size=3),
]
