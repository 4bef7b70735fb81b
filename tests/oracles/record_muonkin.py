"""Record the trajectories of Muon's kin that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_muonkin`; needs torch and PACKAGES, which the tests do not. `--check` compares.
"""

import os
import sys
import types

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step
# emerging-optimizers imports Triton, which a CPU's torch has not: an empty module, whose kernels nothing here runs.
sys.modules["emerging_optimizers.triton_kernels"] = types.ModuleType("triton_kernels")

import pytorch_optimizer as po  # noqa: E402
import torch  # noqa: E402
from emerging_optimizers import orthogonalized_optimizers as eo  # noqa: E402
from pytorch_optimizer.optimizer.scion import LMONorm  # noqa: E402
from pytorch_optimizer.optimizer.utils import matrix  # noqa: E402

from tests import problems  # noqa: E402
from tests.oracles.recording import Case, main  # noqa: E402
from tests.oracles.transcriptions import Transcribed  # noqa: E402
from tests.oracles.transcriptions.adamuon import adamuon  # noqa: E402
from tests.oracles.transcriptions.dion import dion  # noqa: E402
from tests.rows.muonkin import HEADS, bases, largest_logits  # noqa: E402

PACKAGES = ["emerging-optimizers", "pytorch-optimizer"]
# The same code in float64.
torch.float32 = torch.float64
_iteration = matrix.zero_power_via_newton_schulz_5
_iteration.__defaults__ = (*_iteration.__defaults__[:-1], torch.float64)


def _kinds(tensors):
    return [t for t in tensors if t.ndim == 2], [t for t in tensors if t.ndim != 2]


def _beside_adamw(make):
    """Return a rule for the matrices, and AdamW for the rest."""

    def both(tensors):
        matrices, rest = _kinds(tensors)
        return [make(matrices), torch.optim.AdamW(rest, lr=0.05, weight_decay=0.0)]

    return both


def _normuon(tensors, eps=0.0, **more):
    return po.NorMuon([{"params": tensors, "use_muon": True}], lr=0.05, eps=eps, foreach=False, **more)


def _muon(coefficients, steps):
    return Case(
        lambda t: eo.Muon(
            t,
            0.05,
            0.95,
            0.0,
            fp32_matmul_prec="highest",
            coefficient_type=coefficients,
            num_ns_steps=steps,
            scale_mode="shape_scaling",
        ),
        problems.MATRICES,
    )


def _scion(norm, **more):
    return Case(
        lambda t: po.SCION(t, 0.05, 0.1, norm_type=norm, weight_decay=0.1, foreach=False, **more), problems.MATRICES
    )


def _clip(tensors):
    named = [
        {"params": [t], "use_muon": True, "qk_clip": role, "attention_name": "attention"}
        for t, role in zip(tensors, ("key", "query"), strict=True)
    ]
    return po.MuonClip(named, lr=0.0, qk_clip_threshold=0.9, qk_clip_alpha=0.25)


def _give_logits(opt, value):
    k, q = (group["params"][0].T.numpy() for group in opt.param_groups)
    opt.step(attention_max_logits={"attention": torch.tensor(largest_logits(q, k))})


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "emerging-optimizers:muon_polar_express": _muon("polar_express", 5),
    "emerging-optimizers:muon_cans": _muon("cans", 5),
    "emerging-optimizers:muon_aol": _muon("aol", 4),
    "emerging-optimizers:muon_deepseekv4": _muon("deepseekv4", 10),
    "emerging-optimizers:muon_dion": _muon("quintic", 5),
    "emerging-optimizers:adamuon_unsigned": Case(
        lambda t: eo.AdaptiveMuon(
            t,
            0.05,
            0.95,
            0.1,
            fp32_matmul_prec="highest",
            coefficient_type="simple",
            scale_mode="shape_scaling",
            eps=0.0,
        ),
        problems.MATRICES,
    ),
    "emerging-optimizers:scion_spectral": Case(
        lambda t: eo.Scion(t, 0.05, 0.9, fp32_matmul_prec="highest", coefficient_type="simple", spectral_radius=2.0),
        problems.MATRICES,
    ),
    "paper:adamuon": Case(_beside_adamw(lambda t: Transcribed(t, adamuon, rate=0.05))),
    "paper:dion": Case(_beside_adamw(lambda t: Transcribed(t, dion, rate=0.05, bases=bases(problems.SHAPES)))),
    "paper:dion_matrices": Case(
        lambda t: Transcribed(t, dion, rate=0.05, bases=bases(problems.MATRICES, rank_fraction=0.6), decay=0.1, mu=0.8),
        problems.MATRICES,
    ),
    "pytorch-optimizer:normuon": Case(_beside_adamw(lambda t: _normuon(t, 1e-8, update_scale="match_rms"))),
    "pytorch-optimizer:normuon_norm": Case(
        lambda t: _normuon(t, momentum=0.8, beta2=0.9, weight_decay=0.1, nesterov=False), problems.MATRICES
    ),
    "pytorch-optimizer:qk_clip": Case(_clip, HEADS, give=_give_logits, loss=lambda p: 0.0),
    "pytorch-optimizer:scion": Case(lambda t: po.SCION(t, 0.05, constraint=True, foreach=False)),
    "pytorch-optimizer:scion_sign": _scion(LMONorm.SIGN, scale=3.0),
    "pytorch-optimizer:scion_col": _scion(LMONorm.COL),
    "pytorch-optimizer:scion_row": _scion(LMONorm.ROW),
}


if __name__ == "__main__":
    main("muonkin.npz", CASES, PACKAGES)
