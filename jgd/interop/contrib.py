"""Muon for the drop-in's `optax.contrib`: optax's signatures and formulas, as jgd's values."""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.errors import ExpectationError
from jgd.core.matrices import MatrixAxes
from jgd.core.newton_schulz import STANDARD, coefficients, steps_of
from jgd.core.types import Params, Rate, Scalar
from jgd.optimizers import ScaleByMuon, adamw
from jgd.optimizers.muon import MuonLabels
from jgd.transforms import Partition, add_decayed_weights, chain, partition, scale_by_learning_rate


def muon(
    learning_rate: Rate,
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    weight_decay_mask: Any = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Rate = 0.0,
    adam_learning_rate: Rate | None = None,
    muon_weight_dimension_numbers: Any = None,
    consistent_rms: Scalar | None = None,
) -> Partition:
    """Muon as `optax.contrib.muon` has it: both momentum terms corrected for bias, and every leaf of rank 2 a matrix.

    `jgd.muon` guesses the hidden matrices instead: pass `muon_weight_dimension_numbers=jgd.matrix_axes` for its choice.
    """
    declared = _rank_two if muon_weight_dimension_numbers is None else muon_weight_dimension_numbers
    matrices = chain(
        ScaleByMuon(
            *_iteration(ns_coeffs, ns_steps),
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            adaptive=adaptive,
            preconditioning=preconditioning,
            weight_dimension_numbers=declared,
            consistent_rms=consistent_rms,
            bias_correction=True,
        ),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    rest = adamw(
        learning_rate if adam_learning_rate is None else adam_learning_rate,
        adam_b1,
        adam_b2,
        eps,
        adam_eps_root,
        mu_dtype,
        adam_weight_decay,
        nesterov=nesterov,
    )
    return partition({"muon": matrices, "adam": rest}, MuonLabels(declared))


def scale_by_muon(
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    weight_dimension_numbers: Any = None,
) -> ScaleByMuon:
    """Muon's rule as optax has it: corrected for bias, and without the factor for a matrix's shape."""
    return ScaleByMuon(
        *_iteration(ns_coeffs, ns_steps),
        beta,
        eps,
        mu_dtype,
        nesterov=nesterov,
        adaptive=adaptive,
        preconditioning=preconditioning,
        weight_dimension_numbers=weight_dimension_numbers,
        bias_correction=True,
        shape_scaling=False,
    )


def _iteration(ns_coeffs: Any, ns_steps: int) -> tuple[Any, int]:
    """Return the coefficients and the number of steps, which optax ignores where there are several triples."""
    with contextlib.suppress(ExpectationError):  # which the rule words with its own name
        ns_steps = steps_of(coefficients(ns_coeffs), ns_steps)
    return ns_coeffs, ns_steps


def _rank_two(params: Params) -> Any:
    """Return every leaf of rank 2 as a matrix, embeddings and heads as well: optax's default."""
    return jax.tree.map(lambda x: MatrixAxes(0, 1) if jnp.ndim(x) == 2 else None, params)
