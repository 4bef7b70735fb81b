"""Structure that is not a number: pytrees of flags, functions of the parameters and dtypes as hashable values."""

import dataclasses
from collections.abc import Hashable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import ExpectationError


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
    return Frozen(tuple(bool(x) if _is_flag(x) else x for x in leaves), structure)


def thaw(tree: Any, params: Any) -> Any:
    """The pytree behind `frozen(tree)`; a function of the parameters is called with them."""
    if isinstance(tree, Frozen):
        return tree.tree
    return tree(params) if callable(tree) else tree


def dtype_name(dtype: Any) -> str | None:
    """A floating dtype as its name, which can be hashed, pickled and pasted back; `None` stays `None`."""
    if dtype is None:
        return None
    try:
        canonical = jax.dtypes.canonicalize_dtype(dtype)
    except TypeError:
        canonical = None
    if canonical is None or not jnp.issubdtype(canonical, jnp.inexact):
        raise ExpectationError(f"dtype={dtype!r}", "be a floating or complex dtype, such as float32 or 'bfloat16'")
    return np.dtype(canonical).name


def _is_flag(x: Any) -> bool:
    """Whether `x` is a boolean scalar whose value is known."""
    return getattr(x, "dtype", None) == np.bool_ and x.ndim == 0 and not isinstance(x, jax.core.Tracer)
