"""Record SPlus, PSGD-Kron and the KL methods, by ports and by transcriptions.

Run as `python -m tests.oracles.record_kron`; see tests/oracles/record_reference.py.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import jax
import kron_torch.kron
import numpy as np
import pytorch_optimizer as po
import torch

from tests.oracles.recording import Case, main
from tests.oracles.transcriptions import Transcribed
from tests.oracles.transcriptions.kl_methods import kl_shampoo, kl_soap
from tests.rows.recorded import NO_SCALARS

PACKAGES = ["kron-torch", "pytorch-optimizer"]


class _Draws:
    """The draws of jgd's key, in place of the package's own: of step t whether to balance, and v of each leaf."""

    def __init__(self, tensors, key):
        self.key, self.t = jax.random.split(jax.random.key(key))[1], 0
        shapes = [tuple(p.shape[::-1]) or (1,) for p in tensors]
        self.index = {shape: i for i, shape in enumerate(dict.fromkeys(shapes))}
        assert len(self.index) == len(shapes)  # one leaf of each shape

    def random(self):
        """Draw what the package balances by, once a step."""
        self.t += 1
        self.step_key = jax.random.fold_in(self.key, self.t)
        return float(jax.random.uniform(self.step_key, (2,))[1])

    def normal(self, like):
        shape = tuple(like.shape[::-1]) or (1,)
        v = jax.random.normal(jax.random.fold_in(self.step_key, self.index[shape]), shape)
        return torch.tensor(np.asarray(v).T.reshape(like.shape).copy())


def _kron(tensors, key=0, mode=None, scale=1.0):
    opt = kron_torch.Kron(
        tensors,
        lr=0.05,
        preconditioner_update_probability=1.0,
        memory_save_mode=mode,
        precond_init_scale=scale,
        precond_dtype=torch.float64,
    )
    opt.rng = _Draws(tensors, key)
    calculate = kron_torch.kron._calc_A_and_conjB

    def with_draws(expression, momentum, factors):
        normal, torch.randn_like = torch.randn_like, opt.rng.normal
        try:  # of a copy: the package leaves its damping in the momentum, which is then stepped along
            return calculate(expression, momentum.clone(), factors)
        finally:
            torch.randn_like = normal

    opt.fit = with_draws
    return opt


def _give_kron(opt, value):
    calculate, kron_torch.kron._calc_A_and_conjB = kron_torch.kron._calc_A_and_conjB, opt.fit
    try:
        opt.step()
    finally:
        kron_torch.kron._calc_A_and_conjB = calculate


def _splus(tensors):
    return po.SPlus(tensors, 0.5, (0.9, 0.99), 0.1, inverse_steps=10, nonstandard_constant=0.1, ema_rate=0.95)


# "package:optimizer"; the settings are those of the rows that name them. kron-torch fails on scalars.
CASES = {
    "kron-torch:psgd_kron": Case(_kron, NO_SCALARS, loss=lambda p: 0.0, give=_give_kron),
    "kron-torch:psgd_kron_diagonal": Case(
        lambda t: _kron(t, 3, "one_diag", 0.5), NO_SCALARS, loss=lambda p: 0.0, give=_give_kron
    ),
    "paper:kl_shampoo": Case(lambda t: Transcribed(t, kl_shampoo, rate=0.05, decay=0.1)),
    "paper:kl_soap": Case(lambda t: Transcribed(t, kl_soap, rate=0.05)),
    "paper:kl_soap_uncorrected": Case(lambda t: Transcribed(t, kl_soap, rate=0.05, bias_correction=False)),
    "pytorch-optimizer:splus": Case(_splus),
    "pytorch-optimizer:splus_average": Case(_splus, average=True),
}


if __name__ == "__main__":
    main("kron.npz", CASES, PACKAGES)
