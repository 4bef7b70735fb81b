"""Parameters leaf by leaf: their gradients, what a step changes of them, and whether the loss depends on them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.tree import path_names, widen
from jgd.core.types import Params
from jgd.measure.steps import random_like

WIDEST = 1024  # the smaller side of a matrix up to which its singular values are computed


class MeasuredLeaf(NamedTuple):
    """Hold what is seen of one leaf of the parameters."""

    name: str
    shape: tuple[int, ...]
    gradient: float  # root mean square
    zero: float  # share of the gradient's entries
    ratio: float  # norm of a step over that of the leaf in front of it; NaN where it is zero, or began so
    step: float  # root mean square of a step
    per_gradient: float  # that over the root mean square of the gradient that the step was made of
    decay: float  # share of it that weight decay takes away in a step; NaN without one
    rank: float  # effective rank of a step: exp of the entropy of its singular values; NaN unless it is a matrix
    connected: bool  # whether its gradient is other than zero, here or at random parameters
    moved: bool  # whether training changed it
    frozen: bool  # whether the optimizer is to leave it alone


def measure_leaves(
    params: Params,
    grads: Params,
    others: Params,
    last: tuple[Params, Params, Params],
    moved: Params,
    frozen: Any,
    decays: Sequence[float] | None = None,
) -> tuple[MeasuredLeaf, ...]:
    """Measure each leaf from its gradients, those at random parameters, and where training has taken it.

    `last` are parameters, their gradient and the update that was made of it.
    """
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    found = jax.device_get(_measure(params, grads, others, *last, moved))
    decays = decays if decays is not None else [math.nan] * len(paths)
    rows = zip(paths, jax.tree.leaves(params), found, jax.tree.leaves(frozen), decays, strict=True)
    return tuple(
        MeasuredLeaf(
            "/".join(path_names(path)) or "params",
            tuple(x.shape),
            float(one["gradient"]),
            float(one["zero"]),
            float(one["step"] / one["size"]) if one["begun"] and one["size"] > 0 else float("nan"),
            float(one["step"]),
            float(one["step"] / one["made_of"]) if one["made_of"] > 0 else float("nan"),
            float(decay),
            effective_rank(one["values"]),
            bool(one["connected"]),
            bool(one["moved"]),
            bool(still),
        )
        for path, x, one, still, decay in rows
    )


def effective_rank(values: Sequence[float] | np.ndarray) -> float:
    """Compute exp of the entropy of singular values, as shares of their sum (Roy & Vetterli 2007); NaN for none."""
    total = float(np.sum(values))
    if not len(values) or not math.isfinite(total) or total <= 0:
        return float("nan")
    shares = np.asarray(values, np.float64) / total
    shares = shares[shares > 0]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def redrawn(params: Params, seed: int = 0) -> Params:
    """Draw parameters of the same size, entry by entry normal; leaves of zeros, and those not finite, get a tenth."""
    return _of_size(params, random_like(params, seed))


@jax.jit
def _of_size(params: Params, draws: Params) -> Params:
    def scaled(x: jax.Array, draw: jax.Array) -> jax.Array:
        size = _rms(x)
        return (draw * jnp.where(jnp.isfinite(size) & (size > 0), size, 0.1)).astype(draw.dtype)

    return jax.tree.map(scaled, params, draws)


@jax.jit
def _measure(
    params: Params, grads: Params, others: Params, last: Params, made_of: Params, updates: Params, moved: Params
) -> list[dict[str, Any]]:
    columns = [jax.tree.leaves(tree) for tree in (params, grads, others, last, made_of, updates, moved)]
    return [_one(*row) for row in zip(*columns, strict=True)]


def _one(
    p: jax.Array, g: jax.Array, other: jax.Array, last: jax.Array, made_of: jax.Array, u: jax.Array, moved: jax.Array
) -> dict[str, Any]:
    return {
        "gradient": _rms(g),
        "zero": jnp.mean(g == 0),
        "begun": jnp.any(p != 0),  # what began with zeros has no size yet
        "size": _rms(last),
        "step": _rms(u),
        "made_of": _rms(made_of),
        "values": _singular_values(u),
        "connected": jnp.any(g != 0) | jnp.any(other != 0),
        "moved": jnp.any(p != moved),
    }


def _rms(x: jax.Array) -> jax.Array:
    """Return the root mean square, without overflow of the squares."""
    x = jnp.abs(widen(x))
    scale = jnp.maximum(jnp.max(x, initial=0.0), jnp.finfo(x.dtype).tiny)
    return scale * jnp.sqrt(jnp.mean((x / scale) ** 2))


def _singular_values(u: jax.Array) -> jax.Array:
    """Give those of a matrix, of a kernel with its inputs along the rows; none where it is no matrix, or a wide one."""
    matrix = widen(u).reshape(-1, u.shape[-1]) if u.ndim >= 2 else jnp.zeros((0, 0))
    if not 1 < min(matrix.shape) <= WIDEST or jnp.iscomplexobj(matrix):
        return jnp.zeros(0)
    matrix = jnp.where(jnp.isfinite(matrix), matrix, 0.0)
    matrix = matrix / jnp.maximum(jnp.max(jnp.abs(matrix)), jnp.finfo(matrix.dtype).tiny)
    return jnp.linalg.svd(matrix, compute_uv=False)
