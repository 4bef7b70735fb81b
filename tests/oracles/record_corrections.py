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

import dog  # noqa: E402
import heavyball  # noqa: E402
import pytorch_optimizer as po  # noqa: E402
import schedulefree  # noqa: E402
import torch  # noqa: E402
from emerging_optimizers.orthogonalized_optimizers import MuonHyperball, muon_utils  # noqa: E402
from timm.optim import adamw, lion  # noqa: E402
from torch.optim.swa_utils import AveragedModel  # noqa: E402
from zclip import ZClip  # noqa: E402

from tests import problems  # noqa: E402
from tests.oracles.recording import Case, main  # noqa: E402
from tests.oracles.transcriptions.extragradient import extragradient  # noqa: E402
from tests.oracles.transcriptions.lawa import lawa as paper_lawa  # noqa: E402
from tests.oracles.transcriptions.primal_averaging import primal_averaging  # noqa: E402

heavyball.utils.compile_mode = None

PACKAGES = [
    "dog-optimizer",
    "emerging-optimizers",
    "heavyball",
    "pytorch-optimizer",
    "schedulefree",
    "timm",
    "torch",
    "zclip",
]
HEAVY = {"compile_step": False, "storage_dtype": "float64"}


def _muon_hyperball(tensors):
    """Repeat the package's own step, since its iteration refuses float64."""
    opt = MuonHyperball(tensors, lr=0.05, momentum=0.95, weight_decay=0.0)

    def orthogonal(x):
        flat = x.mT if x.shape[0] > x.shape[1] else x
        flat = flat / flat.norm()
        for _ in range(5):
            flat = muon_utils.newton_schulz_step(flat, *muon_utils._COEFFICIENT_SETS["simple"][0])
        return flat.mT if x.shape[0] > x.shape[1] else flat

    opt.scaled_orthogonalize_fn = orthogonal
    return opt


class _Replayed:
    """A transcription, given all gradients so far at each step, as an optimizer of torch."""

    def __init__(self, tensors, transcription, *settings):
        self.tensors, self.transcription, self.settings = tensors, transcription, settings
        self.start, self.gradients = [t.numpy().copy() for t in tensors], []

    def step(self):
        self.gradients.append([t.grad.numpy().copy() for t in self.tensors])
        points, averages = self.transcription(self.start, self.gradients, *self.settings)
        self.points, self.averages = points[-1], averages[-1]
        self.train()

    def train(self):
        self.show(self.points if self.gradients else self.start)

    def eval(self):
        self.show(self.averages)

    def show(self, values):
        for t, x in zip(self.tensors, values, strict=True):
            t.copy_(torch.tensor(x))


class _Averaged:
    """Gradient descent whose parameters a package averages: `track(model, step)` makes or updates the average."""

    def __init__(self, tensors, track):
        self.tensors, self.track, self.steps = tensors, track, 0
        self.model = torch.nn.Module()
        self.model.many = torch.nn.ParameterList([torch.nn.Parameter(t.clone(), False) for t in tensors])
        self.mean = None

    def step(self):
        for own, t in zip(self.model.many, self.tensors, strict=True):
            own.sub_(0.1 * t.grad)
        self.steps += 1
        self.mean = self.track(self.model, self.mean, self.steps)
        self.train()

    def train(self):
        for own, t in zip(self.model.many, self.tensors, strict=True):
            t.copy_(own)

    def eval(self):
        many = list(self.mean.parameters()) if self.mean is not None else self.model.many
        for own, t in zip(many, self.tensors, strict=True):
            t.copy_(own)


def _ema(model, mean, step):
    decay = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    mean = mean or AveragedModel(model, multi_avg_fn=decay)
    mean.update_parameters(model)
    return mean


def _swa(model, mean, step):
    if step > 4 and (step - 4) % 3 == 0:
        mean = mean or AveragedModel(model)
        mean.update_parameters(model)
    return mean


def _polynomial():
    kept = []

    def track(model, mean, step):
        if not kept:
            kept.append(dog.PolynomialDecayAverager(model, 8.0))
        kept[0].step()
        return kept[0].averaged_model

    return track


class _Zclipped(torch.optim.SGD):
    """Gradient descent after the package's clipping, which asks a module for its parameters."""

    def __init__(self, tensors):
        super().__init__(tensors, lr=0.1)
        self.tensors, self.clip = tensors, ZClip(warmup_steps=9, z_thresh=0.5)

    def parameters(self):
        return iter(self.tensors)

    def modules(self):
        return iter(())

    def step(self):
        self.clip.step(self)
        super().step()


def _bowl(many):
    """Return the gradients of `problems.bowl`."""
    return [(1 + 3 * i / len(many)) * (x - 1) for i, x in enumerate(many)]


def _give_closure(opt, value):
    tensors = opt.param_groups[0]["params"]

    def closure():
        for t, g in zip(tensors, _bowl([t.detach() for t in tensors]), strict=True):
            t.grad = g

    opt.step(closure)


def _free(t):
    return schedulefree.SGDScheduleFree(t, lr=0.05, momentum=0.8, weight_lr_power=0.0)


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "dog-optimizer:polynomial_average": Case(lambda t: _Averaged(t, _polynomial())),
    "dog-optimizer:polynomial_average_average": Case(lambda t: _Averaged(t, _polynomial()), average=True),
    "paper:extragradient": Case(lambda t: _Replayed(t, extragradient, 0.1, _bowl)),
    "paper:lawa": Case(lambda t: _Replayed(t, paper_lawa, 0.1, 3, 2)),
    "paper:lawa_average": Case(lambda t: _Replayed(t, paper_lawa, 0.1, 3, 2), average=True),
    "paper:primal_averaging": Case(lambda t: _Replayed(t, primal_averaging, 0.1, 0.9, 0.8)),
    "paper:primal_averaging_average": Case(lambda t: _Replayed(t, primal_averaging, 0.1, 0.9, 0.8), average=True),
    "pytorch-optimizer:adagc": Case(lambda t: po.AdaGC(t, lr=0.05, warmup_steps=9, weight_decay=0.0, eps=1e-15)),
    "pytorch-optimizer:asam": Case(
        lambda t: po.SAM(t, torch.optim.SGD, rho=0.5, adaptive=True, lr=0.1, momentum=0.9),
        loss=problems.bowl,
        give=_give_closure,
    ),
    "pytorch-optimizer:grokfast_ema": Case(
        lambda t: po.GrokFastAdamW(t, lr=0.05, normalize_lr=False, weight_decay=0.0, eps=1e-15)
    ),
    "pytorch-optimizer:orthogonalize_gradients": Case(lambda t: po.OrthoGrad(torch.optim.SGD(t, lr=0.1))),
    "schedulefree:primal_averaging": Case(_free),
    "schedulefree:primal_averaging_average": Case(_free, average=True),
    "zclip:zclip": Case(_Zclipped),
    "torch:ema_params": Case(lambda t: _Averaged(t, _ema)),
    "torch:ema_params_average": Case(lambda t: _Averaged(t, _ema), average=True),
    "torch:swa": Case(lambda t: _Averaged(t, _swa)),
    "torch:swa_average": Case(lambda t: _Averaged(t, _swa), average=True),
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
