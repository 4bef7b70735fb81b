"""Optimizers whose default is their source's form, in optax's form for the drop-in namespace."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.optimizers.adadelta import ScaleByAdadelta
from jgd.optimizers.adan import ScaleByAdan
from jgd.optimizers.catalogue import descend
from jgd.optimizers.rprop import ScaleByRprop
from jgd.transforms import Chain, add_decayed_weights, chain, scale, scale_by_learning_rate


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


def adadelta(
    learning_rate: Rate | None = None,
    rho: Scalar = 0.9,
    eps: Scalar = 1e-6,
    weight_decay: Rate = 0.0,
    weight_decay_mask: Any = None,
) -> Chain:
    """Adadelta as optax has it: without a rate, the scaled gradient itself, which ascends."""
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        ScaleByAdadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )


def scale_by_rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> ScaleByRprop:
    """Rprop's rule as optax has it: each step is returned one call late."""
    return ScaleByRprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size, delayed=True)


def rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> Chain:
    """Rprop as optax has it."""
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size), scale(-1.0))
