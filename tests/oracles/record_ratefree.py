"""Record what finds its own rate, and old rules beside it, by the authors' packages, by ports and by transcriptions.

Run as `python -m tests.oracles.record_ratefree`; see tests/oracles/record_reference.py.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import dadaptation
import dog
import pytorch_optimizer as po
import schedulefree
import torch
import torch_optimizer as to
from qhoptim import pyt as qhoptim

from tests import problems
from tests.oracles.recording import Case, main
from tests.oracles.transcriptions.adahessian import adahessian
from tests.oracles.transcriptions.hypergradient_descent import hypergradient_descent
from tests.oracles.transcriptions.osgm import osgm
from tests.rows.ratefree import KERNELS, curvature

PACKAGES = ["dadaptation", "dog-optimizer", "pytorch-optimizer", "qhoptim", "schedulefree", "torch-optimizer"]


def _free_radam(t, silent=True):
    return schedulefree.RAdamScheduleFree(
        t, lr=0.05, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.01, r=0.5, silent_sgd_phase=silent
    )


class _Transcribed:
    """A transcription as an optimizer of torch: `path` makes the parameters after each step of all gradients so far."""

    def __init__(self, tensors, path):
        self.tensors, self.path, self.gradients = tensors, path, []
        self.start = [t.numpy().T.copy() for t in tensors]

    def step(self):
        self.gradients.append([t.grad.numpy().T.copy() for t in self.tensors])
        for tensor, new in zip(self.tensors, self.path(self.start, self.gradients)[-1], strict=True):
            tensor.copy_(torch.tensor(new.T.copy()))


def _osgm(start, gradients):
    curvatures = [1 + 3 * i / len(start) for i in range(len(start))]
    return osgm(start, curvatures, len(gradients), 0.02, 0.7)


def _give_curvature(opt, value):
    """Give the diagonal of the bowl's Hessian, at every step."""
    tensors = opt.param_groups[0]["params"]
    opt.step(hessian=[torch.full_like(p, 1 + 3 * i / len(tensors)) for i, p in enumerate(tensors)])


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "dadaptation:dadapt_adagrad": Case(  # over random gradients its distance does not grow
        lambda t: dadaptation.DAdaptAdaGrad(t, 0.9, momentum=0.5, eps=1e-3, d0=0.01), objective=problems.bowl
    ),
    "dadaptation:dadapt_lion": Case(lambda t: dadaptation.DAdaptLion(t, 0.3, (0.8, 0.95), 0.01, d0=0.1)),
    "dadaptation:dadapt_sgd": Case(lambda t: dadaptation.DAdaptSGD(t, 0.1, momentum=0.5, d0=0.1)),
    "dog-optimizer:ldog": Case(lambda t: dog.LDoG(t, reps_rel=0.1, lr=0.5, weight_decay=0.01)),
    "dog-optimizer:ldog_first": Case(lambda t: dog.LDoG(t, lr=0.5, init_eta=0.01)),
    "paper:adahessian": Case(
        lambda t: _Transcribed(t, lambda p, g: adahessian(p, g, curvature, 0.05, 0.9, 0.99, 1e-8, 0.5, 0.01)), KERNELS
    ),
    "paper:hypergradient_descent": Case(
        lambda t: _Transcribed(t, lambda p, g: hypergradient_descent(p, g, 0.05, 1e-4))
    ),
    "paper:osgm": Case(lambda t: _Transcribed(t, _osgm), objective=problems.bowl),
    "pytorch-optimizer:adahessian": Case(lambda t: po.AdaHessian(t, lr=0.1), loss=problems.bowl, give=_give_curvature),
    "pytorch-optimizer:ftrl": Case(lambda t: po.FTRL(t, 0.5, beta=0.3, lambda_1=0.4, lambda_2=0.1)),
    "pytorch-optimizer:gravity": Case(lambda t: po.Gravity(t, 0.05, alpha=0.0)),
    "pytorch-optimizer:kate": Case(lambda t: po.Kate(t, 0.05, 0.1)),
    "pytorch-optimizer:msvag": Case(lambda t: po.MSVAG(t, 0.05)),
    "qhoptim:qhadam": Case(lambda t: qhoptim.QHAdam(t, 0.05, (0.995, 0.999), (0.7, 0.8))),
    "qhoptim:qhm": Case(lambda t: qhoptim.QHM(t, 0.05, 0.999, 0.7)),
    "schedulefree:schedule_free_radam": Case(_free_radam),
    "schedulefree:schedule_free_radam_average": Case(_free_radam, average=True),
    "schedulefree:schedule_free_radam_loud": Case(lambda t: _free_radam(t, False)),
    "torch-optimizer:a2grad": Case(to.A2GradUni),
    "torch-optimizer:a2grad_exp": Case(lambda t: to.A2GradExp(t, rho=0.7)),
    "torch-optimizer:a2grad_inc": Case(to.A2GradInc),
    "torch-optimizer:accsgd": Case(lambda t: to.AccSGD(t, 0.01)),
    "torch-optimizer:aggmo": Case(lambda t: to.AggMo(t, 0.01)),
    "torch-optimizer:pid": Case(lambda t: to.PID(t, 0.001, momentum=0.9)),
}


if __name__ == "__main__":
    main("ratefree.npz", CASES, PACKAGES)
