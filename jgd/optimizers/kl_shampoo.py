"""KL-Shampoo and KL-SOAP: Kronecker factors that minimise a divergence, each fitted to what the others leave."""

from dataclasses import KW_ONLY, replace
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import WHOLE
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import Blocks, blocks, change_basis, gram, rotated
from jgd.core.eigen import eigenbases, qr_factor
from jgd.core.symmetric import fold, folded_shape, unfold
from jgd.core.tree import abs_sq, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend_then_decay, optimizer
from jgd.optimizers.soap import ScaleBySoap
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByKlShampoo(BlockRule):
    """Precondition each matrix by factors that minimise a KL divergence.

    m = EMA of Q'G R; u = Q (m / (sqrt(s r') + eps)) R', with S = EMA of G R diag(1/r) R' G' / n, Q the eigenvectors of
    S, s = EMA of the row means of (Q'G R)² / r its eigenvalues, and R and r those of the other side, which learn alike.

    (Lin et al. 2025, arXiv:2509.03378, and the authors' code, github.com/yorkerlin/KL-Methods.) The eigenvalues are
    `init_factor` at first and learn at each step after the first, which moves nothing; the eigenvectors are computed
    from the factors after the first step, and every `precondition_frequency` steps renewed by the QR factors of S Q,
    m with them.
    1 / sqrt(s) is at most max(10, min(m, 4000)). Sides longer than `block_size` are cut. A leaf of fewer than two
    axes, which the authors do not treat, has a diagonal of its own: sqrt(s) + eps divides, s = EMA of g².
    With `stagger` blocks take turns within the f steps. State: 4 + 6 (m² + n²) / mn bytes a parameter of a matrix.
    """

    b1: Scalar = hyper(default=0.95, interval="[0, 1)")
    b2: Scalar = hyper(default=0.95, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    init_factor: Scalar = hyper(default=0.1, interval="(0, inf)")
    _: KW_ONLY
    precondition_frequency: int = static(default=10, expect=WHOLE)
    block_size: int = static(default=1024, expect=WHOLE)
    stagger: bool = static(default=True)
    layout = ("mu", "factors", "bases", "values")
    renews = ("mu", "bases")

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        """Return blocks, in which a scalar is a vector of one."""
        return blocks(shape, self.block_size) if shape else replace(blocks((1,)), shape=())

    def slots(self, p: Any) -> tuple[Any, ...]:
        turned = len(p.shape) > 1
        factors = tuple(jnp.zeros(folded_shape(n), p.dtype) if turned else None for n in p.shape)
        bases = tuple(jnp.eye(n, dtype=p.dtype) if turned else None for n in p.shape)
        return zeros(p), factors, bases, tuple(jnp.full(n, self.init_factor, p.dtype) for n in p.shape)

    def step(self, t: jax.Array, g: jax.Array, m: jax.Array, factors: Any, bases: Any, values: Any) -> tuple[Any, ...]:
        inside = rotated(g, bases)
        m = jnp.where(t > 1, self.b1 * m + (1 - self.b1) * inside, m)
        size = jnp.ones_like(m)
        for axis, s in enumerate(values):
            size = size * _along(safe_sqrt(s), axis, m.ndim)
        u = rotated(jnp.where(t > 1, ratio(m, size + self.eps), 0.0), bases, back=True)
        factors, values = _kl_factors(t == 1, self.b2, inside, factors, bases, values)
        return u, m, factors, bases, values

    def begin(self, m: Any, factors: Any, bases: Any, values: Any) -> tuple[Any, ...]:
        return m, eigenbases(factors)  # m is still zero

    def refresh(self, m: Any, factors: Any, bases: Any, values: Any) -> tuple[Any, ...]:
        fresh = jax.tree.map(lambda x, q: qr_factor(unfold(x) @ q), factors, bases)
        for axis, (old, new) in enumerate(zip(bases, fresh, strict=True)):
            m = m if old is None else change_basis(m, axis, old, new)
        return m, fresh


scale_by_kl_shampoo = ScaleByKlShampoo


@record
class ScaleByKlSoap(ScaleBySoap):
    """Scale by Adam in the eigenbases of factors that minimise a KL divergence.

    SOAP, whose factors and their eigenvalues are those of `ScaleByKlShampoo` (Lin et al. 2025, arXiv:2509.03378).

    As the authors have it, a renewed basis is not sorted, and the second moment stays as it is. Without
    `bias_correction` it is their rule. State: 8 + 6 (m² + n²) / mn bytes a parameter of a matrix.
    """

    init_factor: Scalar = hyper(default=0.1, interval="(0, inf)")
    layout = ("mu", "nu", "factors", "bases", "values")
    renews = ("mu", "bases")
    sorts = False

    def slots(self, p: Any) -> tuple[Any, ...]:
        values = (jnp.full(n, self.init_factor, p.dtype) for n in p.shape)
        sides = zip(values, self.sides(p.shape), strict=True)
        return *ScaleBySoap.slots(self, p), tuple(x if turned else None for x, turned in sides)

    def shared(self, t: jax.Array) -> Any:
        """Tell whether it is the first call, and what SOAP shares."""
        return t == 1, ScaleBySoap.shared(self, t)

    def step(
        self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any, values: Any
    ) -> tuple[Any, ...]:
        first, corrections = shared
        u, m, v, *_ = ScaleBySoap.step(self, corrections, g, m, v, (None,) * g.ndim, bases)
        beta = self.b2 if self.shampoo_beta is None else self.shampoo_beta
        factors, values = _kl_factors(first, beta, rotated(g, bases), factors, bases, values)
        return u, m, v, factors, bases, values

    def begin(self, m: Any, v: Any, factors: Any, bases: Any, values: Any) -> tuple[Any, ...]:
        m, _, bases = ScaleBySoap.begin(self, m, v, factors, bases)
        return m, bases

    def refresh(self, m: Any, v: Any, factors: Any, bases: Any, values: Any) -> tuple[Any, ...]:
        m, _, bases = ScaleBySoap.refresh(self, m, v, factors, bases)
        return m, bases


scale_by_kl_soap = ScaleByKlSoap


@optimizer(rates=(1e-4, 1e0))
def kl_shampoo(
    learning_rate: Rate,
    b1: Scalar = 0.95,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    init_factor: Scalar = 0.1,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    precondition_frequency: int = 10,
    block_size: int = 1024,
    stagger: bool = True,
) -> Chain:
    """Shampoo without grafting: factors that minimise a KL divergence (Lin et al. 2025, arXiv:2509.03378).

    No package runs as the paper has it: held to a transcription of the paper and its authors' code. The first step
    moves nothing; weights decay after each later one.
    """
    rule = ScaleByKlShampoo(
        b1,
        b2,
        eps,
        init_factor,
        precondition_frequency=precondition_frequency,
        block_size=block_size,
        stagger=stagger,
    )
    return descend_then_decay(rule, learning_rate, weight_decay, mask, start=1)


@optimizer(rates=(1e-4, 1e0))
def kl_soap(
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
    init_factor: Scalar = 0.1,
    stagger: bool = True,
    refresh_tolerance: Scalar | None = None,
) -> Chain:
    """SOAP in the eigenbases of factors that minimise a KL divergence (Lin et al. 2025, arXiv:2509.03378).

    No package runs as the paper has it: held to a transcription of the paper and its authors' code. The first step
    moves nothing; weights decay after each later one.
    """
    rule = ScaleByKlSoap(
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
        init_factor=init_factor,
        stagger=stagger,
        refresh_tolerance=refresh_tolerance,
    )
    return descend_then_decay(rule, learning_rate, weight_decay, mask, start=1)


def _kl_factors(
    first: jax.Array, beta: Any, inside: jax.Array, factors: Any, bases: Any, values: Any
) -> tuple[Any, Any]:
    """Learn from a gradient G, which is `inside` its bases, the factors S, folded, and their eigenvalues s.

    S = beta S + (1-beta) G R diag(1/r) R' G' / n and s = beta s + (1-beta) mean over columns of (Q'G R)² / r of a
    matrix, with Q the eigenvectors of S f[m, m] and R and r those and the eigenvalues of the other side's: G is made
    white along all sides but one, whose factor learns from it. The `first` gradient is white in no side, and the
    eigenvalues, which are given before, wait for the second. A factor without a basis is a diagonal, s alone.
    """
    new_factors, new_values = [], []
    for axis, (x, s) in enumerate(zip(factors, values, strict=True)):
        others = [None if i == axis else v for i, v in enumerate(values)]
        scale = jnp.ones_like(inside)
        for i, v in enumerate(others):
            scale = scale if v is None else scale * _along(jnp.where(first, 1.0, 1 / jnp.sqrt(v)), i, inside.ndim)
        learned = inside * scale
        if x is not None:
            # Turned back along this side alone: the other bases drop out of the product.
            back = rotated(learned, [q if i == axis else None for i, q in enumerate(bases)], back=True)
            x = beta * x + (1 - beta) * fold(gram(back, axis)) * (inside.shape[axis] / inside.size)
        if s is not None:
            mean = jnp.mean(abs_sq(learned), axis=tuple(i for i in range(inside.ndim) if i != axis))
            s = jnp.where(first, s, beta * s + (1 - beta) * mean)
            # The authors' bound of an inverse root; the factors of vectors divide nothing else.
            s = s if x is None else jnp.maximum(s, max(10, min(inside.shape[axis], 4000)) ** -2.0)
        new_factors.append(x)
        new_values.append(s)
    return tuple(new_factors), tuple(new_values)


def _along(x: jax.Array, axis: int, ndim: int) -> jax.Array:
    """Return a vector along an axis of `ndim`."""
    return jnp.expand_dims(x, [i for i in range(ndim) if i != axis])
