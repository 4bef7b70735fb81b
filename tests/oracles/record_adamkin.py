"""Record the newer kin of Adam, and its projections, from the authors' packages and from ports.

Run as `python -m tests.oracles.record_adamkin`; needs Python 3.12, torch and PACKAGES, which the tests do not.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import adam_atan2_pytorch
import adam_mini
import apollo_torch
import came_pytorch
import fira
import galore_torch
import jax
import numpy as np
import optimi
import pytorch_optimizer as po
import torch
from apollo_torch import random_projector
from timm import optim as timm

from tests.oracles.recording import Case, main

PACKAGES = [
    "adam-atan2-pytorch",
    "adam-mini",
    "apollo-torch",
    "came-pytorch",
    "fira",
    "galore-torch",
    "pytorch-optimizer",
    "timm",
    "torch-optimi",
]


def _mars(rate, **more):
    """Return the paper's corrected gradient for vectors as well, and its second decay."""
    return lambda t: timm.Mars(t, lr=rate, betas=(0.95, 0.99), optimize_1d=True, **more)


def _mini(*names):
    """By the names that its package goes by, in the order of the leaves; heads have 8 entries."""

    def make(tensors):
        named = [(name, t.requires_grad_()) for name, t in zip(names, tensors, strict=True)]
        return adam_mini.Adam_mini(named, lr=0.05, dim=4, n_heads=2, verbose=False)

    return make


def _low_rank(make, **settings):
    """Matrices in two directions, and the others as they are; singular vectors are taken once."""
    settings = {"rank": 2, "update_proj_gap": 200, "proj_type": "std"} | settings

    def opt(tensors):
        for t in tensors:
            t.requires_grad_()  # APOLLO counts these, and its seeds
        matrices, rest = ([t for t in tensors if (t.ndim == 2) == wanted] for wanted in (True, False))
        groups = [{"params": rest}, {"params": matrices} | settings]
        return make(groups, lr=0.05, weight_decay=0.1, no_deprecation_warning=True)

    return opt


def _jgd_draw(shape, seed, device, dtype):
    """Draw as jgd does for its third leaf, by the package's seeds: 3 at first, as the matrix comes last."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 2), seed - 3)
    side = max(shape)
    draw = torch.tensor(np.array(jax.random.normal(key, (side, 2), "float64")))
    return draw if shape[0] == side else draw.T


random_projector.stable_randn = _jgd_draw
random_projector.next_seed = lambda seed: seed + 1


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "adam-atan2-pytorch:adam_atan2": Case(lambda t: adam_atan2_pytorch.AdamAtan2(t, lr=0.05, b=0.8, weight_decay=0.1)),
    "adam-mini:adam_mini": Case(_mini("other", "scalar", "mlp")),
    "adam-mini:adam_mini_heads": Case(_mini("bias", "query"), {"query": (4, 6), "bias": (3,)}),
    "apollo-torch:apollo": Case(
        _low_rank(apollo_torch.APOLLOAdamW, update_proj_gap=30, proj="random", scale=4.0, scale_type="channel")
    ),
    "apollo-torch:apollo_svd": Case(_low_rank(apollo_torch.APOLLOAdamW, proj="svd", scale=4.0, scale_type="tensor")),
    "came-pytorch:came": Case(lambda t: came_pytorch.CAME(t, lr=0.05)),
    "fira:fira": Case(_low_rank(fira.FiraAdamW, alpha=0.8)),
    "galore-torch:galore_adamw": Case(_low_rank(galore_torch.GaLoreAdamW, scale=0.25)),
    "pytorch-optimizer:ademamix_warmup": Case(lambda t: po.AdEMAMix(t, 0.05, t_alpha_beta3=60.0)),
    "timm:laprop": Case(lambda t: timm.LaProp(t, lr=0.05)),
    "timm:mars": Case(_mars(0.05)),
    "timm:mars_lion": Case(_mars(0.02, weight_decay=0.1, mars_type="lion")),
    "torch-optimi:stable_adamw": Case(lambda t: optimi.StableAdamW(t, lr=0.05, triton=False, foreach=False)),
}


if __name__ == "__main__":
    main("adamkin.npz", CASES, PACKAGES)
