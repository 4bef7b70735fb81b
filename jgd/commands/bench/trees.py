"""Parameter trees to step on, as shapes: known models, so many parameters, or a user's own."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.errors import InputError, unknown
from jgd.core.tree import check_inexact, tree_bytes
from jgd.core.user_code import attempt, look_up
from jgd.measure.steps import num_parameters

WIDTH = 1024  # columns of the matrices that a number of parameters is made of
SIZE = re.compile(r"(\d+(?:\.\d+)?(?:e\d+)?)(?:x(\d+))?", re.IGNORECASE)


class Tree(NamedTuple):
    """Parameters by name, of which only shapes and dtypes matter."""

    name: str
    params: Any

    @property
    def parameters(self) -> int:
        """Entries of all leaves."""
        return num_parameters(self.params)

    def as_json(self) -> dict[str, Any]:
        """Return its name and its sizes."""
        leaves = len(jax.tree.leaves(self.params))
        return {"name": self.name, "parameters": self.parameters, "leaves": leaves, "bytes": tree_bytes(self.params)}


def gpt2_small() -> Any:
    """Make 124 million float32 parameters in 148 leaves: GPT-2 small, its output tied to its embedding."""
    width, norm = 768, lambda: {"scale": (768,), "bias": (768,)}
    blocks = {
        f"h{i}": {
            "ln_1": norm(),
            "attn": {"c_attn": _dense(width, 3 * width), "c_proj": _dense(width, width)},
            "ln_2": norm(),
            "mlp": {"c_fc": _dense(width, 4 * width), "c_proj": _dense(4 * width, width)},
        }
        for i in range(12)
    }
    return _shapes({"wte": (50257, width), "wpe": (1024, width), **blocks, "ln_f": norm()})


def resnet50() -> Any:
    """Make 25.6 million float32 parameters in 161 leaves: ResNet-50, whose kernels are (height, width, in, out)."""

    def conv(size: int, inputs: int, outputs: int) -> dict[str, Any]:
        return {"kernel": (size, size, inputs, outputs), "bn": {"scale": (outputs,), "bias": (outputs,)}}

    tree, inputs = {"conv1": conv(7, 3, 64)}, 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(blocks):
            layers = {"a": conv(1, inputs, width), "b": conv(3, width, width), "c": conv(1, width, 4 * width)}
            if block == 0:
                layers["downsample"] = conv(1, inputs, 4 * width)
            tree[f"layer{stage + 1}_{block}"], inputs = layers, 4 * width
    return _shapes({**tree, "fc": _dense(2048, 1000)})


def mlp() -> Any:
    """Make 0.7 million float32 parameters in 6 leaves: 784-512-512-10, small enough for any cache."""
    return _shapes({"hidden0": _dense(784, 512), "hidden1": _dense(512, 512), "head": _dense(512, 10)})


KNOWN: dict[str, Callable[[], Any]] = {"gpt2-small": gpt2_small, "resnet50": resnet50, "mlp": mlp}


def load_tree(text: str) -> Tree:
    """Make the tree that `--params` means: known, `1e8` parameters, `1e8x64` in 64 leaves, or `file.py:params`."""
    if text in KNOWN:
        return Tree(text, KNOWN[text]())
    if found := SIZE.fullmatch(text):
        return Tree(text, _equal_leaves(text, float(found[1]), int(found[2] or 1)))
    if ":" not in text:
        error = str(unknown("--params", text, KNOWN)).rstrip(".")
        raise InputError(
            f"{error}; or so many parameters, as 1e8 or 1e8x64 for 64 leaves; or your own, file.py:params."
        )
    params = look_up("--params", text)
    if callable(params):
        params = attempt(f"--params {text}: calling it", params)
    check_inexact(f"--params {text}", params)
    if not num_parameters(params):
        raise InputError(f"--params {text}: the tree has no parameters; expected arrays, or their shapes.")
    return Tree(text, jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), params))


def _equal_leaves(text: str, size: float, leaves: int) -> Any:
    each = int(size) // max(leaves, 1)
    if each < 1 or not leaves:
        raise InputError(f"--params {text}: expected at least one leaf, and one parameter in each.")
    shape = (each // WIDTH, WIDTH) if each >= WIDTH**2 and each % WIDTH == 0 else (each,)
    return _shapes({f"leaf{i}": shape for i in range(leaves)})


def _dense(inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {"kernel": (inputs, outputs), "bias": (outputs,)}


def _shapes(tree: Any) -> Any:
    return jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32), tree, is_leaf=lambda x: isinstance(x, tuple)
    )
