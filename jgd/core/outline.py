"""Values as messages and prints show them: arrays by dtype and shape, never whole."""

import contextlib
import inspect
from typing import Any

import jax
import jax.core
import numpy as np

from jgd.core.tree import name_of

WHOLE = 8  # entries of an array that is still printed as it is
LONGEST = 80  # characters of a value in an error


class Outline:
    """Prints as the dtype and the shape of an array."""

    def __init__(self, array: Any) -> None:
        self._text = f"{array.dtype}{list(array.shape)}"

    def __repr__(self) -> str:
        return self._text


class Number:
    """Prints an array that is a number as that number, as it is written in a call."""

    def __init__(self, array: Any) -> None:
        self._text = str(np.asarray(array))

    def __repr__(self) -> str:
        return self._text


def brief(tree: Any) -> Any:
    """Return the same tree to be printed: long arrays by dtype and shape, and those that are a number as the number."""
    return jax.tree.map(_brief, tree)


def _brief(x: Any) -> Any:
    if not isinstance(x, (jax.Array, np.ndarray, np.number)) or (isinstance(x, jax.core.Tracer) and not x.ndim):
        return x
    return Number(x) if not x.ndim else Outline(x) if x.size > WHOLE else x


def shown(value: Any) -> str:
    """Show a value in an error: arrays by dtype and shape, a function with its arguments, the rest by its repr, cut."""
    if _is_array(value):
        return repr(Outline(value))
    if inspect.isfunction(value):
        bare = [one.replace(annotation=one.empty) for one in inspect.signature(value).parameters.values()]
        return _cut(f"{value.__qualname__.rpartition('<locals>.')[2]}{inspect.Signature(bare)}")
    with contextlib.suppress(TypeError, ValueError):  # it is no tree, such as a dict whose keys have no order
        value = jax.tree.map(lambda x: Outline(x) if _is_array(x) else x, value)
    return _cut(repr(value))


def outline(tree: Any) -> str:
    """Return the leaves of a tree with their paths, arrays by type and shape."""
    return ", ".join(f"{name_of(p)}: {shown(x)}" for p, x in jax.tree_util.tree_leaves_with_path(tree)) or "nothing"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _is_array(x: Any) -> bool:
    """Tell whether it is shown by its shape: an array of any size, or a number that has no value yet."""
    if not (hasattr(x, "shape") and hasattr(x, "dtype")) or isinstance(x, type):
        return False
    return bool(x.shape) or isinstance(x, (jax.core.Tracer, jax.ShapeDtypeStruct))
