"""Structure that is not a number: pytrees of flags, functions of the parameters and dtypes as hashable values."""

import dataclasses
from collections.abc import Hashable
from typing import Any

import jax
import numpy as np


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A pytree of hashable leaves (a mask, labels) as one hashable value, so that it can be structure."""

    leaves: tuple[Hashable, ...]
    structure: Any

    @property
    def tree(self) -> Any:
        """The pytree itself."""
        return jax.tree.unflatten(self.structure, self.leaves)

    def __repr__(self) -> str:
        return repr(self.tree)


def frozen(tree: Any) -> Any:
    """`tree` as a hashable value; functions, strings, flags and `None` pass unchanged."""
    if tree is None or isinstance(tree, (Frozen, str, bool)) or (callable(tree) and jax.tree_util.all_leaves([tree])):
        return tree
    leaves, structure = jax.tree.flatten(tree)
    return Frozen(tuple(bool(x) if isinstance(x, np.bool_) else x for x in leaves), structure)


def thaw(tree: Any, params: Any) -> Any:
    """The pytree behind `frozen(tree)`; a function of the parameters is called with them."""
    if isinstance(tree, Frozen):
        return tree.tree
    return tree(params) if callable(tree) else tree


def dtype_name(dtype: Any) -> str | None:
    """A dtype as its name, which can be hashed, pickled and pasted back; `None` stays `None`."""
    return None if dtype is None else np.dtype(jax.dtypes.canonicalize_dtype(dtype)).name
