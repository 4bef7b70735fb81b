"""Parameters that stay as they are: zero updates where a mask says so, and no state there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from jgd.core.arguments import MASK, TRANSFORM, checked
from jgd.core.types import Params
from jgd.transforms.compose import Masked, Partition, masked, partition
from jgd.transforms.constraints import set_to_zero


@checked(mask=MASK)
def freeze(mask: Any) -> Masked:
    """Zero the updates where `mask` is true: the last link of a chain. A transform before it keeps its state there.

    `selective_transform` keeps none. `fit` computes no gradients there, which a norm before it then does not count.
    """
    return masked(set_to_zero(), mask)


@checked(optimizer=TRANSFORM, freeze_mask=MASK)
def selective_transform(optimizer: Any, *, freeze_mask: Any) -> Partition:
    """Apply `optimizer` where `freeze_mask` is false; where it is true updates are zero and there is no state.

    `freeze_mask` is a tree of booleans, the parameters' or a prefix of it, or a function of the parameters.
    """
    labels = FreezeLabels(freeze_mask) if callable(freeze_mask) else _labels(freeze_mask)
    return partition({"train": optimizer, "freeze": set_to_zero()}, labels)


@dataclass(frozen=True)
class FreezeLabels:
    """A function of the parameters: "freeze" where `mask(params)` is true, and "train" elsewhere."""

    mask: Callable[[Params], Any]

    def __call__(self, params: Params) -> Any:
        """Return a tree of labels."""
        return _labels(self.mask(params))


def _labels(mask: Any) -> Any:
    return jax.tree.map(lambda frozen: "freeze" if frozen else "train", mask)
