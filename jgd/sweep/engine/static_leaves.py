"""Leaves that are no numbers, such as texts and flags, as structure of a program."""

from typing import Any

import jax
import numpy as np

from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.space import Origin


@jax.tree_util.register_pytree_node_class
class _Static:
    """A leaf that is no number, as structure."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def tree_flatten(self) -> tuple[tuple[()], Any]:
        return (), self.value

    @classmethod
    def tree_unflatten(cls, value: Any, children: Any) -> "_Static":
        return cls(value)


def static_origin(origin: Any) -> Origin:
    """Return the origin whose trials have what is no number as structure."""
    return origin._replace(finish=_freeze)


def _freeze(tree: Any) -> Any:
    """Turn what is no number into structure; where a distribution stands there will be a number."""
    return jax.tree.map(lambda x: x if _is_number(x) or isinstance(x, Distribution) else _Static(x), tree)


def with_values(tree: Any) -> Any:
    """Return the tree with what is no number back in its place."""
    return jax.tree.map(
        lambda x: x.value if isinstance(x, _Static) else x, tree, is_leaf=lambda x: isinstance(x, _Static)
    )


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, complex, np.ndarray, np.number, jax.Array)) and not isinstance(x, bool)
