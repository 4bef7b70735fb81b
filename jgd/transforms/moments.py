"""Moments of gradients in the state of any optimizer: found by the names of fields and by the parameters' shapes."""

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
    """The arrays of a state, each with the field that holds it and the parameter whose path and shape it has."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    index = {path: i for i, (path, _) in enumerate(leaves)}
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        start = next((i for i in range(1, len(path) + 1) if path[i:] in index), None)
        owner = None if start is None else index[path[start:]]
        if owner is not None and jnp.shape(leaves[owner][1]) != jnp.shape(leaf):
            owner = None
        name = (path_names(path[:start]) or ("",))[-1]
        node = _node(state, path[: (start or 1) - 1])
        exact = owner is not None and name in getattr(type(node), "orthogonalized", ())
        is_moment = owner is not None and name in MOMENTS
        found.append(StateArray(path, name, owner, leaf, is_moment, is_moment and not exact))
    return found


def _node(tree: Any, path: Any) -> Any:
    """The node of a tree at a path, or `None` where its keys do not tell how it is reached."""
    for key in path:
        if hasattr(key, "name"):
            tree = getattr(tree, key.name, None)
        elif hasattr(key, "idx") or hasattr(key, "key"):
            at: Any = getattr(key, "idx", getattr(key, "key", None))
            tree = tree[at] if isinstance(tree, (tuple, list, dict)) else None
    return tree
