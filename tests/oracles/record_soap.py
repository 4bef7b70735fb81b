"""Record SOAP and Shampoo of pytorch-optimizer, whose SOAP factorises in float32: here in float64, with its own code.

Its Shampoo has no graft of Adam's size: it gets RMSProp's with the second moment's bias divided out.

Run as `python -m tests.oracles.record_soap`, like record_reference. No first
gradient leaves out several dimensions, in which its eigenvectors would be arbitrary.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import pytorch_optimizer as po
import torch
from pytorch_optimizer.optimizer import soap as po_soap
from pytorch_optimizer.optimizer.utils.graft import RMSPropGraft

from tests.oracles.recording import Case, main
from tests.rows.soap import TENSORS


class _Double:
    """torch with float64 in float32's place."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


po_soap.torch = _Double()


class _AdamGraft(RMSPropGraft):
    """A size of g / (sqrt(v / (1 - b2^t)) + eps)."""

    bias = 1.0  # b2^t

    def add_statistics(self, grad, beta2):
        super().add_statistics(grad, beta2)
        self.bias *= beta2

    def precondition_gradient(self, grad):
        return grad / ((self.statistics / (1 - self.bias)).sqrt() + self.diagonal_eps)


class _AdamGrafted(po.ScalableShampoo):
    """The package's with that graft."""

    def init_group(self, group, **kwargs):
        super().init_group(group, **kwargs)
        for p in group["params"]:
            if not isinstance(self.state[p]["graft"], _AdamGraft):
                self.state[p]["graft"] = _AdamGraft(p, self.diagonal_eps)


def _shampoo(tensors, graft, make=po.ScalableShampoo, **settings):
    settings = {"start_preconditioning_step": 1, "preconditioning_compute_steps": 10, "block_size": 1024} | settings
    return make(
        tensors,
        0.05,
        graft_type=graft,
        nesterov=False,
        shape_interpretation=False,
        use_svd=True,
        **settings,
    )


CASES = {
    "pytorch-optimizer:soap": Case(lambda t: po.SOAP(t, 0.05)),
    "pytorch-optimizer:soap_options": Case(
        lambda t: po.SOAP(
            t,
            0.05,
            (0.9, 0.99),
            0.8,
            0.1,
            precondition_frequency=3,
            max_precondition_dim=4,
            precondition_1d=True,
            correct_bias=False,
            normalize_gradient=True,
            eps=1e-3,
        ),
        TENSORS,
    ),
    "pytorch-optimizer:shampoo_sgd": Case(lambda t: _shampoo(t, 1), TENSORS),
    "pytorch-optimizer:shampoo": Case(lambda t: _shampoo(t, 3, block_size=3)),
    "pytorch-optimizer:shampoo_adagrad": Case(lambda t: _shampoo(t, 2, preconditioning_compute_steps=1), TENSORS),
    "pytorch-optimizer:shampoo_adam": Case(lambda t: _shampoo(t, 3, _AdamGrafted, block_size=3), TENSORS),
    "pytorch-optimizer:shampoo_none": Case(lambda t: _shampoo(t, 0, betas=(0.5, 0.9), block_size=3), TENSORS),
}


if __name__ == "__main__":
    main("soap.npz", CASES, ["pytorch-optimizer"])
