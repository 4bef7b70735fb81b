"""The transforms within a transform, each with the parameters that reach it."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from jgd.core import Transform
from jgd.core.matrices import for_params
from jgd.core.types import Params
from jgd.core.values import each_part
from jgd.transforms.by_path import ByPath
from jgd.transforms.compose import Masked, Partition


class InnerTransform(NamedTuple):
    """Hold a transform within another one."""

    path: str  # where it stands there, as in `.transforms[0]`
    transform: Transform
    params: Params  # those that reach it, with optax's placeholders in place of the others
    label: Hashable = None  # that a partition has for it


def inner_transforms(
    transform: Any, params: Params, parts: Callable[[Any], list[tuple[str, Any]]] = each_part
) -> list[InnerTransform]:
    """List the transforms that one holds, with the parameters that its mask or its labels leave to each.

    Below a mask, rules for matrices have the axes that were declared for the whole parameters. `parts` lists those of
    any other record that are to be looked at, with their paths.
    """
    if isinstance(transform, ByPath):
        transform = transform.partition(params)
    if isinstance(transform, Partition):
        return [
            InnerTransform(f".transforms[{label!r}]", for_params(mask.inner, params), mask.kept(params), label)
            for label, mask in transform.masks(params).items()
        ]
    if isinstance(transform, Masked):
        return [InnerTransform(".inner", for_params(transform.inner, params), transform.kept(params))]
    return [InnerTransform(path, one, params) for path, one in parts(transform) if isinstance(one, Transform)]
