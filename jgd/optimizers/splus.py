"""SPlus: steps of one size in the eigenbasis of Shampoo's factors, and an average of the weights to evaluate."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import WHOLE
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import gram, rotated
from jgd.core.eigen import eigh
from jgd.core.symmetric import fold, folded_shape, unfold
from jgd.core.tree import zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import EmaParams, ScaleThenDecay, chain, ema_params


@record
class ScaleBySplus(BlockRule):
    """Take the sign of a momentum in Shampoo's eigenbasis.

    m = b1 m + (1-b1) g; u = Q sign(Q'm R) R', Q and R the eigenvectors of means of GG' and G'G (decay b2).

    (Frans et al. 2025, arXiv:2506.07254.) Leaves that are no matrices step by sign(m); sides longer than
    `max_precondition_dim` are not turned. The eigenvectors are computed after the first step, which is by sign(m), and
    after steps f, 2 f, ... for f = `precondition_frequency`; with `stagger` the matrices take turns within f steps.
    State: 4 + 6 (m² + n²) / mn bytes a parameter of a matrix.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    _: KW_ONLY
    precondition_frequency: int = static(default=100, expect=WHOLE)
    max_precondition_dim: int = static(default=10000, expect=WHOLE)
    stagger: bool = static(default=True)
    layout = ("mu", "factors", "bases")
    renews = ("bases",)
    first_turn = 0

    def sides(self, shape: tuple[int, ...]) -> list[bool]:
        """Tell which axes are turned."""
        return [len(shape) == 2 and n <= self.max_precondition_dim for n in shape]

    def slots(self, p: Any) -> tuple[Any, ...]:
        sides = list(zip(p.shape, self.sides(p.shape), strict=True))
        factors = tuple(jnp.zeros(folded_shape(n), p.dtype) if turned else None for n, turned in sides)
        bases = tuple(jnp.eye(n, dtype=p.dtype) if turned else None for n, turned in sides)
        return zeros(p), factors, bases

    def step(self, t: jax.Array, g: jax.Array, m: jax.Array, factors: Any, bases: Any) -> tuple[Any, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        u = rotated(jnp.sign(rotated(m, bases)), bases, back=True)
        factors = tuple(
            None if x is None else self.b2 * x + (1 - self.b2) * fold(gram(g, axis)) for axis, x in enumerate(factors)
        )
        return u, m, factors, bases

    def refresh(self, m: Any, factors: Any, bases: Any) -> tuple[Any, ...]:
        return (tuple(None if x is None else eigh(unfold(x))[1] for x in factors),)


scale_by_splus = ScaleBySplus


@record
class DescendBySplus(ScaleThenDecay):
    """Step by a rate for the leaf's shape, and decay the weights.

    p <- (p - lr s g)(1 - lr s wd), s = 2 / (m + n) for a matrix of m x n; for other leaves `nonstandard_constant`.

    So for a matrix with a side above `max_precondition_dim` as well. No decay where `mask` is not true.
    """

    nonstandard_constant: Scalar = hyper(default=1e-3, interval="[0, inf)")
    max_precondition_dim: int = static(default=10000, expect=WHOLE)

    def rate_of_shape(self, shape: tuple[int, ...]) -> Scalar:
        standard = len(shape) == 2 and max(shape) <= self.max_precondition_dim
        return 2 / max(sum(shape), 1) if standard else self.nonstandard_constant


descend_by_splus = DescendBySplus


@optimizer(rates=(1e-3, 10.0))
def splus(
    learning_rate: Rate = 0.1,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    weight_decay: Rate = 0.01,
    mask: Any = None,
    *,
    precondition_frequency: int = 100,
    nonstandard_constant: Scalar = 1e-3,
    max_precondition_dim: int = 10000,
    ema_rate: Scalar = 0.999,
    stagger: bool = True,
) -> EmaParams:
    """SPlus: the sign in Shampoo's eigenbasis, rates by shape, averaged weights (Frans et al. 2025, arXiv:2506.07254).

    Evaluate the average, `jgd.eval_params(optimizer, state, params)`. Weights decay after the step, at the rate that
    their shape gives. The average is of the weights after that, where the authors' is of those before: for a constant
    rate theirs is ours divided by 1 - lr s wd, of a shape's s.
    """
    rule = ScaleBySplus(
        b1,
        b2,
        precondition_frequency=precondition_frequency,
        max_precondition_dim=max_precondition_dim,
        stagger=stagger,
    )
    descend = DescendBySplus(
        learning_rate,
        weight_decay,
        mask,
        nonstandard_constant=nonstandard_constant,
        max_precondition_dim=max_precondition_dim,
    )
    return ema_params(chain(rule, descend), ema_rate, debias=True)
