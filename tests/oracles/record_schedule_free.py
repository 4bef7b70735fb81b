"""Record the trajectories of the authors' `schedulefree` that tests/optimizers/test_schedule_free.py compares with.

Run as `python -m tests.oracles.record_schedule_free`; needs torch and schedulefree (1.4.1), which the tests do not.
Everything is float64, so agreement is a matter of formulas.
"""

import pathlib

import jax
import numpy as np
import schedulefree
import torch

jax.config.update("jax_enable_x64", True)

from tests import problems  # noqa: E402

STEPS = 12
FILE = pathlib.Path(__file__).with_name("schedule_free.npz")
MAKERS = {
    "sgd": lambda t: schedulefree.SGDScheduleFree(t, lr=0.5, momentum=0.8, weight_decay=0.01, warmup_steps=5),
    "adamw": lambda t: schedulefree.AdamWScheduleFree(
        t, lr=0.05, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.01, warmup_steps=5
    ),
}


def main() -> None:
    """Record the parameters that are trained and those that are evaluated, f64[2, steps, parameters]."""
    np.savez_compressed(FILE, **{name: run(make) for name, make in MAKERS.items()})


def run(make) -> np.ndarray:
    """The parameters after each step in both modes, leaf after leaf."""
    start = problems.params()
    tensors = [torch.tensor(np.array(x)) for x in jax.tree.leaves(start)]
    opt, path = make(tensors), ([], [])
    for grads in problems.gradients(STEPS, start):
        opt.train()
        for tensor, g in zip(tensors, jax.tree.leaves(grads), strict=True):
            tensor.grad = torch.tensor(np.array(g))  # a fresh one: the optimizer overwrites it
        opt.step()
        path[0].append(np.concatenate([t.detach().numpy().ravel() for t in tensors]))
        opt.eval()
        path[1].append(np.concatenate([t.detach().numpy().ravel() for t in tensors]))
    return np.array(path)


if __name__ == "__main__":
    main()
