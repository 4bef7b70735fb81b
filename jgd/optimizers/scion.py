"""Scion: steps of a fixed length in a norm for each kind of leaf, inside a ball of it or not."""

import numbers
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Rule, hyper, record, static
from jgd.core.arguments import admits, one_of
from jgd.core.errors import RefusalError
from jgd.core.matrices import declared_axes
from jgd.core.newton_schulz import STANDARD
from jgd.core.outline import shown
from jgd.core.tree import abs_sq, path_names, ratio, safe_sqrt
from jgd.core.types import Params, Rate, Scalar, State
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.muon import OrthogonalMomentum, ScaleByMuonState
from jgd.transforms import Partition, every_matrix_axes, matrix_axes, partition
from jgd.transforms.by_path import EMBEDDING
from jgd.transforms.matrix_axes import NO_MATRIX

NORMS = one_of("auto", "spectral", "sign", "col", "row", "bias")


@record
class ScaleByScion(OrthogonalMomentum):
    """Step to the ball of a norm that suits the leaf.

    u = `radius` times the matrix of length 1 in a norm that lies nearest to d; d = beta d + (1-beta) g.

    (Pethick et al. 2025, arXiv:2502.07529.) For a matrix of in x out, whose rows are the inputs' weights:
    "spectral"  sqrt(out/in) O(d), see `OrthogonalMomentum`
    "sign"      sign(d) / in
    "col"       each input's weights at a root mean square of 1 (columns of the paper's out x in)
    "row"       each output's weights at a norm of 1 / sqrt(in)
    """

    beta: Scalar = hyper(default=0.9, interval="[0, 1)")
    _: KW_ONLY
    nesterov: bool = static(default=False)
    radius: Scalar = hyper(default=1.0, interval="[0, inf)")
    norm: str = static(default="spectral", expect=one_of("spectral", "sign", "col", "row"))
    layout = ScaleByMuonState

    @property
    def wide(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.norm == "spectral"

    def step(self, t: Any, x: jax.Array) -> jax.Array:
        if self.norm == "spectral":
            return self.orthogonal(x)
        if self.norm == "sign":
            return jnp.sign(x)
        lengths = safe_sqrt(jnp.sum(abs_sq(x), axis=1 if self.norm == "col" else 0, keepdims=True))
        size = x.shape[1] ** -0.5 if self.norm == "col" else x.shape[0] ** 0.5
        return ratio(x, size * lengths + self.eps)

    def size(self, rows: int, columns: int) -> Any:
        if self.norm == "spectral":
            return self.radius * (columns / max(rows, 1)) ** 0.5
        return self.radius / max(rows, 1) if self.norm == "sign" else self.radius

    def length(self, rows: int, columns: int) -> Any:
        """Return the spectral norm of the step; for entries of one size, where the gradient has rank 1."""
        return self.radius * (columns * rows if self.norm == "col" else columns / max(rows, 1)) ** 0.5

    def flops(self, rows: int, columns: int) -> float:
        return super().flops(rows, columns) if self.norm == "spectral" else 0.0


class ScionBiasState(NamedTuple):
    """Momentum, shaped like the parameters."""

    mu: State


@record
class ScaleByScionBias(Rule):
    """Step to the ball of the root mean square.

    u = `radius` d / (RMS(d) + eps) for a leaf; d = beta d + (1-beta) g (Pethick et al. 2025, arXiv:2502.07529).
    """

    beta: Scalar = hyper(default=0.9, interval="[0, 1)")
    radius: Scalar = hyper(default=1.0, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    layout = ScionBiasState
    entrywise = False

    def step(self, t: Any, g: jax.Array, d: jax.Array) -> tuple[jax.Array, jax.Array]:
        d = self.beta * d + (1 - self.beta) * g
        return ratio(self.radius, safe_sqrt(jnp.sum(abs_sq(d)) / max(d.size, 1)) + self.eps) * d, d


scale_by_scion = ScaleByScion
scale_by_scion_bias = ScaleByScionBias


@optimizer(rates=(1e-4, 1e0))
def scion(
    learning_rate: Rate,
    beta: Scalar = 0.9,
    radius: Scalar = 1.0,
    norm: str = "auto",
    *,
    constrained: bool = True,
    weight_decay: Rate = 0.0,
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
) -> Partition:
    """Step to the ball of a norm for each kind of leaf, or by its radius (Pethick et al. 2025, arXiv:2502.07529).

    Constrained it is Frank-Wolfe's step p <- (1 - lr) p - lr u, which stays in the ball (of the spectral norm in one
    larger by what Newton-Schulz errs, 1.2 at most with the standard coefficients), or else p <- p - lr (u + wd p)
    with u of `ScaleByScion`. With `norm="auto"` hidden matrices, as `matrix_axes` guesses them, have the spectral norm,
    embeddings (by their names) "col", other leaves of rank 2 and more, such as heads, "sign", and vectors, scalars and
    biases a root mean square of 1. Any other norm is that of all leaves of rank 2 and more, and "bias" of all.
    `jgd.describe` shows the choice. Constrained, the radius bounds the weights themselves, so sweep it too: with 1 a
    classifier's logits stay small, and digits ends at an accuracy of 0.95 at every rate, where 10 and 50 reach 0.97 in
    30 steps. The paper gives hidden matrices 50, and a head, or an embedding
    that is a head as well, "sign" and 3000: `jgd.by_path({"head": jgd.scion(lr, radius=3000.0, norm="sign")},
    jgd.scion(lr, radius=50.0))`.
    """
    if constrained and not (isinstance(weight_decay, numbers.Real) and weight_decay == 0):
        raise RefusalError("scion", "weight_decay", weight_decay, "be 0 where the step is constrained", shown)
    if not admits(NORMS, norm):
        raise RefusalError("scion", "norm", norm, NORMS.expected, shown)
    decay = 1.0 if constrained else weight_decay
    kinds = {"auto": ("spectral", "col", "sign"), "bias": ()}.get(norm, (norm,))
    rules: dict[str, Any] = {"bias": ScaleByScionBias(beta, radius)}
    for kind in kinds:
        rules[kind] = ScaleByScion(
            ns_coeffs, ns_steps, beta, radius=radius, norm=kind, weight_dimension_numbers=every_matrix_axes
        )
    parts = {kind: descend(rule, learning_rate, decay) for kind, rule in rules.items()}
    return partition(parts, ScionLabels(norm))


@dataclass(frozen=True)
class ScionLabels:
    """Name the norm of each leaf: as labels, a function of the parameters."""

    norm: str

    def __call__(self, params: Params) -> Any:
        """Return a tree of labels."""
        hidden = declared_axes("scion", matrix_axes, params).of(params)
        rows = jax.tree_util.tree_leaves_with_path(params)
        labels = [self._of(path_names(path), leaf, axes) for (path, leaf), axes in zip(rows, hidden, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(params), labels)

    def __repr__(self) -> str:
        return f"scion_labels({self.norm!r})"

    def _of(self, names: tuple[str, ...], leaf: Any, axes: Any) -> str:
        if jnp.ndim(leaf) < 2 or NO_MATRIX.search(names[-1] if names else ""):
            return "bias"
        if self.norm != "auto":
            return self.norm
        return "spectral" if axes is not None else "col" if EMBEDDING.search("/".join(names)) else "sign"


scion_labels = ScionLabels
