"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import WHOLE
from jgd.core.batches import in_any_lane
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import Blocks, blocks, change_basis, gram, rotated
from jgd.core.eigen import eigenbases, qr_factor
from jgd.core.symmetric import fold, folded_shape, unfold
from jgd.core.tree import one_minus_pow, ratio, safe_sqrt, where, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend_then_decay, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleBySoap(BlockRule):
    """Scale by Adam in Shampoo's eigenbasis.

    u = Q (m / (sqrt(v) + eps)), bias corrections outside: Adam in the eigenbases Q of means of GG' and G'G.

    m is a mean of Q'G and v one of (Q'G)^2 (Vyas et al. 2024, arXiv:2409.11321); of a tensor every axis has a basis.
    As the authors' code has it, the first call only takes the eigenvectors of the first gradient and makes no step, and
    a basis P is renewed after the step: its columns and v sorted by diag(P'LP), then Q <- QR(LP), one power iteration,
    and m <- Q'P m, the same mean in the new basis.
    Sides above `max_precondition_dim`, vectors and scalars are not rotated; `merge_dims` merges neighbouring dimensions
    whose product is at most that. `refresh_tolerance` renews only bases with |offdiag(Q'LQ)| above so many |L|.

    `stagger` spreads renewals over the steps, so that all cost alike. On a GPU a renewal of few small matrices takes as
    long as one of all of them: there `stagger=False` is faster (48 of 128 x 128 on an H200: 6.4 ms a step, not 24).

    State: 8 bytes a parameter, and for each rotated side n of a block 4 n^2 for Q and 2 n (n + 1) for the mean.
    """

    b1: Scalar = hyper(default=0.95, interval="[0, 1)")
    b2: Scalar = hyper(default=0.95, interval="[0, 1)")
    shampoo_beta: Scalar | None = hyper(default=None, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    _: KW_ONLY
    precondition_frequency: int = static(default=10, expect=WHOLE)
    max_precondition_dim: int = static(default=10000, expect=WHOLE)
    merge_dims: bool = static(default=False)
    precondition_1d: bool = static(default=False)
    normalize_grads: bool = static(default=False)
    bias_correction: bool = static(default=True)
    stagger: bool = static(default=True)
    refresh_tolerance: Scalar | None = hyper(default=None, interval="[0, inf)")
    layout = ("mu", "nu", "factors", "bases")
    renews = ("mu", "nu", "bases")
    sorts: ClassVar[bool] = True

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        return blocks(shape, merge=self.max_precondition_dim if self.merge_dims else None)

    def sides(self, shape: tuple[int, ...]) -> list[bool]:
        """Tell which axes are rotated."""
        return [n <= self.max_precondition_dim and (len(shape) > 1 or self.precondition_1d) for n in shape]

    def slots(self, p: Any) -> tuple[Any, ...]:
        sides = [n if turned else None for n, turned in zip(p.shape, self.sides(p.shape), strict=True)]
        factors = tuple(None if n is None else jnp.zeros(folded_shape(n), p.dtype) for n in sides)
        return zeros(p), zeros(p), factors, tuple(None if n is None else jnp.eye(n, dtype=p.dtype) for n in sides)

    def shared(self, t: jax.Array) -> Any:
        """Tell whether there is a step, and the bias corrections' factor, which count from the second call."""
        s = jnp.maximum(t - 1, 1)
        size = jnp.sqrt(one_minus_pow(self.b2, s)) / one_minus_pow(self.b1, s) if self.bias_correction else 1.0
        return t > 1, size

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any) -> tuple[Any, ...]:
        steps, size = shared
        beta = self.b2 if self.shampoo_beta is None else self.shampoo_beta
        inside = rotated(g, bases)
        m = jnp.where(steps, self.b1 * m + (1 - self.b1) * inside, m)
        v = jnp.where(steps, self.b2 * v + (1 - self.b2) * inside**2, v)
        u = ratio(m, safe_sqrt(v) + self.eps)
        if self.normalize_grads:
            u = ratio(u, safe_sqrt(jnp.mean(u * u)) + self.eps)  # a rotation leaves the mean as it is
        # Before the product, where it costs no pass over the update.
        u = rotated(jnp.where(steps, size * u, 0.0), bases, back=True)
        factors = tuple(
            None if x is None else beta * x + (1 - beta) * fold(gram(g, axis)) for axis, x in enumerate(factors)
        )
        return u, m, v, factors, bases

    def begin(self, m: Any, v: Any, factors: Any, bases: Any) -> tuple[Any, ...]:
        return m, v, eigenbases(factors)  # m is still zero

    def refresh(self, m: Any, v: Any, factors: Any, bases: Any) -> tuple[Any, ...]:
        fresh = list(bases)
        for axis, (x, q) in enumerate(zip(factors, bases, strict=True)):
            if x is not None:
                m, v, fresh[axis] = self._renewed_basis(m, v, unfold(x), q, axis)
        return m, v, tuple(fresh)

    def _renewed_basis(self, m: jax.Array, v: jax.Array, x: jax.Array, q: jax.Array, axis: int) -> tuple[Any, ...]:
        """Return one power iteration on the basis of an axis, and the moments in it."""
        power = x @ q

        def renew(m: jax.Array, v: jax.Array, power: jax.Array) -> tuple[Any, ...]:
            if self.sorts:
                order = jnp.argsort(-jnp.sum(q * power, axis=0))
                v, power = jnp.take(v, order, axis), power[:, order]
            fresh = qr_factor(power)
            return change_basis(m, axis, q, fresh), v, fresh

        if self.refresh_tolerance is None:
            return renew(m, v, power)
        inside = q.T @ power
        off = inside - jnp.diag(jnp.diagonal(inside))
        stale = jnp.sum(off * off) > self.refresh_tolerance**2 * jnp.sum(x * x)
        found = jax.lax.cond(in_any_lane(stale), renew, lambda m, v, power: (m, v, q), m, v, power)
        return where(stale, found, (m, v, q))


scale_by_soap = ScaleBySoap


@optimizer(rates=(1e-4, 1.0))
def soap(
    learning_rate: Rate = 3e-3,
    b1: Scalar = 0.95,
    b2: Scalar = 0.95,
    shampoo_beta: Scalar | None = None,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.01,
    mask: Any = None,
    *,
    precondition_frequency: int = 10,
    max_precondition_dim: int = 10000,
    merge_dims: bool = False,
    precondition_1d: bool = False,
    normalize_grads: bool = False,
    bias_correction: bool = True,
    stagger: bool = True,
    refresh_tolerance: Scalar | None = None,
) -> Chain:
    """Step by Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321).

    The first call takes no step. Weights decay after the step, p <- (p - lr u)(1 - lr wd), as the authors' code has it.
    A number for `weight_decay` decays from the second call on, the kinds of `jgd.weight_decay` from the first. With
    `stagger` the bases are renewed a few at a time, so that steps cost the same; the authors renew all together.
    Leaves of one shape are one batch. State: 20 bytes a parameter of square matrices.
    """
    rule = ScaleBySoap(
        b1,
        b2,
        shampoo_beta,
        eps,
        precondition_frequency=precondition_frequency,
        max_precondition_dim=max_precondition_dim,
        merge_dims=merge_dims,
        precondition_1d=precondition_1d,
        normalize_grads=normalize_grads,
        bias_correction=bias_correction,
        stagger=stagger,
        refresh_tolerance=refresh_tolerance,
    )
    return descend_then_decay(rule, learning_rate, weight_decay, mask, start=1)
