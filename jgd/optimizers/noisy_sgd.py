"""Gradient descent with noise, for flatter minima or for privacy."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, named_recipe, optimizer
from jgd.transforms import (
    Chain,
    add_noise,
    chain,
    differentially_private_aggregate,
    identity,
    scale_by_learning_rate,
    trace,
)


@optimizer(rates=(1e-4, 1.0))
def noisy_sgd(
    learning_rate: Rate, eta: Scalar = 0.01, gamma: Scalar = 0.55, key: Any = None, *, seed: Any = None
) -> Chain:
    """Gradient descent with Gaussian noise that declines (Neelakantan et al. 2015, arXiv:1511.06807)."""
    return descend(add_noise(eta, gamma, key, seed=seed), learning_rate)


@named_recipe
def dpsgd(
    learning_rate: Rate,
    l2_norm_clip: Scalar,
    noise_multiplier: Scalar,
    seed: Any,
    momentum: Scalar | None = None,
    nesterov: bool = False,
) -> Chain:
    """Descend privately: each example's gradient clipped, noise on their sum (Abadi et al. 2016, arXiv:1607.00133).

    `update` takes a gradient for each example, f[batch, ...] where the parameter is f[...]. `seed` may be a key.
    It is not in the catalogue, whose optimizers take one gradient.
    """
    return chain(
        differentially_private_aggregate(l2_norm_clip, noise_multiplier, seed),
        identity() if momentum is None else trace(momentum, nesterov),
        scale_by_learning_rate(learning_rate),
    )
