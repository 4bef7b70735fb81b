"""Record the trajectories of torch.optim that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_torch`; needs torch (`pip install -e '.[test,torch]'`), which the tests do not.
With `--check`, compares instead of writing.
"""

import torch
from torch import optim

from tests import problems
from tests.oracles.recording import Case, main
from tests.rows.recorded import gentle


def _muon(tensors):
    matrices = [t for t in tensors if t.ndim == 2]
    rest = [t for t in tensors if t.ndim != 2]
    return [optim.Muon(matrices, lr=0.05, weight_decay=0.1, eps=1e-8), optim.AdamW(rest, lr=0.05, weight_decay=0.0)]


def _lbfgs(tensors):
    """Return one iteration a step, with a step length that is given: the search is another one."""
    return optim.LBFGS(tensors, lr=0.2, max_iter=1, history_size=3, tolerance_grad=0.0, tolerance_change=0.0)


def _give_closure(opt, loss):
    opt.step(lambda: torch.tensor(loss))


def _rms(**more):
    return lambda t: optim.RMSprop(t, lr=0.01, **more)


# The settings are those of the rows that name them.
CASES = {
    "sgd": Case(lambda t: optim.SGD(t, lr=0.1)),
    "momentum": Case(lambda t: optim.SGD(t, lr=0.05, momentum=0.9)),
    "nesterov": Case(lambda t: optim.SGD(t, lr=0.05, momentum=0.8, nesterov=True)),
    "adagrad": Case(lambda t: optim.Adagrad(t, lr=0.5)),
    "rmsprop": Case(_rms()),
    "rmsprop_centered_momentum": Case(_rms(alpha=0.95, eps=1e-4, centered=True, momentum=0.9)),
    "adam": Case(lambda t: optim.Adam(t, lr=0.05)),
    "adam_l2": Case(lambda t: optim.Adam(t, lr=0.05, weight_decay=0.1)),
    "adamw": Case(lambda t: optim.AdamW(t, lr=0.05, weight_decay=0.01)),
    "amsgrad": Case(lambda t: optim.Adam(t, lr=0.05, eps=0.0, amsgrad=True)),
    # A decay so large makes the momentum's schedule the constant of Dozat's first algorithm.
    "nadam": Case(lambda t: optim.NAdam(t, lr=0.05, momentum_decay=1e9)),
    "nadamw": Case(
        lambda t: optim.NAdam(t, lr=0.05, momentum_decay=1e9, weight_decay=1e-4, decoupled_weight_decay=True)
    ),
    "radam": Case(lambda t: optim.RAdam(t, lr=0.05, eps=0.0)),
    "adamax": Case(lambda t: optim.Adamax(t, lr=0.05)),
    "adadelta": Case(lambda t: optim.Adadelta(t, lr=20.0, rho=0.8, eps=1e-4, weight_decay=0.1)),
    "rprop": Case(lambda t: optim.Rprop(t, lr=0.05, etas=(0.4, 1.5), step_sizes=(0.01, 0.3))),
    "adafactor": Case(lambda t: optim.Adafactor(t, lr=0.1, eps=(1e-30, 1e-3), d=1.1, weight_decay=0.0)),
    "muon": Case(_muon),
    "muon_rms": Case(
        lambda t: optim.Muon(t, lr=0.05, weight_decay=0.0, nesterov=False, eps=1e-8, adjust_lr_fn="match_rms_adamw"),
        problems.MATRICES,
    ),
    "lbfgs": Case(_lbfgs, loss=gentle, give=_give_closure, objective=gentle),
}


if __name__ == "__main__":
    main("torch.npz", CASES, ["torch"])
