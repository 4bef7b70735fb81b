"""Values as messages and prints show them: arrays by dtype and shape, never whole."""

from typing import Any

import jax
import numpy as np

from jgd.core.tree import name_of

WHOLE = 8  # entries of an array that is still printed as it is


class Outline:
    """Prints as the dtype and the shape of an array."""

    def __init__(self, array: Any) -> None:
        self._text = f"{array.dtype}{list(array.shape)}"

    def __repr__(self) -> str:
        return self._text


def brief(tree: Any) -> Any:
    """The same tree with an `Outline` in place of every array of more than a few entries, to be printed."""
    return jax.tree.map(lambda x: Outline(x) if isinstance(x, (jax.Array, np.ndarray)) and x.size > WHOLE else x, tree)


def outlined(value: Any) -> str:
    """A value as an error shows it: an array by its type and shape, a tree by those of its leaves."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, (dict, list, tuple)):
        return f"a {type(value).__name__} holding {outline(value)}"
    return f"{value!r} ({type(value).__name__})"


def outline(tree: Any) -> str:
    """The leaves of a tree with their paths, arrays by type and shape."""
    return ", ".join(f"{name_of(p)}: {outlined(x)}" for p, x in jax.tree_util.tree_leaves_with_path(tree)) or "nothing"
