"""Record the trajectories of averages, hyperballs and corrections that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_corrections`; needs torch and PACKAGES, which the tests do not. With `--check`,
compares.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import heavyball
from timm.optim import adamw, lion

from tests.oracles.recording import Case, main

heavyball.utils.compile_mode = None

PACKAGES = ["heavyball", "timm"]
HEAVY = {"compile_step": False, "storage_dtype": "float64"}

# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "heavyball:add_cautious_decayed_weights": Case(
        lambda t: heavyball.AdamW(
            t, lr=0.05, betas=(0.9, 0.999), eps=1e-15, weight_decay=0.1, cautious_weight_decay=True, **HEAVY
        )
    ),
    "timm:cautious": Case(lambda t: adamw.AdamWLegacy(t, lr=0.05, weight_decay=0.01, caution=True)),
    "timm:cautious_lion": Case(lambda t: lion.Lion(t, lr=0.02, weight_decay=1e-3, caution=True)),
}


if __name__ == "__main__":
    main("corrections.npz", CASES, PACKAGES)
