"""Optimizers that step by a sign."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.transforms import Chain, add_decayed_weights, chain, scale_by_learning_rate, scale_by_lion


def lion(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    mu_dtype: Any = None,
    weight_decay: Rate = 1e-3,
    mask: Any = None,
) -> Chain:
    """Lion with decoupled weight decay; see `ScaleByLion`. Try a tenth of AdamW's rate. State: 4 bytes a parameter."""
    return chain(
        scale_by_lion(b1, b2, mu_dtype), add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate)
    )
