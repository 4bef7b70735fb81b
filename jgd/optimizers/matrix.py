"""Optimizers for matrices, with AdamW for what is not one."""

import re
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.types import Params, Rate, Scalar
from jgd.optimizers.adaptive import adamw
from jgd.transforms import Partition, add_decayed_weights, chain, partition, scale_by_learning_rate, scale_by_muon
from jgd.transforms.matrix import NEWTON_SCHULZ

NOT_HIDDEN = re.compile(r"embed|(?<!multi)(?<!multi_)head|logits|wte|wpe|vocab|token(?!_?mix)|readout", re.IGNORECASE)
"""Names in a leaf's path that mark embeddings and output heads; multi-head attention and token mixing are hidden."""


def muon(
    learning_rate: Rate,
    ns_coeffs: Any = NEWTON_SCHULZ,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    weight_decay_mask: Any = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Rate = 0.0,
    adam_learning_rate: Rate | None = None,
    consistent_rms: Scalar | None = None,
    ns_dtype: Any = None,
    param_labels: Any = None,
) -> Partition:
    """Muon for hidden matrices and AdamW for all else; see `ScaleByMuon` for the rule and where it differs from optax.

    `muon_labels(params)` shows which leaf gets which; `param_labels`, a tree of "muon" and "adam" or a function of
    the parameters, replaces it. `adam_learning_rate` is `learning_rate` unless given. With `consistent_rms=0.2` both
    sides step by about as much, so that AdamW's tuned rate serves both (Liu et al. 2025, arXiv:2502.16982).
    State: 4 bytes a parameter in matrices, 8 elsewhere.
    """
    matrices = chain(
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            consistent_rms=consistent_rms,
            ns_dtype=ns_dtype,
        ),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    rest = adamw(
        learning_rate if adam_learning_rate is None else adam_learning_rate,
        b1=adam_b1,
        b2=adam_b2,
        eps_root=adam_eps_root,
        weight_decay=adam_weight_decay,
    )
    labels = muon_labels if param_labels is None else param_labels
    return partition({"muon": matrices, "adam": rest}, labels)


def muon_labels(params: Params) -> Any:
    """Label matrices "muon", and all else "adam", matrices whose path names an embedding or a head among it.

    Only leaves of rank 2 count as matrices: a rank-3 leaf may be a stack of them or an attention kernel, which only
    you know; label it "muon" yourself to treat its last two axes as matrices.
    """

    def label(path: Any, leaf: Any) -> str:
        hidden = jnp.ndim(leaf) == 2 and not NOT_HIDDEN.search(jax.tree_util.keystr(path))
        return "muon" if hidden and not jnp.iscomplexobj(leaf) else "adam"

    return jax.tree_util.tree_map_with_path(label, params)
