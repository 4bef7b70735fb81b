"""Run optimizers of torch over the gradients of tests/problems.py, and write or compare what they did.

Everything is float64, so agreement is a matter of formulas.
"""

import importlib.metadata
import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)  # some packages make scalars of their own
# Some compute in a smaller type, whose rounding would hide a wrong formula: run the same code in float64.
torch.Tensor.bfloat16 = torch.Tensor.clone
torch.Tensor.float = torch.Tensor.double

from tests import problems  # noqa: E402


class Case(NamedTuple):
    """An optimizer of torch, and what it runs on."""

    make: Callable  # of a list of tensors: an optimizer, or several that share them
    shapes: object = problems.SHAPES
    loss: Callable | None = None  # of a tree of parameters: what `step` is given, by `give`
    give: Callable = lambda opt, loss: opt.step(loss=torch.tensor(loss))
    objective: Callable | None = None  # whose gradients it follows, in place of random ones
    average: bool = False  # show the parameters that are evaluated


def main(name: str, cases: dict[str, Case], packages: Iterable[str]) -> None:
    """Record every case with the packages' versions, or with `--check` compare with the file."""
    file = pathlib.Path(__file__).with_name(name)
    found: Any = {key: run(case) for key, case in cases.items()}
    versions = [f"{package} {importlib.metadata.version(package).partition('+')[0]}" for package in packages]
    if "--check" in sys.argv:
        kept = np.load(file)
        for key, value in found.items():
            np.testing.assert_allclose(value, kept[key], rtol=1e-12, err_msg=key)
        print(f"{len(found)} trajectories agree with {name} ({', '.join(versions)})")
    else:
        np.savez_compressed(file, versions=np.array(versions), **found)
        print(f"wrote {len(found)} trajectories to {name} ({', '.join(versions)})")


def run(case: Case) -> np.ndarray:
    """f64[kept, parameters]: the parameters after each step of `problems.KEPT`, leaf after leaf."""
    start = problems.params(case.shapes)
    leaves, structure = jax.tree.flatten(start)
    # A torch weight is (out, in), a JAX kernel (in, out): matrices are transposed, which a few optimizers notice.
    tensors = [torch.tensor(np.asarray(x).T.copy()) for x in leaves]
    made, path = case.make(tensors), []
    opts = made if isinstance(made, list) else [made]

    def now():
        return structure.unflatten([t.detach().numpy().T.copy() for t in tensors])

    for grads in problems.gradients(problems.STEPS, start):
        if hasattr(opts[0], "train"):
            opts[0].train()
        if case.objective:
            grads = jax.grad(case.objective)(now())
        for tensor, g in zip(tensors, jax.tree.leaves(grads), strict=True):
            tensor.grad = torch.tensor(np.asarray(g).T.copy())  # a fresh one: some optimizers overwrite or keep it
        for opt in opts:
            case.give(opt, float(case.loss(now()))) if case.loss else opt.step()
        if case.average:
            opts[0].eval()
        path.append(np.concatenate([np.ravel(x) for x in jax.tree.leaves(now())]))
    return np.stack(path)[problems.KEPT]
