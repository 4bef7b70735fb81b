"""Gradient descent and momentum."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.transforms import Chain, chain, identity, scale_by_learning_rate, trace


def gradient_descent(learning_rate: Rate) -> Chain:
    """Plain descent, p <- p - lr g (Cauchy 1847): full-batch, mini-batch or stochastic, as g is. No state."""
    return sgd(learning_rate)


def sgd(
    learning_rate: Rate, momentum: Scalar | None = None, nesterov: bool = False, accumulator_dtype: Any = None
) -> Chain:
    """Stochastic gradient descent, with heavy-ball or Nesterov momentum if `momentum` is given.

    State: none, or 4 bytes a parameter with momentum.
    """
    link = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(link, scale_by_learning_rate(learning_rate))


def heavy_ball(learning_rate: Rate, momentum: Scalar = 0.9) -> Chain:
    """Momentum: t <- g + momentum t; p <- p - lr t (Polyak 1964). State: 4 bytes a parameter."""
    return sgd(learning_rate, momentum)


def nesterov(learning_rate: Rate, momentum: Scalar = 0.9) -> Chain:
    """Momentum with a look-ahead: t <- g + momentum t; p <- p - lr (g + momentum t).

    (Nesterov 1983, in the form of Sutskever et al. 2013.) State: 4 bytes a parameter.
    """
    return sgd(learning_rate, momentum, nesterov=True)
