"""GaLore: an optimizer in a few directions of each matrix, which change now and then."""

import dataclasses
from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, MatrixAxes, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, whole_from
from jgd.core.frozen import Frozen, thaw
from jgd.core.matrices import cut, declared_axes, frozen_axes
from jgd.core.mesh import without_mesh_types
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, check_inexact, increment, map_unzip, moment_dtype, name_of, widen, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.core.without_matrices import warn_without_matrices
from jgd.optimizers.adam import scale_by_adam
from jgd.optimizers.catalogue import descend, descend_then_decay, optimizer
from jgd.optimizers.low_rank import Projection, ScaleByLowRankAdam, projection_of
from jgd.transforms import Chain, as_transform
from jgd.transforms.decay import Decay


def _rule(base: Any) -> Transform:
    return scale_by_adam() if base is None else as_transform(base)


@record
class ScaleByGalore(Pair):
    """Let another rule step in a few directions of each matrix.

    u = scale P base(P'G) for a matrix G of fewer rows than columns, whose rows P: f[rows, rank] projects; else G P.

    P holds the first `rank` singular vectors of G, taken at steps 0, k, 2k, ... for k = `update_proj_gap` (Zhao et al.
    2024, arXiv:2403.03507). The state of `base_optimizer`, a rule that reads no parameters, is then of rank x longer
    side; it is not turned when P changes. As in the paper the shorter side is projected; `project_longer` projects the
    longer, as optax does, whose state is rank x shorter side and whose P is longer. Leaves that are no matrices go
    through the base as they are. For a hypergradient P is a constant.

    `weight_dimension_numbers` cuts leaves into matrices: one `MatrixAxes` for all leaves of rank 2 or more, a tree of
    them with `None` for what is no matrix, or a function of the parameters that returns one; without it, leaves of rank
    2 are. Axes that are in neither are a batch of matrices. Under `vmap` singular vectors are computed each step.
    State: 4 rank (shorter + 2 longer) bytes for a matrix with Adam.
    """

    rank: int = static(default=128, expect=whole_from(1))
    update_proj_gap: Scalar = hyper(default=200, interval="[1, inf)", whole=True)
    scale: Scalar = hyper(default=1.0)
    base_optimizer: Transform = part(default=None, convert=_rule, expect=TRANSFORM)
    weight_dimension_numbers: Any = static(default=None, convert=frozen_axes)
    _: KW_ONLY
    project_longer: bool = static(default=False)

    def init(self, params: Params) -> State:
        """Return a counter, the base's state for projected matrices, and projectors at zero."""
        check_inexact("ScaleByGalore.init", params)
        warn_without_matrices(params, [(self, params)])
        leaves, structure = jax.tree.flatten(params)
        rows = list(zip(self._projections(params), leaves, strict=True))
        low = [jnp.zeros(one.low_shape if one else jnp.shape(p), jnp.result_type(p)) for one, p in rows]
        projectors = [jnp.zeros(_shape(one), moment_dtype(p)) for one, p in rows]
        base_state = self.base_optimizer.init(structure.unflatten(low))
        return optax.contrib.GaLoreState(zero_count(), base_state, structure.unflatten(projectors))

    @without_mesh_types
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the base's updates in the projected space, back in the whole."""
        read = () if params is None else (params,)
        place, ways = "ScaleByGalore.update", self._projections(grads)
        grads, kept = map_unzip(  # which compares their structures and shapes
            lambda g, projector, *_: (g, projector), grads, state.projector, place=place, read=read, entrywise=False
        )
        leaves, structure = jax.tree.flatten(grads)
        due = state.count % as_whole(self.update_proj_gap) == 0
        projectors = structure.flatten_up_to(kept)
        self._check(grads, ways, projectors)
        projectors = [_renewed(due, *row) for row in zip(ways, leaves, projectors, strict=True)]
        low = [one.low(g, p) if one else widen(g) for one, g, p in zip(ways, leaves, projectors, strict=True)]
        steps, base_state = self.base_optimizer.update(
            structure.unflatten(low), state.base_optimizer_state, None, **extra
        )
        updates = [
            (self.scale * one.back(u, projector) if one else widen(u)).astype(jnp.result_type(g))
            for one, g, u, projector in zip(ways, leaves, jax.tree.leaves(steps), projectors, strict=True)
        ]
        return structure.unflatten(updates), optax.contrib.GaLoreState(
            count=increment(state.count),
            # A foreign transform may change dtypes, as the gradients are in float32 at least.
            base_optimizer_state=cast_like(base_state, state.base_optimizer_state),
            projector=structure.unflatten(projectors),
        )

    def acts_on(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a leaf of this shape may be projected."""
        return len(shape) == 2 or (len(shape) > 2 and self.weight_dimension_numbers is not None)

    def for_params(self, params: Params) -> "ScaleByGalore":
        """Return the same with the axes fixed that are declared for these parameters.

        See `jgd.core.matrices.for_params`.
        """
        declared = self.weight_dimension_numbers
        if declared is None or hasattr(_thawed(declared, params), "reduction_axis"):
            return self
        axes = declared_axes(type(self).__name__, declared, params)
        return dataclasses.replace(self, weight_dimension_numbers=axes)  # type: ignore[type-var]

    def _projections(self, params: Params) -> list[Projection | None]:
        """Tell how the matrices of each leaf are projected; `None` for what is not, such as leaves without entries."""
        place, declared = type(self).__name__, self.weight_dimension_numbers
        rows = jax.tree_util.tree_leaves_with_path(params)
        one = MatrixAxes(0, 1) if declared is None else _thawed(declared, params)
        if hasattr(one, "reduction_axis"):
            fits = (lambda rank: rank == 2) if declared is None else (lambda rank: rank >= 2)
            axes = [one if fits(jnp.ndim(leaf)) else None for _, leaf in rows]
        else:
            axes = declared_axes(place, declared, params).of(params)
        cuts = [
            None if x is None or not jnp.size(leaf) else cut(f"{place}: {name_of(path)}", jnp.shape(leaf), x)
            for (path, leaf), x in zip(rows, axes, strict=True)
        ]
        return [None if one is None else projection_of(one, self.rank, longer=self.project_longer) for one in cuts]

    def _check(self, grads: Grads, ways: list[Projection | None], projectors: list[Any]) -> None:
        paths = jax.tree_util.tree_leaves_with_path(grads)
        for (path, g), one, projector in zip(paths, ways, projectors, strict=True):
            if jnp.shape(projector) != _shape(one):
                raise InputError(
                    f"ScaleByGalore.update: the gradient at {name_of(path)} has shape {jnp.shape(g)}, which the "
                    f"projector of shape {jnp.shape(projector)} does not fit; pass what belongs to the parameters that "
                    "init was called with."
                )


scale_by_galore = ScaleByGalore


@optimizer(rates=(1e-4, 1e0))
def galore(
    learning_rate: Rate,
    rank: int = 128,
    update_proj_gap: Scalar = 200,
    scale: Scalar = 1.0,
    base_optimizer: Any = None,
    weight_decay: Rate = 0.0,
    mask: Any = None,
    weight_dimension_numbers: Any = None,
    *,
    project_longer: bool = False,
) -> Chain:
    """Adam in a few directions of each matrix, with decoupled weight decay (Zhao et al. 2024, arXiv:2403.03507).

    The shorter side of a matrix is projected, as in the paper; optax projects the longer. The authors use a `scale` of
    0.25.
    """
    rule = ScaleByGalore(
        rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers, project_longer=project_longer
    )
    return descend(rule, learning_rate, weight_decay, mask)


@optimizer(rates=(1e-4, 1e0))
def galore_adamw(
    learning_rate: Rate,
    rank: int = 128,
    update_proj_gap: Scalar = 200,
    scale: Scalar = 0.25,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """AdamW in a few directions of each matrix, as its authors' package has it (Zhao et al. 2024, arXiv:2403.03507).

    As there, eps is added before bias correction, and decay comes after the step: p <- (p - lr u)(1 - lr wd). What is
    no matrix gets Adam.
    """
    rule = ScaleByLowRankAdam(rank, update_proj_gap, scale, b1, b2, eps)
    return descend_then_decay(rule, learning_rate, weight_decay, mask)


def _shape(one: Projection | None) -> tuple[int, ...]:
    """Return the shape of a projector, which is empty for what is not projected."""
    return (0, 0) if one is None else one.shape


def _renewed(due: jax.Array, one: Projection | None, g: jax.Array, projector: jax.Array) -> jax.Array:
    """Return the projector, from the gradient where it is due."""
    if one is None:
        return projector
    return jax.lax.cond(due, lambda: one.directions(g).astype(projector.dtype), lambda: projector)


def _thawed(declared: Any, params: Params) -> Any:
    """Return the axes themselves; functions and what is fixed already pass unchanged."""
    return thaw(declared, params) if isinstance(declared, Frozen) else declared
