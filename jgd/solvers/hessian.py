"""The Hessian that a user passes: its form, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import Kind
from jgd.core.errors import InputError
from jgd.core.leaves import check_real
from jgd.core.tree import name_of
from jgd.core.types import Params
from jgd.core.user_code import attempt

HESSIAN = Kind("be a function (params, *args) -> Hessian, or None", lambda x: x is None or callable(x))


def check_hessian(place: str, hess: Any, params: Params, args: tuple[Any, ...]) -> None:
    """Refuse a Hessian that is no tree of trees like the parameters, from shapes alone."""
    if hess is None:
        return
    place = f"{place}(hess=)"
    check_real(place, params, "a Hessian is a matrix of real numbers", "leave hess out")
    leaves = jax.tree_util.tree_leaves_with_path(params)
    found = attempt(f"{place}: hess(params, *args)", lambda: jax.eval_shape(hess, params, *args))
    outer, inner = jax.tree.structure(params), jax.tree.structure(found)
    whole = jax.tree.structure(jax.tree.map(lambda _: params, params))
    if inner != whole:
        raise InputError(
            f"{place}: it must return what jax.hessian does, a tree of trees like the parameters, {outer}, not {inner}."
        )
    blocks = iter(jax.tree.leaves(found))
    for i, p in leaves:
        for j, q in leaves:
            block, shape = next(blocks), np.shape(p) + np.shape(q)
            if block.size != np.size(p) * np.size(q):
                raise InputError(
                    f"{place}: at {name_of(i)} and {name_of(j)} it has shape {block.shape}; return {shape}, as "
                    "jax.hessian does."
                )
            if not jnp.issubdtype(block.dtype, jnp.floating):
                raise InputError(f"{place}: at {name_of(i)} and {name_of(j)} it is {block.dtype}; return real numbers.")
