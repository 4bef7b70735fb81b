"""Record the trajectories of rules beside Adam that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_rest`; needs torch and PACKAGES, which the tests do not. `--check` compares.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import pytorch_optimizer as po
import sgd_sai
import torch_optimizer as to
from timm import optim as timm

from tests import problems
from tests.oracles.recording import Case, main
from tests.rows.rest import NO_SINGLES

PACKAGES = ["pytorch-optimizer", "sgd_sai", "timm", "torch-optimizer"]
PROJECTED = {"weight_decay": 0.1, "delta": 1.5, "wd_ratio": 0.2, "nesterov": True}

# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "pytorch-optimizer:adai": Case(lambda t: po.Adai(t, 0.05, eps=0.0)),
    "pytorch-optimizer:amos": Case(lambda t: po.Amos(t, 0.05)),
    "pytorch-optimizer:amos_momentum": Case(lambda t: po.Amos(t, 0.05, 0.9, momentum=0.8, c_coef=0.5, d_coef=0.4)),
    "pytorch-optimizer:ano": Case(lambda t: po.Ano(t, 0.05)),
    "pytorch-optimizer:exadam": Case(lambda t: po.EXAdam(t, 0.05)),
    "pytorch-optimizer:grams": Case(lambda t: po.Grams(t, 0.05)),
    "pytorch-optimizer:padam": Case(po.PAdam),
    "pytorch-optimizer:pnm": Case(lambda t: po.PNM(t, 0.05)),
    "pytorch-optimizer:racs": Case(lambda t: po.RACS(t, 1.0)),
    "pytorch-optimizer:sgd_sai": Case(lambda t: po.SGDSaI(t, 0.05, momentum=0.0, weight_decay=0.0), problems.MATRICES),
    "pytorch-optimizer:tam": Case(lambda t: po.TAM(t, 0.05)),
    "pytorch-optimizer:tiger": Case(lambda t: po.Tiger(t, 0.05, weight_decay=0.0)),
    "sgd_sai:sgd_sai": Case(lambda t: sgd_sai.SGD_sai(t, 0.05, weight_decay=0.0), NO_SINGLES),
    "timm:adamp": Case(lambda t: timm.AdamP(t, 0.05)),
    "timm:adamp_options": Case(lambda t: timm.AdamP(t, 0.05, (0.8, 0.99), 1e-6, **PROJECTED)),
    "timm:sgdp": Case(lambda t: timm.SGDP(t, 0.05)),
    "timm:sgdp_options": Case(lambda t: timm.SGDP(t, 0.05, 0.9, 0.1, eps=1e-6, **PROJECTED)),
    "torch-optimizer:adabound": Case(lambda t: to.AdaBound(t, 0.05)),
    "torch-optimizer:adabound_amsgrad": Case(lambda t: to.AdaBound(t, 0.05, gamma=0.02, amsbound=True)),
    "torch-optimizer:adamod": Case(lambda t: to.AdaMod(t, 1.0)),
    "torch-optimizer:diffgrad": Case(lambda t: to.DiffGrad(t, 0.05)),
}


if __name__ == "__main__":
    main("rest.npz", CASES, PACKAGES)
