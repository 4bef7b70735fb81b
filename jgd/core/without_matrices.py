"""The warning that an optimizer for matrices was given none."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.leaves import is_whole
from jgd.core.types import Params


class NoMatrixWarning(UserWarning):
    """Warn that an optimizer for matrices has none among its parameters, so that all get what it does to the rest."""


def warn_without_matrices(params: Params, parts: Sequence[tuple[Any, Params]]) -> None:
    """Warn where no rule in `parts`, transforms with their own of the parameters, acts on any of these.

    A rule for matrices has a method `acts_on(shape)`. Nothing is said of parameters without entries, nor where a mask
    hides some, which may be the matrices.
    """
    shapes = [jnp.shape(x) for x in jax.tree.leaves(params) if jnp.size(x)]
    rules = [(rule, own) for transform, own in parts for rule in rules_for_matrices(transform)]
    if not (rules and shapes and is_whole(params)):
        return
    if any(rule.acts_on(jnp.shape(x)) for rule, own in rules for x in jax.tree.leaves(own)):
        return
    told = [*map(str, dict.fromkeys(shapes))]
    several = ", ".join(told[:3]) + (", ..." if len(told) > 3 else "")
    rule = rules[0][0]
    long = any(len(shape) > 1 for shape in shapes) and hasattr(rule, "max_precondition_dim")
    limit = f" (max_precondition_dim={rule.max_precondition_dim})" if long else ""
    warnings.warn(
        f"{type(rule).__name__}.init: none of the leaves, of shapes {several}, is a matrix that it takes{limit}, so "
        "that all get what the optimizer does to the rest; use one for vectors, such as jgd.adamw, or see "
        "jgd.describe(optimizer, params).",
        NoMatrixWarning,
        stacklevel=2,
    )


def rules_for_matrices(transform: Any) -> list[Any]:
    """Return the records within a transform that act on matrices."""
    return [x for x in jax.tree.leaves(transform, is_leaf=_is_rule) if _is_rule(x)]


def _is_rule(node: Any) -> bool:
    return hasattr(type(node), "acts_on")
