"""Optimizers for matrices, with AdamW for what is not one."""

from dataclasses import dataclass
from typing import Any

import jax

from jgd.core import InputError
from jgd.core.frozen import frozen
from jgd.core.matrices import declared_axes
from jgd.core.types import Params, Rate, Scalar
from jgd.optimizers.adaptive import adamw
from jgd.transforms import (
    Partition,
    add_decayed_weights,
    chain,
    every_matrix_axes,
    matrix_axes,
    partition,
    scale_by_learning_rate,
    scale_by_muon,
)
from jgd.transforms.matrix import NEWTON_SCHULZ


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
    muon_weight_dimension_numbers: Any = None,
    consistent_rms: Scalar | None = None,
    ns_dtype: Any = None,
    param_labels: Any = None,
) -> Partition:
    """Muon for hidden matrices and AdamW for all else; see `ScaleByMuon` for the rule and where it differs from optax.

    `matrix_axes` guesses which leaves are hidden matrices, and which of their axes are inputs and outputs;
    `jgd.describe(optimizer, params)` shows it. `muon_weight_dimension_numbers` replaces the guess: a tree of
    `MatrixAxes`, the parameters' or a prefix of it, with `None` for what AdamW gets; a function of the parameters that
    returns one; or `matrix_axes_by_path({...})`. Or `param_labels`, a tree of "muon" and "adam" or a function of the
    parameters, says which leaves alone: the axes are guessed, or else a leaf is (..., in, out).

    `adam_learning_rate` is `learning_rate` unless given. With `consistent_rms=0.2` both sides step by about as much,
    so that AdamW's tuned rate serves both (Liu et al. 2025, arXiv:2502.16982).
    State: 4 bytes a parameter in matrices, 8 elsewhere.
    """
    declared, labels = muon_weight_dimension_numbers, param_labels
    if declared is not None and labels is not None:
        raise InputError(
            "muon(muon_weight_dimension_numbers, param_labels): both say which leaves are matrices; give one of them."
        )
    if declared is not None:
        labels = MuonLabels(declared)
    elif labels is None:
        declared, labels = matrix_axes, muon_labels
    else:
        declared = every_matrix_axes
    matrices = chain(
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            weight_dimension_numbers=declared,
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
    return partition({"muon": matrices, "adam": rest}, labels)


def muon_labels(params: Params) -> Any:
    """Label hidden matrices "muon" and all else "adam", as `matrix_axes` guesses them."""
    return MuonLabels(matrix_axes)(params)


@dataclass(frozen=True)
class MuonLabels:
    """A function of the parameters: "muon" for the leaves whose axes are declared, and "adam" for the others."""

    declared: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "declared", frozen(self.declared))

    def __call__(self, params: Params) -> Any:
        """A tree of labels."""
        axes = declared_axes("muon(muon_weight_dimension_numbers)", self.declared, params).of(params)
        return jax.tree.unflatten(jax.tree.structure(params), ["adam" if x is None else "muon" for x in axes])
