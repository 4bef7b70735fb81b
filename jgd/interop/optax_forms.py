"""Optimizers whose default is their source's form, in optax's form for the drop-in namespace."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.optimizers.adan import ScaleByAdan
from jgd.optimizers.catalogue import descend
from jgd.optimizers.momo import Momo, MomoAdam
from jgd.optimizers.polyak import ScaleByPolyak
from jgd.transforms import Chain, chain, scale_by_learning_rate


def scale_by_adan(
    b1: Scalar = 0.98, b2: Scalar = 0.92, b3: Scalar = 0.99, eps: Scalar = 1e-8, eps_root: Scalar = 0.0
) -> ScaleByAdan:
    """Adan's rule as optax has it: 1 - b2 weighs the change of the gradient, where the paper has b2."""
    return ScaleByAdan(b1, b2, b3, eps, eps_root, one_minus_b2=True)


def adan(
    learning_rate: Rate,
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    mask: Any = None,
) -> Chain:
    """Adan as optax has it."""
    return descend(scale_by_adan(b1, b2, b3, eps, eps_root), learning_rate, weight_decay, mask)


def polyak_sgd(
    max_learning_rate: Scalar = 1.0,
    scaling: Rate = 1.0,
    f_min: Scalar = 0.0,
    eps: Scalar = 0.0,
    variant: str = "sps",
) -> Chain:
    """Polyak's step as optax has it: of gradients that are scaled first."""
    return chain(scale_by_learning_rate(scaling), ScaleByPolyak(f_min, max_learning_rate, eps, variant))


def momo(
    learning_rate: Rate = 1.0,
    beta: Scalar = 0.9,
    lower_bound: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    adapt_lower_bound: bool = False,
) -> Momo:
    """MoMo as optax has it: the decay does not divide the step."""
    return Momo(learning_rate, beta, lower_bound, weight_decay, adapt_lower_bound, divide_step=False)


def momo_adam(
    learning_rate: Rate = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    lower_bound: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    adapt_lower_bound: bool = False,
) -> MomoAdam:
    """MoMo-Adam as optax has it: the decay does not divide the step."""
    return MomoAdam(learning_rate, b1, b2, eps, lower_bound, weight_decay, adapt_lower_bound, divide_step=False)
