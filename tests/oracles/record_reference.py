"""Record the trajectories of the authors' own packages, and of ports, that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_reference`; needs Python 3.12, torch and PACKAGES, which the tests do not.
galore-torch and pytorch-optimizer import transformers and bitsandbytes, and timm torchvision. With `--check`, compares.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import adabelief_pytorch
import dadaptation
import dog
import dowg
import galore_torch
import lion_pytorch
import momo
import parameterfree
import prodigyopt
import pytorch_optimizer as po
import schedulefree
import torch
import torch_optimizer as to
from emerging_optimizers.scalar_optimizers.update_functions import calculate_sim_ademamix_update
from timm import optim as timm

from tests.oracles.recording import Case, main
from tests.rows.recorded import NO_SCALARS, loss

PACKAGES = [
    "adabelief-pytorch",
    "dadaptation",
    "dog-optimizer",
    "dowg",
    "emerging-optimizers",
    "galore-torch",
    "lion-pytorch",
    "momo-opt",
    "parameterfree",
    "prodigyopt",
    "pytorch-optimizer",
    "schedulefree",
    "timm",
    "torch-optimizer",
]


def _galore(tensors):
    groups = [
        {"params": [t for t in tensors if t.ndim < 2]},
        {"params": [t for t in tensors if t.ndim == 2], "rank": 2, "update_proj_gap": 200, "scale": 0.25}
        | {"proj_type": "std"},
    ]
    return galore_torch.GaLoreAdamW(groups, lr=0.05, eps=0.0, no_deprecation_warning=True)


class _SimplifiedAdEMAMix(torch.optim.Optimizer):
    """Descends by emerging-optimizers' update, which has no optimizer of its own."""

    def step(self):
        for p in self.param_groups[0]["params"]:
            moments = self.state[p].setdefault("moments", [torch.zeros_like(p), torch.zeros_like(p)])
            u = calculate_sim_ademamix_update(p.grad, *moments, **self.param_groups[0]["settings"])
            p.sub_(self.param_groups[0]["lr"] * u)


def _simplified_ademamix(tensors):
    settings = {"betas": (0.99, 0.95), "eps": 0.0, "correct_bias": False, "alpha": 2.0, "step": 1}
    settings |= {"num_beta_fast_warmup_steps": None, "min_beta_fast": 0.9}
    return _SimplifiedAdEMAMix(tensors, {"lr": 0.0005, "settings": settings})


def _give_hessian(opt, value):
    """Give the diagonal of the loss's Hessian, when it is due: without draws."""
    group = opt.param_groups[0]
    due, tensors = group.get("step", 0) % 10 == 0, group["params"]
    curvatures = [torch.full_like(p, 1 + 3 * i / len(tensors)) for i, p in enumerate(tensors)]
    opt.step(hessian=curvatures if due else None)


def _give_closure(opt, value):
    opt.step(lambda: value)


def _free_sgd(t):
    return schedulefree.SGDScheduleFree(t, lr=0.5, momentum=0.8, weight_decay=0.01, warmup_steps=5)


def _free_adamw(t):
    return schedulefree.AdamWScheduleFree(t, lr=0.05, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.01, warmup_steps=5)


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "adabelief-pytorch:adabelief": Case(
        lambda t: adabelief_pytorch.AdaBelief(t, lr=0.05, rectify=False, print_change_log=False)
    ),
    "dadaptation:dadapt_adamw": Case(
        lambda t: dadaptation.DAdaptAdam(
            t, 0.9, (0.8, 0.99), 1e-6, 0.01, decouple=True, use_bias_correction=True, d0=0.1
        )
    ),
    "dog-optimizer:dog": Case(lambda t: dog.DoG(t, reps_rel=0.1, lr=0.5)),
    # The package's epsilon is 1 minus the argument; it clips gradients unless told not to, and fails on scalars.
    "dowg:dowg": Case(lambda t: dowg.ScalarDoWG(t, eps=1 - 1e-4, clip=1e9), NO_SCALARS, loss=loss, give=_give_closure),
    "emerging-optimizers:simplified_ademamix": Case(_simplified_ademamix),
    "galore-torch:galore": Case(_galore),
    "lion-pytorch:lion": Case(lambda t: lion_pytorch.Lion(t, lr=0.02, weight_decay=1e-3)),
    "momo-opt:momo": Case(lambda t: momo.Momo(t, 0.3, 0.1, 0.8, 0.4, use_fstar=True), loss=loss),
    "momo-opt:momo_adam": Case(
        lambda t: momo.MomoAdam(t, 0.05, (0.8, 0.99), 1e-3, 0.1, 0.4, use_fstar=True), loss=loss
    ),
    "parameterfree:cocob": Case(parameterfree.COCOB),
    "prodigyopt:prodigy": Case(
        lambda t: prodigyopt.Prodigy(t, 0.9, (0.8, 0.99), 0.9, 1e-6, 0.01, True, True, True, d0=0.1, d_coef=0.8)
    ),
    "pytorch-optimizer:adamaxw": Case(lambda t: po.AdaMax(t, 0.05, weight_decay=1e-4, weight_decouple=True)),
    "pytorch-optimizer:ademamix": Case(lambda t: po.AdEMAMix(t, 0.05)),
    "pytorch-optimizer:fromage": Case(lambda t: po.Fromage(t, 0.05)),
    "pytorch-optimizer:polyak_sgd": Case(lambda t: po.AliG(t, 1.0), loss=loss, give=_give_closure),
    "pytorch-optimizer:sign_sgd": Case(lambda t: po.SignSGD(t, 0.05, momentum=0.0)),
    # The package's threshold is in units of gamma, and so are its rate, eps and decay.
    "pytorch-optimizer:sophia": Case(
        lambda t: po.SophiaH(t, 0.05 / 0.8, (0.965, 0.99), 1e-4 * 0.8, p=0.8, eps=1e-8 / 0.8),
        loss=loss,
        give=_give_hessian,
    ),
    "pytorch-optimizer:signum": Case(lambda t: po.SignSGD(t, 0.05, momentum=0.9)),
    "pytorch-optimizer:sm3": Case(lambda t: po.SM3(t, 0.05, momentum=0.9, eps=1e-8)),
    "schedulefree:schedule_free_sgd": Case(_free_sgd),
    "schedulefree:schedule_free_adamw": Case(_free_adamw),
    "schedulefree:schedule_free_sgd_average": Case(_free_sgd, average=True),
    "schedulefree:schedule_free_adamw_average": Case(_free_adamw, average=True),
    "timm:adan": Case(lambda t: timm.Adan(t, lr=0.05, weight_decay=0.02, no_prox=True)),
    "timm:adopt": Case(lambda t: timm.Adopt(t, lr=0.05, clip_exp=0.25)),  # the paper's exponent; timm's is 0.333
    "timm:lamb": Case(lambda t: timm.Lamb(t, lr=0.05, weight_decay=0.02, max_grad_norm=None)),
    "timm:lars": Case(lambda t: timm.Lars(t, lr=5.0, momentum=0.9, eps=0.0, always_adapt=True)),
    "timm:madgrad": Case(lambda t: timm.MADGRAD(t, lr=0.05)),
    "timm:novograd": Case(lambda t: timm.NvNovoGrad(t, lr=0.05, betas=(0.9, 0.25), eps=1e-6, weight_decay=0.02)),
    "timm:rmsprop": Case(lambda t: timm.RMSpropTF(t, lr=0.01, alpha=0.8, eps=1e-4, momentum=0.9)),
    "torch-optimizer:yogi": Case(lambda t: to.Yogi(t, lr=0.05)),
}


if __name__ == "__main__":
    main("reference.npz", CASES, PACKAGES)
