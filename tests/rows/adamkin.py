"""Newer kin of Adam, and its projections: what is declared about them, and settings that are recorded."""

import jgd
from tests.row import Row

OVERRIDES: dict = {
    # Their own rates are too small for 60 steps.
    "mars": {"make": lambda: jgd.mars(0.05), "state_bytes": 12, "reference": "timm:mars"},
    "laprop": {"make": lambda: jgd.laprop(0.05), "state_bytes": 8, "reference": "timm:laprop"},
    "stable_adamw": {"state_bytes": 8, "reference": "torch-optimi:stable_adamw"},
    "adam_atan2": {
        "make": lambda: jgd.adam_atan2(0.05, b=0.8, weight_decay=0.1),
        "state_bytes": 8,
        "complex": False,
        "reference": "adam-atan2-pytorch:adam_atan2",
    },
    "adam_mini": {"state_bytes": None, "reference": "adam-mini:adam_mini"},
    "galore_adamw": {
        "make": lambda: jgd.galore_adamw(0.05, 2, weight_decay=0.1),
        "state_bytes": None,
        "reference": "galore-torch:galore_adamw",
    },
    "fira": {
        "make": lambda: jgd.fira(0.05, 2, scale=0.8, weight_decay=0.1),
        "state_bytes": None,
        "reference": "fira:fira",
    },
    "apollo": {  # the package is given the same draws
        "make": lambda: jgd.apollo(0.05, 2, 30, 4.0, weight_decay=0.1),
        "state_bytes": None,
        "reference": "apollo-torch:apollo",
    },
    "came": {"state_bytes": None, "reference": "came-pytorch:came"},
}

RECORDED = [
    Row(
        "adam_mini_heads",
        lambda: jgd.adam_mini(0.05, blocks=jgd.mini_blocks_by_path({"query": jgd.mini_blocks(1, 3)})),
        shapes={"query": (4, 6), "bias": (3,)},
        reference="adam-mini:adam_mini_heads",
    ),
    Row(
        "apollo_svd",
        lambda: jgd.apollo(0.05, 2, scale=4.0, projection="svd", scale_type="tensor", weight_decay=0.1),
        reference="apollo-torch:apollo_svd",
    ),
    Row("mars_lion", lambda: jgd.mars(0.02, weight_decay=0.1, base="lion"), reference="timm:mars_lion"),
    Row(
        "ademamix_warmup",
        lambda: jgd.ademamix(0.05, warmup_steps=60.0),
        reference="pytorch-optimizer:ademamix_warmup",
    ),
]
