"""Leaves of a tree of parameters: chosen by a pattern over their paths or by a mask, fixed ones, and finite ones."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core.errors import InputError
from jgd.core.frozen import thaw
from jgd.core.tree import all_finite, name_of, path_names
from jgd.core.types import Params

OTHER = "or give the leaf another optimizer with jgd.by_path"
SPLIT = f"wrap the transform in jgd.split_real_and_imaginary, {OTHER}"
PARTS = f"train its real and imaginary parts as two real leaves, {OTHER}"  # where a function of the parameters is given


def leaf_paths(params: Params) -> list[str]:
    """Return the paths of the leaves as patterns see them, such as `block_0/attn/query/kernel`, in their order."""
    return ["/".join(path_names(path)) for path, _ in jax.tree_util.tree_leaves_with_path(params)]


def fits(pattern: str, path: str) -> bool:
    """Tell whether a regular expression is found somewhere in a path; `^` and `$` bind it to the ends."""
    return re.search(pattern, path) is not None


def check_pattern(place: str, pattern: Any) -> None:
    """Refuse what is no regular expression."""
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise InputError(
            f"{place}: {pattern!r} is no regular expression, {error}; put a backslash before what stands for itself."
        ) from None


def check_patterns(place: str, patterns: Iterable[str], params: Params) -> None:
    """Refuse a pattern that fits no path and name the nearest ones.

    None is refused where there are no leaves, or where a mask has hidden some, which it may be for.
    """
    paths = leaf_paths(params)
    if not paths or not is_whole(params):
        return
    for pattern in patterns:
        check_pattern(place, pattern)
        if not any(fits(pattern, path) for path in paths):
            near = sorted(paths, key=lambda path: -_likeness(pattern, path))
            raise InputError(
                f"{place}: the pattern {pattern!r} fits no path; there are {', '.join(near[:8])}"
                f"{', ...' if len(near) > 8 else ''}."
            )


def check_real(place: str, params: Params, reason: str, remedy: str = SPLIT) -> None:
    """Refuse complex leaves, for a reason such as "a complex gradient has no sign"; wrapping is the default remedy."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if jnp.iscomplexobj(leaf):
            raise InputError(
                f"{place}: the leaf at {name_of(path)} is {jnp.result_type(leaf)}, expected real numbers, for "
                f"{reason}; {remedy}."
            )


def prefix_mismatch(prefix: Any, tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> str:
    """Say at which path a tree is no prefix of another; empty where their paths agree."""
    ours = [path for path, _ in jax.tree_util.tree_leaves_with_path(prefix, is_leaf=is_leaf)]
    theirs = [path for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    for path in theirs:
        if not any(path[: len(start)] == start for start in ours):
            return f"it says nothing of {name_of(path)}"
    for start in ours:
        if not any(path[: len(start)] == start for path in theirs):
            return f"there is nothing at {name_of(start)}"
    return ""


def is_whole(params: Params) -> bool:
    """Tell whether no mask has put optax's placeholders in place of some leaves."""
    return not any(map(is_hidden, jax.tree.leaves(params, is_leaf=is_hidden)))


def flags_of(mask: Any, params: Params) -> Any:
    """Give the flags that a mask means: itself, a function's answer, or where a pattern fits the leaf's path."""
    if isinstance(mask, str):
        return jax.tree.unflatten(jax.tree.structure(params), [fits(mask, path) for path in leaf_paths(params)])
    return thaw(mask, params)


def leaf_flags(mask: Any, params: Params) -> Any:
    """Return the flags that a mask means, one for each leaf also where its tree is a prefix; True if it is `None`."""
    flags = True if mask is None else flags_of(mask, params)
    return jax.tree.map(lambda keep, below: jax.tree.map(lambda _: bool(keep), below), flags, params)


def fixed_leaves(transform: Any, params: Params) -> Any:
    """Return a tree of flags: where updates are zero at every step, so that no gradient is needed.

    A transform tells by a method `fixed(params)`; one without it is taken to change all leaves.
    """
    own = getattr(transform, "fixed", None)
    return own(params) if callable(own) else jax.tree.map(lambda _: False, params)


def moving_leaves(transform: Any, params: Params, tree: Any) -> Any:
    """Give `tree`, which is like `params`, with optax's placeholders for the leaves that `transform` never changes."""
    flags = fixed_leaves(transform, params)
    if not any(jax.tree.leaves(flags)):
        return tree
    return jax.tree.map(lambda is_fixed, x: optax.MaskedNode() if is_fixed else x, flags, tree)


def with_moving(moving: Any, tree: Any) -> Any:
    """Return `moving` with the leaves of `tree` in the place of optax's placeholders."""
    return jax.tree.map(lambda new, x: x if is_hidden(new) else new, moving, tree, is_leaf=is_hidden)


def finite_leaves(tree: Any) -> jax.Array:
    """Tell of which leaves every entry is finite, bool[leaves]."""
    return jnp.array([all_finite(x) for x in jax.tree.leaves(tree)], bool)


def is_hidden(x: Any) -> bool:
    """Tell whether it is optax's placeholder, which a mask puts in the place of a leaf."""
    return isinstance(x, optax.MaskedNode)


def _likeness(pattern: str, path: str) -> float:
    """Tell how near a path, or one of its names, is to the letters of a pattern."""
    letters = re.sub(r"\\.|[^\w/]", "", pattern)
    return max(difflib.SequenceMatcher(None, letters, text).ratio() for text in (path, *path.split("/")))
