"""Muon: momentum made orthogonal, and AdamW for what is no matrix."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, MatrixRule, hyper, record, static
from jgd.core.arguments import WHOLE
from jgd.core.frozen import dtype_name, frozen
from jgd.core.matrices import declared_axes, frozen_axes
from jgd.core.newton_schulz import PRECONDITIONING, STANDARD, check_steps, coefficients, newton_schulz, steps_of
from jgd.core.record import hypers
from jgd.core.tree import increment, one_minus_pow, zeros
from jgd.core.types import Params, Rate, Scalar, State
from jgd.optimizers.adam import adamw
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain, Partition, every_matrix_axes, matrix_axes, partition
from jgd.transforms.decay import Decay


class ScaleByMuonState(NamedTuple):
    """Momentum, shaped like the parameters."""

    mu: State
    orthogonalized = ("mu",)  # what `low_bit` leaves as it is


class CorrectedMuonState(NamedTuple):
    """A step counter and momentum, shaped like the parameters."""

    count: jax.Array  # i32[]
    mu: State
    orthogonalized = ("mu",)


@record
class OrthogonalMomentum(MatrixRule):
    """Make a momentum orthogonal: b = beta b + (1-beta) g, O(beta b + (1-beta) g), or O(b) without `nesterov`.

    It is what Muon and its kin share. O(UΣV') ≈ UV' is `newton_schulz` in `ns_dtype`, float32 at least by default, with
    `ns_steps` steps of `ns_coeffs` = (a, b, c), or one step for each of several triples. Names of some are "standard",
    "dion", "polar_express" and "cans" (five steps), "aol" (four) and "deepseekv4" (ten). `preconditioning` scales the
    matrix before it.
    `weight_dimension_numbers` cuts leaves into matrices of in x out, a tree of `MatrixAxes` or a function of the
    parameters that returns one; without it a leaf is (..., in, out), its leading axes a batch.
    Cost: 5 (4 m² n + 2 m³) FLOP for an m x n matrix with m <= n.
    """

    ns_coeffs: Any = hypers(default=STANDARD, convert=coefficients)
    ns_steps: int = static(default=5, expect=WHOLE)
    beta: Scalar = hyper(default=0.95, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    _: KW_ONLY
    nesterov: bool = static(default=True)
    preconditioning: str = static(default="frobenius", expect=PRECONDITIONING)
    weight_dimension_numbers: Any = static(default=None, convert=frozen_axes)
    ns_dtype: Any = static(default=None, convert=dtype_name)

    def check_fields(self) -> None:
        """Refuse a number of steps that several triples overrule."""
        check_steps(type(self).__name__, self.ns_coeffs, self.ns_steps)

    def slots(self, p: Any) -> tuple[jax.Array]:
        return (zeros(p, self.mu_dtype),)

    def shared(self, t: Any) -> Any:
        """Return the weights of momentum and gradient in what is made orthogonal."""
        return (self.beta, 1 - self.beta) if self.nesterov else (None, None)

    def before(self, weights: Any, g: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:  # pyright: ignore
        b = self.beta * b + (1 - self.beta) * g
        of_b, of_g = weights
        look = b if of_b is None else of_b * b
        return look if of_g is None else look + of_g * g, b

    def orthogonal(self, x: jax.Array) -> jax.Array:
        """Return O(x) for a matrix either way round."""
        tall = x.shape[-2] > x.shape[-1]
        settings = (self.ns_coeffs, self.ns_steps, self.eps, self.ns_dtype, self.preconditioning)
        u = newton_schulz(x.mT if tall else x, *settings)
        return u.mT if tall else u

    def flops(self, rows: int, columns: int) -> float:
        m, n = sorted((rows, columns))
        return steps_of(self.ns_coeffs, self.ns_steps) * (4 * m * m * n + 2 * m**3)


@record
class ScaleByMuon(OrthogonalMomentum):
    """Orthogonalize the momentum of each matrix.

    u = s O(beta b + (1-beta) g), or s O(b) without `nesterov`, with the momentum and O of `OrthogonalMomentum`.

    (Jordan et al. 2024, github.com/KellerJordan/Muon; `torch.optim.Muon` is the same up to its bfloat16 arithmetic.)
    s is sqrt(max(1, out/in)), or `consistent_rms` times sqrt(max(in, out)), which gives Adam's step size at 0.2
    (Liu et al. 2025, arXiv:2502.16982), or 1 with `shape_scaling` off. `bias_correction` divides b by
    1 - beta^(t+1) and g by 1 - beta^t, as `optax.contrib.muon` does, whose first steps differ from torch's. `adaptive`
    multiplies O(x) by <x, O(x)>, about the dual norm of the matrix x (Bernstein & Newhouse 2024, arXiv:2409.20325);
    optax takes that of all of a leaf's matrices together.
    """

    _: KW_ONLY
    adaptive: bool = static(default=False)
    consistent_rms: Scalar | None = hyper(default=None, interval="(0, inf)")
    bias_correction: bool = static(default=False)
    shape_scaling: bool = static(default=True)
    wide = True

    @property
    def layout(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return CorrectedMuonState if self.bias_correction else ScaleByMuonState

    def shared(self, t: Any) -> Any:
        if not self.bias_correction:
            return super().shared(t)
        now, following = one_minus_pow(self.beta, t), one_minus_pow(self.beta, increment(t))
        return (self.beta / following, (1 - self.beta) / now) if self.nesterov else (1 / now, None)

    def step(self, t: Any, x: jax.Array) -> jax.Array:
        u = self.orthogonal(x)
        return jnp.sum((x.conj() * u).real) * u if self.adaptive else u

    def size(self, rows: int, columns: int) -> Any:
        if not self.shape_scaling:
            return 1.0
        if self.consistent_rms is not None:
            return self.consistent_rms * max(rows, columns) ** 0.5
        return shape_factor(rows, columns)


scale_by_muon = ScaleByMuon


@optimizer(rates=(1e-4, 1e0))
def muon(
    learning_rate: Rate,
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    weight_decay_mask: Any = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Decay = 0.0,
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

    `adam_learning_rate` is `learning_rate` unless given, as in optax; `jgd.describe` shows the rate of each leaf. AdamW
    often wants a tenth of Muon's rate, or less; but with `consistent_rms=0.2` both sides step by about as much, so
    that AdamW's tuned rate serves both (Liu et al. 2025, arXiv:2502.16982).

    With a mesh in effect (`jax.set_mesh`, `jgd.fit(mesh=)`) each device iterates on whole matrices of its own. Those
    that lie in parts travel there and back once a step, which more devices do not make less; a stack of layers, f[n,
    in, out], that is split along its first axis stays where it is.
    """
    declared, labels = matrices_and_labels("muon", muon_weight_dimension_numbers, param_labels)
    rule = ScaleByMuon(
        ns_coeffs,
        ns_steps,
        beta,
        eps,
        mu_dtype,
        nesterov=nesterov,
        adaptive=adaptive,
        preconditioning=preconditioning,
        weight_dimension_numbers=declared,
        consistent_rms=consistent_rms,
        ns_dtype=ns_dtype,
    )
    matrices = descend(rule, learning_rate, weight_decay, weight_decay_mask)
    rate = learning_rate if adam_learning_rate is None else adam_learning_rate
    return beside_adamw(matrices, labels, rate, adam_b1, adam_b2, adam_eps_root, adam_weight_decay)


def beside_adamw(
    matrices: Chain, labels: Any, learning_rate: Rate, b1: Scalar, b2: Scalar, eps_root: Scalar, weight_decay: Decay
) -> Partition:
    """Give the leaves labelled "muon" to a transform of matrices, and those labelled "adam" to AdamW."""
    rest = adamw(learning_rate, b1=b1, b2=b2, eps_root=eps_root, weight_decay=weight_decay)
    return partition({"muon": matrices, "adam": rest}, labels)


def shape_factor(rows: int, columns: int) -> float:
    """Compute Muon's factor for a matrix of `rows` inputs and `columns` outputs."""
    return max(1.0, columns / max(rows, 1)) ** 0.5


def matrices_and_labels(place: str, declared: Any, labels: Any) -> tuple[Any, Any]:
    """Find the axes of the matrices, and which leaves are matrices, from what a recipe was given of the two."""
    if declared is not None and labels is not None:
        raise InputError(
            f"{place}(muon_weight_dimension_numbers, param_labels): both say which leaves are matrices; give one."
        )
    if declared is not None:
        return declared, MuonLabels(declared)
    return (matrix_axes, muon_labels) if labels is None else (every_matrix_axes, labels)


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
        """Return a tree of labels."""
        axes = declared_axes("muon(muon_weight_dimension_numbers)", self.declared, params).of(params)
        return jax.tree.unflatten(jax.tree.structure(params), ["adam" if x is None else "muon" for x in axes])
