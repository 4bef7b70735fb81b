"""Gradient descent and momentum."""

from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain, identity, trace


@optimizer(rates=(1e-3, 1e1))
def gradient_descent(learning_rate: Rate) -> Chain:
    """Plain descent, p <- p - lr g (Cauchy 1847): full-batch, mini-batch or stochastic, as g is."""
    return descend(identity(), learning_rate)


@optimizer(rates=(1e-3, 1e1))
def sgd(
    learning_rate: Rate, momentum: Scalar | None = None, nesterov: bool = False, accumulator_dtype: Any = None
) -> Chain:
    """Stochastic descent, with heavy-ball or Nesterov momentum if `momentum` is given (Robbins & Monro 1951)."""
    heavy = trace(0.0 if momentum is None else momentum, nesterov, accumulator_dtype)  # which looks at all of them
    return descend(identity() if momentum is None else heavy, learning_rate)


@optimizer(rates=(1e-4, 1e0))
def heavy_ball(learning_rate: Rate, momentum: Scalar = 0.9) -> Chain:
    """Momentum: t <- g + momentum t; p <- p - lr t (Polyak 1964)."""
    return descend(trace(momentum), learning_rate)


@optimizer(rates=(1e-4, 1e0))
def nesterov(learning_rate: Rate, momentum: Scalar = 0.9) -> Chain:
    """Momentum with a look-ahead: t <- g + momentum t; p <- p - lr (g + momentum t).

    (Nesterov 1983, in the form of Sutskever et al. 2013.)
    """
    return descend(trace(momentum, nesterov=True), learning_rate)
