"""LARS: momentum whose step is in proportion, leaf by leaf, to the parameters' norms."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import optimizer
from jgd.optimizers.lamb import ScaleByTrustRatio
from jgd.transforms import Chain, add_decayed_weights, chain, masked, scale_by_learning_rate, trace


@optimizer(rates=(1e-2, 1e2))
def lars(
    learning_rate: Rate,
    weight_decay: Rate = 0.0,
    weight_decay_mask: Any = True,
    trust_coefficient: Scalar = 0.001,
    eps: Scalar = 0.0,
    trust_ratio_mask: Any = True,
    momentum: Scalar = 0.9,
    nesterov: bool = False,
) -> Chain:
    """LARS: momentum scaled by the parameters' norms, for large batches (You et al. 2017, arXiv:1708.03888)."""
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        masked(ScaleByTrustRatio(trust_coefficient=trust_coefficient, eps=eps), trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )
