"""Optimistic methods: steps that count the change of the gradient once more, for games and saddle points."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.adam import ScaleByAdam
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain, chain, scale, scale_by_learning_rate


@record
class ScaleByOptimisticGradient(Rule):
    """Add the change of the gradient to it.

    u = alpha g + beta (g - g_old), with g_old = g at first.

    Optimistic gradient descent (Popov 1980; Mokhtari et al. 2019, arXiv:1901.08511). `alpha` and `beta` may be
    schedules, which optax takes and cannot use.
    """

    alpha: Rate = hyper(default=1.0)
    beta: Rate = hyper(default=1.0)
    layout = ("previous_gradient",)

    def shared(self, t: jax.Array) -> tuple[Any, ...]:
        """Tell whether it is the first step, and the two weights."""
        return t == 1, *(at_count(self, name, t - 1) for name in ("alpha", "beta"))

    def step(self, shared: Any, g: jax.Array, old: jax.Array) -> tuple[jax.Array, ...]:
        first, alpha, beta = shared
        return alpha * g + beta * jnp.where(first, 0.0, g - old), g


scale_by_optimistic_gradient = ScaleByOptimisticGradient


@optimizer(rates=(1e-3, 1e1))
def optimistic_gradient_descent(learning_rate: Rate, alpha: Rate = 1.0, beta: Rate = 1.0) -> Chain:
    """Descent that converges in games where plain descent circles (Mokhtari et al. 2019, arXiv:1901.08511)."""
    return descend(ScaleByOptimisticGradient(alpha, beta), learning_rate)


@optimizer(rates=(3e-5, 3e-1))
def optimistic_adam(
    learning_rate: Rate,
    optimism: Rate | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> Chain:
    """Adam with optimism, for training GANs (Daskalakis et al. 2018, arXiv:1711.00141): lr u + optimism (u - u_old).

    Without `optimism`, the change has the rate of the step; with it, the rate is called `alpha` and `optimism` `beta`
    among the hyperparameters. `nesterov`, which is not in the paper, is optax's default.
    """
    adam = ScaleByAdam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)
    if optimism is None:
        return chain(adam, ScaleByOptimisticGradient(), scale_by_learning_rate(learning_rate))
    return chain(adam, ScaleByOptimisticGradient(learning_rate, optimism), scale(-1.0))


@optimizer(rates=(3e-5, 3e-1))
def optimistic_adam_v2(
    learning_rate: Rate,
    *,
    alpha: Rate = 1.0,
    beta: Rate = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    nesterov: bool = True,
) -> Chain:
    """Adam with optimism, lr (alpha u + beta (u - u_old)), so that a schedule of the rate scales both.

    (Daskalakis et al. 2018, arXiv:1711.00141, in optax's form.)
    """
    adam = ScaleByAdam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)
    return chain(adam, ScaleByOptimisticGradient(alpha, beta), scale_by_learning_rate(learning_rate))
