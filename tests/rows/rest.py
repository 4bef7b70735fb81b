"""Rules beside Adam: what is declared about them with their defaults, and other settings that are recorded."""

import jgd
from tests import problems
from tests.row import Row

NO_SINGLES = {"w": (4, 3), "rest": [(3,), (2,)]}

OVERRIDES: dict = {
    "adabound": {"state_bytes": 8, "reference": "torch-optimizer:adabound"},
    "adamod": {  # whose rates begin at a thousandth
        "make": lambda: jgd.adamod(1.0),
        "state_bytes": 12,
        "reference": "torch-optimizer:adamod",
    },
    "adai": {  # pytorch-optimizer holds the mean above eps
        "make": lambda: jgd.adai(0.05, eps=0.0),
        "state_bytes": 12,
        "reference": "pytorch-optimizer:adai",
    },
    "adamp": {"state_bytes": 8, "reference": "timm:adamp"},
    "amos": {"state_bytes": 4, "reference": "pytorch-optimizer:amos"},
    "ano": {"make": lambda: jgd.ano(0.05), "state_bytes": 8, "reference": "pytorch-optimizer:ano"},
    "diffgrad": {"state_bytes": 12, "reference": "torch-optimizer:diffgrad"},
    "exadam": {"state_bytes": 8, "reference": "pytorch-optimizer:exadam"},
    "grams": {"state_bytes": 8, "reference": "pytorch-optimizer:grams"},
    "padam": {"state_bytes": 8, "reference": "pytorch-optimizer:padam"},
    "pnm": {"state_bytes": 8, "reference": "pytorch-optimizer:pnm"},
    "racs": {"make": lambda: jgd.racs(1.0), "state_bytes": 8 / 64, "reference": "pytorch-optimizer:racs"},
    "sgd_sai": {  # of one entry, there is no deviation
        "shapes": NO_SINGLES,
        "state_bytes": 4,
        "reference": "sgd_sai:sgd_sai",
    },
    "sgdp": {"state_bytes": 4, "reference": "timm:sgdp"},
    "tam": {"state_bytes": 8, "reference": "pytorch-optimizer:tam"},
    "tiger": {"state_bytes": 4, "reference": "pytorch-optimizer:tiger"},
}

RECORDED = [
    Row(
        "adabound_amsgrad",
        lambda: jgd.adabound(0.05, gamma=0.02, amsgrad=True),
        reference="torch-optimizer:adabound_amsgrad",
    ),
    Row(  # some outputs are projected, some arrays whole, and some not
        "adamp_options",
        lambda: jgd.adamp(0.05, 0.8, 0.99, 1e-6, 0.1, 1.5, 0.2, True),
        reference="timm:adamp_options",
    ),
    Row(
        "sgdp_options",
        lambda: jgd.sgdp(0.05, 0.9, 0.1, 0.1, 1.5, 0.2, True, 1e-6),
        reference="timm:sgdp_options",
    ),
    Row(
        "amos_momentum",
        lambda: jgd.amos(0.05, 0.9, 0.8, 0.0, 0.5, 0.4),
        reference="pytorch-optimizer:amos_momentum",
    ),
    Row(  # this one's momentum begins at zero, and its vectors have no deviation
        "sgd_sai_matrices",
        lambda: jgd.sgd_sai(0.05, 0.0),
        shapes=problems.MATRICES,
        reference="pytorch-optimizer:sgd_sai",
    ),
]
