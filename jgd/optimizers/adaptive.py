"""Optimizers whose step adapts to each parameter: AdaGrad, RMSProp, Adam and its kin."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.transforms import (
    Chain,
    add_decayed_weights,
    chain,
    identity,
    scale_by_adam,
    scale_by_amsgrad,
    scale_by_learning_rate,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    trace,
)


def adagrad(
    learning_rate: Rate, initial_accumulator_value: Scalar = 0.1, eps: Scalar = 1e-7, *, eps_in_sqrt: bool = True
) -> Chain:
    """AdaGrad; see `ScaleByRss`. State: 4 bytes a parameter."""
    return chain(
        scale_by_rss(initial_accumulator_value, eps, eps_in_sqrt=eps_in_sqrt), scale_by_learning_rate(learning_rate)
    )


def rmsprop(
    learning_rate: Rate,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> Chain:
    """RMSProp; see `ScaleByRms` and, for `centered`, `ScaleByStddev`.

    Momentum comes after the learning rate, as in optax: under a schedule, past steps keep the rate of their time.
    `torch.optim.RMSprop` scales the momentum by the present rate; with a constant rate they are the same.
    State: 4 bytes a parameter, 4 more if centred, 4 more with momentum.
    """
    rule = scale_by_stddev if centered else scale_by_rms
    return chain(
        rule(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )


def adam(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
) -> Chain:
    """Adam; see `ScaleByAdam`. State: 8 bytes a parameter.

    For Adam with an L2 penalty, `torch.optim.Adam(weight_decay=)`, put `add_decayed_weights` before it in a chain.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, nu_dtype=nu_dtype),
        scale_by_learning_rate(learning_rate),
    )


def adamw(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: Rate = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
) -> Chain:
    """Adam with decoupled weight decay where `mask` is true (Loshchilov & Hutter 2019, arXiv:1711.05101).

    p <- p - lr (u + wd p): the decay is multiplied by the learning rate, as in torch. The default decay is optax's
    1e-4; torch's is 1e-2. State: 8 bytes a parameter.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, nu_dtype=nu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def nadam(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> Chain:
    """Adam with Nesterov's look-ahead; see `ScaleByAdam`. State: 8 bytes a parameter."""
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def nadamw(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: Rate = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = True,
) -> Chain:
    """NAdam with decoupled weight decay: AlgoPerf's baseline. State: 8 bytes a parameter."""
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov)


def amsgrad(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> Chain:
    """AMSGrad; see `ScaleByAmsgrad`. State: 12 bytes a parameter."""
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
        scale_by_learning_rate(learning_rate),
    )
