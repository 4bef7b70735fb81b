"""Record the trajectories of averages, hyperballs and corrections that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_corrections`; needs torch and PACKAGES, which the tests do not. With `--check`,
compares.
"""

import os
import sys
import types

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step
# emerging-optimizers imports Triton, which a CPU's torch has not: an empty module, whose kernels nothing here runs.
sys.modules["emerging_optimizers.triton_kernels"] = types.ModuleType("triton_kernels")

import heavyball  # noqa: E402
from emerging_optimizers.orthogonalized_optimizers import MuonHyperball, muon_utils  # noqa: E402
from timm.optim import adamw, lion  # noqa: E402

from tests import problems  # noqa: E402
from tests.oracles.recording import Case, main  # noqa: E402

heavyball.utils.compile_mode = None

PACKAGES = ["emerging-optimizers", "heavyball", "timm"]
HEAVY = {"compile_step": False, "storage_dtype": "float64"}


def _muon_hyperball(tensors):
    """Its iteration refuses float64, so the package's own step is repeated here."""
    opt = MuonHyperball(tensors, lr=0.05, momentum=0.95, weight_decay=0.0)

    def orthogonal(x):
        flat = x.mT if x.shape[0] > x.shape[1] else x
        flat = flat / flat.norm()
        for _ in range(5):
            flat = muon_utils.newton_schulz_step(flat, *muon_utils._COEFFICIENT_SETS["simple"][0])
        return flat.mT if x.shape[0] > x.shape[1] else flat

    opt.scaled_orthogonalize_fn = orthogonal
    return opt


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "emerging-optimizers:hyperball_muon": Case(_muon_hyperball, problems.MATRICES),
    "heavyball:add_cautious_decayed_weights": Case(
        lambda t: heavyball.AdamW(
            t, lr=0.05, betas=(0.9, 0.999), eps=1e-15, weight_decay=0.1, cautious_weight_decay=True, **HEAVY
        )
    ),
    "heavyball:hyperball": Case(lambda t: heavyball.HyperBallAdamW(t, lr=0.05, betas=(0.9, 0.999), eps=1e-15, **HEAVY)),
    "timm:cautious": Case(lambda t: adamw.AdamWLegacy(t, lr=0.05, weight_decay=0.01, caution=True)),
    "timm:cautious_lion": Case(lambda t: lion.Lion(t, lr=0.02, weight_decay=1e-3, caution=True)),
}


if __name__ == "__main__":
    main("corrections.npz", CASES, PACKAGES)
