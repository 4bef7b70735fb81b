"""Rows of SPlus, PSGD-Kron and the KL methods."""

import jgd
from tests.row import Row
from tests.rows.recorded import NO_SCALARS

_MATRIX = {"complex": False, "same_state": False}

OVERRIDES = {
    "kl_shampoo": {
        "make": lambda: jgd.kl_shampoo(0.05, weight_decay=0.1),
        "reference": "paper:kl_shampoo",
        "state_bytes": 4 + 8 + 4 * 65 / 64 + 8 / 64,  # momentum, bases, folded factors, eigenvalues
        **_MATRIX,
    },
    "kl_soap": {
        "make": lambda: jgd.kl_soap(0.05),
        "reference": "paper:kl_soap",
        "state_bytes": 8 + 8 + 4 * 65 / 64 + 8 / 64,
        **_MATRIX,
    },
    "psgd_kron": {
        "make": lambda: jgd.psgd_kron(0.05, preconditioner_update_probability=1.0),
        "reference": "kron-torch:psgd_kron",
        "state_bytes": 4 + 8,
        "shapes": NO_SCALARS,
        **_MATRIX,
    },
    "splus": {
        "make": lambda: jgd.splus(
            0.5, b2=0.99, weight_decay=0.1, precondition_frequency=10, nonstandard_constant=0.1, ema_rate=0.95
        ),
        "reference": "pytorch-optimizer:splus",
        "state_bytes": 4 + 8 + 4 * 65 / 64 + 4,  # and the average
        "passes": 4,
        **_MATRIX,
    },
}

RECORDED = [
    Row(
        "kl_soap_uncorrected",
        lambda: jgd.kl_soap(0.05, bias_correction=False),
        reference="paper:kl_soap_uncorrected",
    ),
    Row(
        "psgd_kron_diagonal",
        lambda: jgd.psgd_kron(
            0.05,
            preconditioner_update_probability=1.0,
            memory_save_mode="one_diag",
            preconditioner_init_scale=0.5,
            key=3,
        ),
        reference="kron-torch:psgd_kron_diagonal",
        shapes=NO_SCALARS,
    ),
]
