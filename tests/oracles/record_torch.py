"""Record the trajectories of torch.optim that tests/test_oracles.py compares with.

Run as `python -m tests.oracles.record_torch`; needs torch (`pip install -e '.[test,torch]'`), which the tests do not.
With `--check`, compares instead of writing. Everything is float64, so agreement is a matter of formulas.
"""

import pathlib
import sys

import jax
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)

from tests import problems  # noqa: E402

STEPS = 25
FILE = pathlib.Path(__file__).with_name("torch.npz")


def main() -> None:
    """Record every optimizer, or compare with the file."""
    # torch's Muon iterates in bfloat16, whose rounding would hide a wrong formula: run the same code in float64.
    torch.Tensor.bfloat16 = torch.Tensor.clone
    found = {name: run(shapes, make) for name, (shapes, make) in optimizers().items()}
    if "--check" in sys.argv:
        kept = np.load(FILE)
        for name, value in found.items():
            np.testing.assert_allclose(value, kept[name], rtol=1e-12, err_msg=name)
        print(f"{len(found)} trajectories agree with {FILE.name} (torch {torch.__version__})")
    else:
        np.savez_compressed(FILE, **found)
        print(f"wrote {len(found)} trajectories to {FILE.name} (torch {torch.__version__})")


def optimizers():
    """Name -> (shapes, factory over a list of tensors), the settings of the rows in tests/table.py."""
    optim, shapes = torch.optim, problems.SHAPES

    def muon(tensors):
        matrices = [t for t in tensors if t.ndim == 2]
        rest = [t for t in tensors if t.ndim != 2]
        return [
            optim.Muon(matrices, lr=0.05, weight_decay=0.1, eps=1e-8),
            optim.AdamW(rest, lr=0.05, weight_decay=0.0),
        ]

    return {
        "sgd": (shapes, lambda t: [optim.SGD(t, lr=0.1)]),
        "momentum": (shapes, lambda t: [optim.SGD(t, lr=0.05, momentum=0.9)]),
        "nesterov": (shapes, lambda t: [optim.SGD(t, lr=0.05, momentum=0.8, nesterov=True)]),
        "adagrad": (shapes, lambda t: [optim.Adagrad(t, lr=0.5)]),
        "rmsprop": (shapes, lambda t: [optim.RMSprop(t, lr=0.01)]),
        "rmsprop_centered_momentum": (
            shapes,
            lambda t: [optim.RMSprop(t, lr=0.01, alpha=0.95, eps=1e-4, centered=True, momentum=0.9)],
        ),
        "adam": (shapes, lambda t: [optim.Adam(t, lr=0.05)]),
        "adam_l2": (shapes, lambda t: [optim.Adam(t, lr=0.05, weight_decay=0.1)]),
        "adamw": (shapes, lambda t: [optim.AdamW(t, lr=0.05, weight_decay=0.01)]),
        "muon": (shapes, muon),
        "muon_rms": (
            problems.MATRICES,
            lambda t: [
                optim.Muon(t, lr=0.05, weight_decay=0.0, nesterov=False, eps=1e-8, adjust_lr_fn="match_rms_adamw")
            ],
        ),
    }


def run(shapes, make) -> np.ndarray:
    """f64[steps, parameters]: the parameters after each step, leaf after leaf."""
    start = problems.params(shapes)
    # A torch weight is (out, in), a JAX kernel (in, out): matrices are transposed, which only Muon notices.
    tensors = [torch.tensor(np.asarray(x).T.copy()) for x in jax.tree.leaves(start)]
    opts, path = make(tensors), []
    for grads in problems.gradients(STEPS, start):
        for tensor, g in zip(tensors, jax.tree.leaves(grads), strict=True):
            tensor.grad = torch.tensor(np.asarray(g).T.copy())
        for opt in opts:
            opt.step()
        path.append(np.concatenate([t.detach().numpy().T.ravel() for t in tensors]))
    return np.stack(path)


if __name__ == "__main__":
    main()
