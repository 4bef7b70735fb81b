"""Rows of Muon's coefficients by name, and of what makes a momentum orthogonal in other ways."""

import jax
import numpy as np

import jgd
from tests import problems
from tests.row import Row

HEADS = {"k": (5, 6), "q": (5, 6)}  # 3 heads of 2
MATRIX = {"same_state": False, "rounding": 100}  # the iteration's slope at zero is 3.4 for each of five steps


def bases(shapes, **settings):
    """Dion's first bases of the matrices among parameters of these shapes."""
    matrices = [p for p in jax.tree.leaves(problems.params(shapes)) if p.ndim == 2]
    return [np.asarray(x) for x in jgd.scale_by_dion(**settings).init(matrices).basis]


def largest_logits(q, k):
    """Make the largest logit of each of 3 heads."""
    return 0.8 + np.linalg.norm(np.reshape(q, (5, 3, 2)), axis=(0, 2)) * np.linalg.norm(
        np.reshape(k, (5, 3, 2)), axis=(0, 2)
    )


def _clipped(updates, params):
    q, k = (params[name].reshape(5, 3, 2) for name in "qk")
    logits = 0.8 + jax.numpy.linalg.norm(q, axis=(0, 2)) * jax.numpy.linalg.norm(k, axis=(0, 2))
    new_q, new_k = jgd.qk_clip(q, k, logits, 0.9, 0.25)
    return {"k": (new_k - k).reshape(5, 6), "q": (new_q - q).reshape(5, 6)}


def _descend(rule, decay=0.0):
    return jgd.chain(rule, jgd.add_decayed_weights(decay), jgd.scale_by_learning_rate(0.05))


def _muon(name):
    # Without eps: the package divides by max(norm, 1e-7), jgd by norm + eps.
    return Row(
        f"muon_{name}",
        lambda: _descend(jgd.scale_by_muon(name, nesterov=False, eps=0.0)),
        shapes=problems.MATRICES,
        reference=f"emerging-optimizers:muon_{name}",
    )


def _scion(norm, **settings):
    return Row(
        f"scion_{norm}",
        lambda: jgd.scion(0.05, norm=norm, constrained=False, weight_decay=0.1, **settings),
        shapes=problems.MATRICES,
        reference=f"pytorch-optimizer:scion_{norm}",
    )


OVERRIDES = {
    # The packages divide by max(norm, 1e-7), jgd by norm + 1e-8: to norms above 1e-3.
    "normuon": MATRIX | {"reference": "pytorch-optimizer:normuon", "recorded_error": 1e-6, "state_bytes": 4 + 4 / 64},
    "adamuon": MATRIX | {"reference": "paper:adamuon", "state_bytes": 8},
    "scion": MATRIX | {"reference": "pytorch-optimizer:scion", "recorded_error": 1e-6, "state_bytes": 4},
    "dion": MATRIX | {"reference": "paper:dion", "state_bytes": 4 + 4 * 16 / 64},
}

RECORDED = [
    *map(_muon, ("polar_express", "cans", "aol", "deepseekv4", "dion")),
    Row(
        "normuon_norm",
        lambda: _descend(
            jgd.scale_by_normuon(beta=0.8, b2=0.9, eps=0.0, nesterov=False, consistent_rms=None), decay=0.1
        ),
        shapes=problems.MATRICES,
        reference="pytorch-optimizer:normuon_norm",
    ),
    Row(
        "adamuon_unsigned",
        lambda: _descend(jgd.scale_by_adamuon(eps=0.0, sign_stabilized=False, consistent_rms=None), decay=0.1),
        shapes=problems.MATRICES,
        reference="emerging-optimizers:adamuon_unsigned",
    ),
    Row(
        "scion_spectral",
        lambda: _descend(jgd.scale_by_scion(eps=0.0, radius=2.0), decay=1.0),
        shapes=problems.MATRICES,
        reference="emerging-optimizers:scion_spectral",
    ),
    _scion("sign", radius=3.0),
    _scion("col"),
    _scion("row"),
    Row(
        "dion_matrices",
        lambda: _descend(jgd.scale_by_dion(0.8, 0.6), decay=0.1),
        shapes=problems.MATRICES,
        reference="paper:dion_matrices",
    ),
    Row("qk_clip", lambda: jgd.stateless(_clipped), shapes=HEADS, reference="pytorch-optimizer:qk_clip"),
]
