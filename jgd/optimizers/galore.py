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
from jgd.core.matrices import Cut, cut, declared_axes, frozen_axes
from jgd.core.tree import cast_like, check_inexact, increment, map_unzip, moment_dtype, name_of, widen, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.adam import scale_by_adam
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain, as_transform


def _rule(base: Any) -> Transform:
    return scale_by_adam() if base is None else as_transform(base)


@record
class ScaleByGalore:
    """u = scale P base(P'G) for a matrix G of fewer rows than columns, whose rows P: f[rows, rank] projects; else G P.

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
        """A counter, the base's state for projected matrices, and projectors at zero."""
        check_inexact("ScaleByGalore.init", params)
        leaves, structure = jax.tree.flatten(params)
        rows = list(zip(self._cuts(params), leaves, strict=True))
        low = [jnp.zeros(self._low(one, p), jnp.result_type(p)) for one, p in rows]
        projectors = [jnp.zeros(self._projector(one), moment_dtype(p)) for one, p in rows]
        base_state = self.base_optimizer.init(structure.unflatten(low))
        return optax.contrib.GaLoreState(zero_count(), base_state, structure.unflatten(projectors))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The base's updates in the projected space, back in the whole."""
        read = () if params is None else (params,)
        place, cuts = "ScaleByGalore.update", self._cuts(grads)
        grads, kept = map_unzip(  # which compares their structures and shapes
            lambda g, projector, *_: (g, projector), grads, state.projector, place=place, read=read, entrywise=False
        )
        leaves, structure = jax.tree.flatten(grads)
        due = state.count % jnp.round(jnp.asarray(self.update_proj_gap)).astype(jnp.int32) == 0
        projectors = structure.flatten_up_to(kept)
        self._check(grads, cuts, projectors)
        projectors = [self._renewed(due, *row) for row in zip(cuts, leaves, projectors, strict=True)]
        low = [self._projected(*row) for row in zip(cuts, leaves, projectors, strict=True)]
        steps, base_state = self.base_optimizer.update(
            structure.unflatten(low), state.base_optimizer_state, None, **extra
        )
        updates = [
            self._back(one, u, projector).astype(jnp.result_type(g))
            for one, g, u, projector in zip(cuts, leaves, jax.tree.leaves(steps), projectors, strict=True)
        ]
        return structure.unflatten(updates), optax.contrib.GaLoreState(
            count=increment(state.count),
            # A foreign transform may change dtypes, as the gradients are in float32 at least.
            base_optimizer_state=cast_like(base_state, state.base_optimizer_state),
            projector=structure.unflatten(projectors),
        )

    def for_params(self, params: Params) -> "ScaleByGalore":
        """The same with the axes fixed that are declared for these parameters; see `jgd.core.matrices.for_params`."""
        declared = self.weight_dimension_numbers
        if declared is None or hasattr(_thawed(declared, params), "reduction_axis"):
            return self
        axes = declared_axes(type(self).__name__, declared, params)
        return dataclasses.replace(self, weight_dimension_numbers=axes)  # type: ignore[type-var]

    def _cuts(self, params: Params) -> list[Cut | None]:
        """How each leaf is cut into matrices; `None` for what is not projected, such as leaves without entries."""
        place, declared = type(self).__name__, self.weight_dimension_numbers
        rows = jax.tree_util.tree_leaves_with_path(params)
        one = MatrixAxes(0, 1) if declared is None else _thawed(declared, params)
        if hasattr(one, "reduction_axis"):
            fits = (lambda rank: rank == 2) if declared is None else (lambda rank: rank >= 2)
            axes = [one if fits(jnp.ndim(leaf)) else None for _, leaf in rows]
        else:
            axes = declared_axes(place, declared, params).of(params)
        return [
            None if x is None or not jnp.size(leaf) else cut(f"{place}: {name_of(path)}", jnp.shape(leaf), x)
            for (path, leaf), x in zip(rows, axes, strict=True)
        ]

    def _is_left(self, one: Cut) -> bool:
        """Whether the rows are projected, P'G, or the columns, G P."""
        _, rows, columns = one.sizes
        return rows >= columns if self.project_longer else rows <= columns

    def _low(self, one: Cut | None, p: Any) -> tuple[int, ...]:
        """The shape of a projected leaf."""
        if one is None:
            return jnp.shape(p)
        _, rows, columns = one.sizes
        kept = min(self.rank, rows, columns)
        return (*one.batch_shape, *((kept, columns) if self._is_left(one) else (rows, kept)))

    def _projector(self, one: Cut | None) -> tuple[int, ...]:
        """The shape of a projector."""
        if one is None:
            return 0, 0
        _, rows, columns = one.sizes
        return *one.batch_shape, rows if self._is_left(one) else columns, min(self.rank, rows, columns)

    def _check(self, grads: Grads, cuts: list[Cut | None], projectors: list[Any]) -> None:
        paths = jax.tree_util.tree_leaves_with_path(grads)
        for (path, g), one, projector in zip(paths, cuts, projectors, strict=True):
            if jnp.shape(projector) != self._projector(one):
                raise InputError(
                    f"ScaleByGalore.update: the gradient at {name_of(path)} has shape {jnp.shape(g)}, which the "
                    f"projector of shape {jnp.shape(projector)} does not fit; pass what belongs to the parameters that "
                    "init was called with."
                )

    def _renewed(self, due: jax.Array, one: Cut | None, g: jax.Array, projector: jax.Array) -> jax.Array:
        """The projector, from the gradient where it is due."""
        if one is None:
            return projector

        def directions() -> jax.Array:
            # Slopes of singular vectors are infinite where two singular values are equal.
            u, _, vh = jnp.linalg.svd(jax.lax.stop_gradient(one.matrices(widen(g))), full_matrices=False)
            vectors = u if self._is_left(one) else vh.conj().mT
            return vectors[..., : projector.shape[-1]].astype(projector.dtype)

        return jax.lax.cond(due, directions, lambda: projector)

    def _projected(self, one: Cut | None, g: jax.Array, projector: jax.Array) -> jax.Array:
        if one is None:
            return widen(g)
        matrices, wide = one.matrices(widen(g)), widen(projector)
        return wide.conj().mT @ matrices if self._is_left(one) else matrices @ wide

    def _back(self, one: Cut | None, u: jax.Array, projector: jax.Array) -> jax.Array:
        if one is None:
            return widen(u)
        wide = widen(projector)
        whole = wide @ widen(u) if self._is_left(one) else widen(u) @ wide.conj().mT
        return self.scale * one.array(whole)


scale_by_galore = ScaleByGalore


@optimizer(rates=(1e-5, 1e-1))
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


def _thawed(declared: Any, params: Params) -> Any:
    """The axes themselves; functions and what is fixed already pass unchanged."""
    return thaw(declared, params) if isinstance(declared, Frozen) else declared
