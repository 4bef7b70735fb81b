"""Muon with a second moment of its orthogonal matrix: NorMuon's of each column, AdaMuon's of each entry."""

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.newton_schulz import STANDARD
from jgd.core.tree import abs_sq, ratio, safe_sqrt
from jgd.core.types import Rate, Scalar, State
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.muon import OrthogonalMomentum, beside_adamw, matrices_and_labels, shape_factor
from jgd.transforms import Partition
from jgd.transforms.decay import Decay


class AdaptiveMuonState(NamedTuple):
    """Momentum, shaped like the parameters, and the second moments of the matrices."""

    mu: State
    nu: State
    orthogonalized = ("mu",)


@record
class ScaleByNormuon(OrthogonalMomentum):
    """Orthogonalize a momentum, and scale it by a second moment for each output.

    v = b2 v + (1-b2) mean_in O²; u = `consistent_rms` sqrt(in out) N / ||N||, N = O / (sqrt(v) + eps).

    (Li et al. 2025, arXiv:2510.05491.) O is Muon's orthogonal matrix, see `OrthogonalMomentum`. v has an entry for each
    output, which is a column of a kernel (in, out). Without `consistent_rms` u has the norm of O, times Muon's
    sqrt(max(1, out/in)), as in the authors' code. State: 4 + 4 / in bytes a parameter.
    """

    _: KW_ONLY
    b2: Scalar = hyper(default=0.95, interval="[0, 1)")
    consistent_rms: Scalar | None = hyper(default=0.2, interval="(0, inf)", optional=True)
    layout = AdaptiveMuonState

    def matrix_slots(self, x: jax.ShapeDtypeStruct) -> tuple[jax.Array]:
        return (jnp.zeros((1, x.shape[1]), jnp.finfo(x.dtype).dtype),)

    def step(self, t: Any, x: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:  # pyright: ignore
        o = self.orthogonal(x)
        v = self.b2 * v + (1 - self.b2) * jnp.mean(abs_sq(o), axis=0, keepdims=True)
        u = ratio(o, safe_sqrt(v) + self.eps)
        if self.consistent_rms is None:
            return shape_factor(*x.shape) * ratio(_norm(o), _norm(u) + self.eps) * u, v
        return ratio(self.consistent_rms * x.size**0.5, _norm(u) + self.eps) * u, v


@record
class ScaleByAdamuon(OrthogonalMomentum):
    """Orthogonalize the sign of a momentum, and scale it by a second moment.

    v = b2 v + (1-b2) O², O = O(sign b); u = `consistent_rms` sqrt(in out) N / ||N||, N = O / (sqrt(v) + eps).

    (Si et al. 2025, arXiv:2507.11005, Alg. 1.) b is the momentum and O Muon's orthogonal matrix, see
    `OrthogonalMomentum`; without `sign_stabilized` that of b itself. Without `consistent_rms` u is N, times Muon's
    sqrt(max(1, out/in)). State: 8 bytes a parameter.
    """

    _: KW_ONLY
    nesterov: bool = static(default=False)
    b2: Scalar = hyper(default=0.95, interval="[0, 1)")
    sign_stabilized: bool = static(default=True)
    consistent_rms: Scalar | None = hyper(default=0.2, interval="(0, inf)", optional=True)
    layout = AdaptiveMuonState

    def matrix_slots(self, x: jax.ShapeDtypeStruct) -> tuple[jax.Array]:
        return (jnp.zeros(x.shape, jnp.finfo(x.dtype).dtype),)

    def step(self, t: Any, x: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:  # pyright: ignore
        o = self.orthogonal(jnp.sign(x) if self.sign_stabilized else x)
        v = self.b2 * v + (1 - self.b2) * abs_sq(o)
        u = ratio(o, safe_sqrt(v) + self.eps)
        if self.consistent_rms is None:
            return shape_factor(*x.shape) * u, v
        return ratio(self.consistent_rms * x.size**0.5, _norm(u) + self.eps) * u, v


scale_by_normuon = ScaleByNormuon
scale_by_adamuon = ScaleByAdamuon


@optimizer(rates=(1e-4, 1e0))
def normuon(
    learning_rate: Rate,
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    weight_decay_mask: Any = None,
    *,
    nesterov: bool = True,
    consistent_rms: Scalar | None = 0.2,
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Decay = 0.0,
    adam_learning_rate: Rate | None = None,
    muon_weight_dimension_numbers: Any = None,
    param_labels: Any = None,
) -> Partition:
    """Muon whose steps are as long for each output, and AdamW for all else (Li et al. 2025, arXiv:2510.05491).

    `ScaleByNormuon` has the rule; which leaves are matrices, and how to say so, is as in `muon`. Steps have the root
    mean square `consistent_rms`, AdamW's at 0.2, so that one rate serves both sides; with `consistent_rms=None` they
    are Muon's, and AdamW wants an `adam_learning_rate` of its own. `jgd.describe` shows the rate of each leaf.
    """
    declared, labels = matrices_and_labels("normuon", muon_weight_dimension_numbers, param_labels)
    rule = ScaleByNormuon(
        ns_coeffs,
        ns_steps,
        beta,
        eps,
        b2=b2,
        nesterov=nesterov,
        consistent_rms=consistent_rms,
        weight_dimension_numbers=declared,
    )
    matrices = descend(rule, learning_rate, weight_decay, weight_decay_mask)
    rate = learning_rate if adam_learning_rate is None else adam_learning_rate
    return beside_adamw(matrices, labels, rate, adam_b1, adam_b2, adam_eps_root, adam_weight_decay)


@optimizer(rates=(1e-4, 1e0))
def adamuon(
    learning_rate: Rate,
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    weight_decay_mask: Any = None,
    *,
    sign_stabilized: bool = True,
    consistent_rms: Scalar | None = 0.2,
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Decay = 0.0,
    adam_learning_rate: Rate | None = None,
    muon_weight_dimension_numbers: Any = None,
    param_labels: Any = None,
) -> Partition:
    """Muon of signs, over a second moment, and AdamW for all else (Si et al. 2025, arXiv:2507.11005).

    `ScaleByAdamuon` has the rule; which leaves are matrices, and how to say so, is as in `muon`. Steps have the root
    mean square `consistent_rms`, AdamW's at 0.2, so that one rate serves both sides; with `consistent_rms=None` they
    are longer, and AdamW wants an `adam_learning_rate` of its own. `jgd.describe` shows the rate of each leaf. No
    reference runs; held to a transcription of the paper, and without the signs to emerging-optimizers.
    """
    declared, labels = matrices_and_labels("adamuon", muon_weight_dimension_numbers, param_labels)
    rule = ScaleByAdamuon(
        ns_coeffs,
        ns_steps,
        beta,
        eps,
        b2=b2,
        sign_stabilized=sign_stabilized,
        consistent_rms=consistent_rms,
        weight_dimension_numbers=declared,
    )
    matrices = descend(rule, learning_rate, weight_decay, weight_decay_mask)
    rate = learning_rate if adam_learning_rate is None else adam_learning_rate
    return beside_adamw(matrices, labels, rate, adam_b1, adam_b2, adam_eps_root, adam_weight_decay)


def _norm(x: jax.Array) -> jax.Array:
    """Return the Frobenius norm, whose slope at zero is zero."""
    return safe_sqrt(jnp.sum(abs_sq(x)))
