"""Projections of matrices on a few directions, and Adam among them: what GaLore, Fira and APOLLO share."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import MatrixAxes, Rule, hyper, record, static
from jgd.core.arguments import whole_from
from jgd.core.matrices import Cut, cut
from jgd.core.tree import abs_sq, check_fits, moment_dtype, one_minus_pow, ratio, safe_sqrt, widen, zeros
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.core.without_matrices import warn_without_matrices


@dataclass(frozen=True)
class Projection:
    """A projection of the matrices of one array on `rank` directions: of their rows, P'G, or their columns, G P."""

    one: Cut
    rank: int
    rows: bool

    @property
    def low_shape(self) -> tuple[int, ...]:
        """The shape of the projected matrices."""
        _, rows, columns = self.one.sizes
        return (*self.one.batch_shape, *((self.rank, columns) if self.rows else (rows, self.rank)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the projector P."""
        _, rows, columns = self.one.sizes
        return *self.one.batch_shape, rows if self.rows else columns, self.rank

    def directions(self, g: jax.Array) -> jax.Array:
        """Return the first singular vectors of the matrices of `g`; a constant for derivatives."""
        # Slopes of singular vectors are infinite where two singular values are equal.
        u, _, vh = jnp.linalg.svd(jax.lax.stop_gradient(self.one.matrices(widen(g))), full_matrices=False)
        return (u if self.rows else vh.conj().mT)[..., : self.rank]

    def low(self, g: jax.Array, projector: jax.Array) -> jax.Array:
        """Return the projected matrices of an array."""
        matrices, wide = self.one.matrices(widen(g)), widen(projector)
        return wide.conj().mT @ matrices if self.rows else matrices @ wide

    def back(self, low: jax.Array, projector: jax.Array) -> jax.Array:
        """Return the array whose matrices are those back in the whole space."""
        wide, low = widen(projector), widen(low)
        return self.one.array(wide @ low if self.rows else low @ wide.conj().mT)


def projection_of(one: Cut, rank: int, *, longer: bool = False) -> Projection:
    """Find the projection of the shorter side of the matrices, or of the `longer` one, on `rank` directions at most."""
    _, rows, columns = one.sizes
    return Projection(one, min(rank, rows, columns), rows >= columns if longer else rows <= columns)


@record
class ScaleByLowRankAdam(Rule):
    """Scale by Adam in a few directions of each matrix.

    u = c scale P n for a matrix G, n = m / (sqrt(v) + eps) with Adam's moments of P'G, or of G P if it is tall.

    c = sqrt(1-b2^t) / (1-b1^t), so that eps is added before bias correction, as the authors do. P holds the first
    `rank` singular vectors of G, taken at steps 0, k, 2k, ... for k = `update_proj_gap` (Zhao et al. 2024,
    arXiv:2403.03507); moments are not turned when P changes. Leaves of rank 2 are matrices; for others u = c n.
    `ScaleByGalore` has any rule in place of Adam, and other axes. Under `vmap` over the gap singular vectors are
    computed at each step. State: 4 rank (shorter + 2 longer) bytes for a matrix.
    """

    rank: int = static(default=128, expect=whole_from(1))
    update_proj_gap: Scalar = hyper(default=200, interval="[1, inf)", whole=True)
    scale: Scalar = hyper(default=0.25, interval="[0, inf)")
    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    layout = ("m", "v", "projector")
    entrywise = False

    def init(self, params: Params) -> State:
        """Return a counter at zero and the slots of each leaf."""
        warn_without_matrices(params, [(self, params)])
        return super().init(params)

    def acts_on(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a leaf of this shape is projected."""
        return len(shape) == 2 and 0 not in shape

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        one = self.projected(p)
        if one is None:
            return zeros(p), zeros(p, real=True), jnp.zeros((0, 0), moment_dtype(p))
        moments = (jnp.zeros(one.low_shape, moment_dtype(p, real=real)) for real in (False, True))
        return *moments, jnp.zeros(one.shape, moment_dtype(p))

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        """Return the step, the number of the projector, whether it is due, and the bias correction."""
        gap = as_whole(self.update_proj_gap)
        correction = safe_sqrt(one_minus_pow(self.b2, t)) / one_minus_pow(self.b1, t)
        return t, (t - 1) // gap, (t - 1) % gap == 0, correction

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of each leaf, and the next state."""
        if params is not None:
            check_fits(f"{type(self).__name__}.update", grads, params)
        return super().update(grads, state, params, **extra)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, *kept: jax.Array) -> tuple[jax.Array, ...]:
        one, correction = self.projected(g), shared[-1]
        if one is None:
            n, m, v = self._adam(g, m, v)
            return correction * n, m, v, *kept
        projector, *rest = self.renewed(shared, one, g, *kept)
        low = one.low(g, projector)
        n, m, v = self._adam(low, m, v)
        u, *rest = self.whole(shared[0], one, (g, low, n, projector), *rest)
        return correction * u, m, v, *rest

    def _adam(self, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        """Return Adam's step without bias correction, and its moments."""
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        return ratio(m, safe_sqrt(v) + self.eps), m, v

    def projected(self, p: Any) -> Projection | None:
        """Tell how a leaf is projected: matrices alone are."""
        if not self.acts_on(jnp.shape(p)):
            return None
        return projection_of(cut(type(self).__name__, jnp.shape(p), MatrixAxes(0, 1)), self.rank)

    def renewed(self, shared: Any, one: Projection, g: jax.Array, *kept: jax.Array) -> tuple[jax.Array, ...]:
        """Return the projector of this step, and the slots after the moments."""
        due, (old, *rest) = shared[2], kept
        projector = jax.lax.cond(due, lambda: one.directions(g).astype(old.dtype), lambda: old)
        return projector, projector, *rest

    def whole(self, t: jax.Array, one: Projection, found: Any, *kept: jax.Array) -> tuple[jax.Array, ...]:
        """Give the step in the whole space and the slots after the moments, from gradient, its projection, n and P."""
        _, _, n, projector = found
        return self.scale * one.back(n, projector), *kept


scale_by_low_rank_adam = ScaleByLowRankAdam
