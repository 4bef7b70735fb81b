"""Record the newer kin of Adam, and its projections, from the authors' packages and from ports.

Run as `python -m tests.oracles.record_adamkin`; needs Python 3.12, torch and PACKAGES, which the tests do not.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import adam_atan2_pytorch
import adam_mini
import came_pytorch
import optimi
import pytorch_optimizer as po
from timm import optim as timm

from tests.oracles.recording import Case, main

PACKAGES = [
    "adam-atan2-pytorch",
    "adam-mini",
    "came-pytorch",
    "pytorch-optimizer",
    "timm",
    "torch-optimi",
]


def _mars(rate, **more):
    """The paper's corrected gradient for vectors as well, and its second decay."""
    return lambda t: timm.Mars(t, lr=rate, betas=(0.95, 0.99), optimize_1d=True, **more)


def _mini(*names):
    """By the names that its package goes by, in the order of the leaves; heads have 8 entries."""

    def make(tensors):
        named = [(name, t.requires_grad_()) for name, t in zip(names, tensors, strict=True)]
        return adam_mini.Adam_mini(named, lr=0.05, dim=4, n_heads=2, verbose=False)

    return make


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "adam-atan2-pytorch:adam_atan2": Case(lambda t: adam_atan2_pytorch.AdamAtan2(t, lr=0.05, b=0.8, weight_decay=0.1)),
    "adam-mini:adam_mini": Case(_mini("other", "scalar", "mlp")),
    "adam-mini:adam_mini_heads": Case(_mini("bias", "query"), {"query": (4, 6), "bias": (3,)}),
    "came-pytorch:came": Case(lambda t: came_pytorch.CAME(t, lr=0.05)),
    "pytorch-optimizer:ademamix_warmup": Case(lambda t: po.AdEMAMix(t, 0.05, t_alpha_beta3=60.0)),
    "timm:laprop": Case(lambda t: timm.LaProp(t, lr=0.05)),
    "timm:mars": Case(_mars(0.05)),
    "timm:mars_lion": Case(_mars(0.02, weight_decay=0.1, mars_type="lion")),
    "torch-optimi:stable_adamw": Case(lambda t: optimi.StableAdamW(t, lr=0.05, triton=False, foreach=False)),
}


if __name__ == "__main__":
    main("adamkin.npz", CASES, PACKAGES)
