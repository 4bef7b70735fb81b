"""Moments of gradients in the state of any optimizer: found by the names of fields and by the parameters' shapes."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.tree import path_names
from jgd.core.types import Params, State

MOMENTS = frozenset(
    (
        *("mu", "nu", "nu_max", "trace", "ema", "m", "v", "n", "m1", "m2", "exp_avg", "exp_avg_sq", "sum_of_squares"),
        *("e_g", "e_x", "trace0", "trace1", "trace2", "even", "odd"),
    )
)
"""Names of the fields of states that hold moments of gradients. Others may be parameters, or exact by meaning."""


class StateArray(NamedTuple):
    """An array of a state: its path and field, the leaf that it is shaped like, and whether it is a moment."""

    path: Any
    name: str
    owner: int | None
    leaf: Any
    is_moment: bool
    may_be_coarse: bool  # a moment that is not made orthogonal, which would lift its rounding to full size


def state_arrays(state: State, params: Params) -> list[StateArray]:
    """Find the arrays of a state, each with the field that holds it and the parameter whose path and shape it has.

    Beneath its path an array may also hold its blocks, stacked, as SOAP's moments do: all of its entries and no more.
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    index = {path: i for i, (path, _) in enumerate(leaves)}
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        start, owner = _place(path, index)
        if owner is not None and not _shaped(leaf, leaves[owner][1], path[start:] in index):
            owner = None
        name = (path_names(path[:start]) or ("",))[-1]
        node = _node(state, path[: (start or 1) - 1])
        exact = owner is not None and name in getattr(type(node), "orthogonalized", ())
        is_moment = owner is not None and name in MOMENTS
        found.append(StateArray(path, name, owner, leaf, is_moment, is_moment and not exact))
    return found


def _place(path: Any, index: dict[Any, int]) -> tuple[int | None, int | None]:
    """Tell where in a state's path a parameter's begins, and that parameter; one that ends the path goes first."""
    for start in range(1, len(path) + 1):
        if path[start:] in index:
            return start, index[path[start:]]
    for start in range(1, len(path)):
        for end in range(start + 1, len(path)):
            if path[start:end] in index:
                return start, index[path[start:end]]
    return None, None


def _shaped(x: Any, p: Any, whole: bool) -> bool:
    shape = jnp.shape(p)
    return jnp.shape(x) == shape if whole else len(shape) > 1 and math.prod(jnp.shape(x)) == math.prod(shape)


def _node(tree: Any, path: Any) -> Any:
    """Return the node of a tree at a path, or `None` where its keys do not tell how it is reached."""
    for key in path:
        if hasattr(key, "name"):
            tree = getattr(tree, key.name, None)
        elif hasattr(key, "idx") or hasattr(key, "key"):
            at: Any = getattr(key, "idx", getattr(key, "key", None))
            tree = tree[at] if isinstance(tree, (tuple, list, dict)) else None
    return tree
