"""Dion: orthogonal steps of low rank, by one power iteration from the last step's basis."""

import math
from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import MatrixRule, hyper, record, static
from jgd.core.arguments import POSITIVE, Kind
from jgd.core.frozen import first_key, frozen_key, split_key
from jgd.core.matrices import frozen_axes
from jgd.core.tree import abs_sq, safe_sqrt
from jgd.core.types import Rate, Scalar, State
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.muon import beside_adamw, matrices_and_labels
from jgd.transforms import Partition
from jgd.transforms.decay import Decay

FRACTION = Kind("be a number in (0, 1]", lambda x: POSITIVE.admits(x) and x <= 1)


class DionState(NamedTuple):
    """Momenta f[*batch, in, out] and bases f[*batch, in, rank] of the matrices."""

    mu: State
    basis: State
    orthogonalized = ("mu",)


@record
class ScaleByDion(MatrixRule):
    """Orthogonalize a momentum of low rank.

    B = M + G; P = qr(B Q); R = B'P; M = B - (1-beta) P R'; Q = R with columns of norm 1; u = sqrt(out/in) P Q'.

    (Ahn et al. 2025, arXiv:2504.05295, Alg. 1, whose matrices are out x in.) P and Q have as many columns as
    `rank_fraction` of the shorter side, rounded up. Q is drawn from `key` at first, for all matrices of a shape alike.
    Columns of R that are zero but for rounding, as those of a zero gradient, take no step and leave Q as it is.
    `weight_dimension_numbers` cuts leaves into matrices as in `ScaleByMuon`.
    State: 4 + 4 rank / out bytes a parameter. Cost: 6 rank m n FLOP and a QR decomposition of out x rank.
    """

    beta: Scalar = hyper(default=0.95, interval="[0, 1)")
    rank_fraction: float = static(default=0.25, expect=FRACTION)
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    _: KW_ONLY
    key: Any = static(default=0, convert=frozen_key)
    weight_dimension_numbers: Any = static(default=None, convert=frozen_axes)
    layout = DionState

    def matrix_slots(self, x: jax.ShapeDtypeStruct) -> tuple[jax.Array, ...]:
        _, (key,) = split_key(self.key, first_key(self.key))
        basis = jax.random.normal(key, (x.shape[0], self.rank(*x.shape)), x.dtype)
        return jnp.zeros(x.shape, x.dtype), basis

    def step(self, t: Any, g: jax.Array, m: jax.Array, q: jax.Array) -> tuple[jax.Array, ...]:  # pyright: ignore
        b = m + g
        bq = b.conj().mT @ q
        live = jnp.any(bq != 0)
        # A decomposition has no slopes at zero.
        p = jnp.where(live, jnp.linalg.qr(jnp.where(live, bq, jnp.eye(*bq.shape, dtype=bq.dtype)))[0], 0.0)
        r = b @ p
        m = b - (1 - self.beta) * (r @ p.conj().mT)
        lengths = safe_sqrt(jnp.sum(abs_sq(r), axis=0, keepdims=True))
        known = lengths > len(r) * jnp.finfo(lengths.dtype).eps * jnp.max(lengths, initial=0.0)
        new = jnp.where(known, r / (jnp.where(known, lengths, 1.0) + self.eps), 0.0)
        return new @ p.conj().mT, m, jnp.where(known, new, q)

    def size(self, rows: int, columns: int) -> float:
        return (columns / max(rows, 1)) ** 0.5

    def rank(self, rows: int, columns: int) -> int:
        """Return the number of directions of a matrix of `rows` inputs and `columns` outputs."""
        return math.ceil(self.rank_fraction * min(rows, columns))

    def flops(self, rows: int, columns: int) -> float:
        rank = self.rank(rows, columns)
        return 6.0 * rows * columns * rank + 2.0 * columns * rank**2


scale_by_dion = ScaleByDion


@optimizer(rates=(1e-4, 1e0))
def dion(
    learning_rate: Rate,
    beta: Scalar = 0.95,
    rank_fraction: float = 0.25,
    weight_decay: Decay = 0.0,
    weight_decay_mask: Any = None,
    *,
    key: Any = 0,
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Decay = 0.0,
    adam_learning_rate: Rate | None = None,
    muon_weight_dimension_numbers: Any = None,
    param_labels: Any = None,
) -> Partition:
    """Orthogonal steps of low rank for hidden matrices, and AdamW for all else (Ahn et al. 2025, arXiv:2504.05295).

    `ScaleByDion` has the rule; which leaves are matrices, and how to say so, is as in `muon`, and `jgd.describe` shows
    it with each leaf's rate: AdamW's is `learning_rate` unless `adam_learning_rate` is given. No reference runs; held
    to a transcription of the paper.
    """
    declared, labels = matrices_and_labels("dion", muon_weight_dimension_numbers, param_labels)
    rule = ScaleByDion(beta, rank_fraction, key=key, weight_dimension_numbers=declared)
    matrices = descend(rule, learning_rate, weight_decay, weight_decay_mask)
    rate = learning_rate if adam_learning_rate is None else adam_learning_rate
    return beside_adamw(matrices, labels, rate, adam_b1, adam_b2, adam_eps_root, adam_weight_decay)
