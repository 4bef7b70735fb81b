"""The least cost of an update, as each transform declares it: the bytes that it moves, its matrix products."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from jgd.core.tree import tree_bytes
from jgd.core.types import Params

NONE: Mapping[str, float] = MappingProxyType({})


class Cost(NamedTuple):
    """The least that one update moves, in bytes, and the floating-point operations of its matrix products.

    The bytes are those beside the gradients, read once, and the parameters, read and written once. Elementwise
    arithmetic is not counted: memory is slower on every device. `flops` is by the dtype of the products' operands.
    """

    bytes: float = 0.0
    flops: Mapping[str, float] = NONE


def cost(transform: Any, params: Params) -> Cost:
    """Return what `transform.cost(params)` declares, or else that the state is read and written once.

    `params` are arrays or their shapes. A transform declares a cost when it needs more, such as a second pass over the
    gradients for their norm, or less, or when it holds others.
    """
    if hasattr(transform, "cost"):
        return transform.cost(params)
    return Cost(2 * tree_bytes(jax.eval_shape(transform.init, params)))


def with_other_state(wrapper: Any, params: Params) -> Cost:
    """Return the cost of `wrapper.inner`, with the wrapper's state, read and written once, in the place of the inner's.

    It is for a wrapper that keeps the inner state in another form, or more beside it.
    """
    own, inner = (tree_bytes(jax.eval_shape(one.init, params)) for one in (wrapper, wrapper.inner))
    moved = cost(wrapper.inner, params)
    return moved._replace(bytes=moved.bytes + 2 * (own - inner))


def total(costs: Iterable[Cost], share: float = 1.0) -> Cost:
    """Return the sum, times the share of updates in which it is due."""
    moved, flops = 0.0, {}
    for one in costs:
        moved += share * one.bytes
        for dtype, count in one.flops.items():
            flops[dtype] = flops.get(dtype, 0.0) + share * count
    return Cost(moved, flops)
