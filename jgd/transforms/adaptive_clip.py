"""Adaptive gradient clipping: the length of each unit's update bounded by that of its weights."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import InputError, Rule, hyper, record, static
from jgd.core.arguments import ARRAY, Kind, checked
from jgd.core.tree import abs_sq, safe_sqrt
from jgd.core.types import Scalar

AXES = Kind(
    "be an axis or a tuple of axes, as whole numbers",
    lambda x: all(isinstance(a, int) and not isinstance(a, bool) for a in (x if isinstance(x, (tuple, list)) else [x])),
)


@record
class AdaptiveGradClip(Rule):
    """Clip the gradient of each unit to a share of the norm of its weights.

    u = g min(1, c max(||p||, eps) / ||g||), the norms taken unit by unit (Brock et al. 2021, arXiv:2102.06171).

    A unit is what shares an output; `unitwise_norm` tells which axes are summed. `eps` lets weights that begin at
    zero move. A gradient below 1e-6 in length is not scaled.
    """

    clipping: Scalar = hyper(interval="[0, inf)")
    eps: Scalar = hyper(default=1e-3, interval="[0, inf)")
    axis: Any = static(default=None, convert=lambda axis: tuple(axis) if isinstance(axis, list) else axis, expect=AXES)
    entrywise = False

    def step(self, t: Any, g: jax.Array, *, p: jax.Array) -> jax.Array:
        limit = self.clipping * jnp.maximum(unitwise_norm(p, self.axis), self.eps)
        return unitwise_clip(unitwise_norm(g, self.axis), limit, g)


adaptive_grad_clip = AdaptiveGradClip


@checked(x=ARRAY, axis=AXES)
def unitwise_norm(x: jax.Array, axis: int | tuple[int, ...] | None = None) -> jax.Array:
    """Take the Euclidean norm of each unit of an array, in its shape; its gradient at zero is zero.

    Without an `axis`, a vector is one unit; of two or three axes the first is summed (inputs by outputs, heads
    by themselves), and of four or five all but the last (a convolution's window and its inputs), as in the authors'
    code. More need `axis`.
    """
    x = jnp.asarray(x)
    if axis is None:
        axis = _inputs(x)
    squares = jnp.sum(abs_sq(x), axis=axis, keepdims=True)
    return jnp.broadcast_to(safe_sqrt(squares), x.shape)


@checked(g_norm=ARRAY, max_norm=ARRAY, grad=ARRAY, div_eps=ARRAY)
def unitwise_clip(g_norm: jax.Array, max_norm: jax.Array, grad: jax.Array, div_eps: Scalar = 1e-6) -> jax.Array:
    """Scale a gradient down to `max_norm` where its norm `g_norm` is no less; three arrays of one shape.

    `div_eps` is the least norm that divides.
    """
    shapes = [jnp.shape(x) for x in (g_norm, max_norm, grad)]
    if len(set(shapes)) > 1:
        raise InputError(f"unitwise_clip: g_norm, max_norm and grad have shapes {shapes}; they must have one shape.")
    return jnp.where(g_norm < max_norm, grad, grad * (max_norm / jnp.maximum(g_norm, div_eps)))


def _inputs(x: jax.Array) -> tuple[int, ...] | None:
    """Return the axes that are summed; None for all."""
    if sum(size != 1 for size in x.shape) <= 1:
        return None
    if x.ndim > 5:
        raise InputError(
            f"unitwise_norm: the array has shape {x.shape}, expected five axes at most; tell which are summed by axis=."
        )
    return (0,) if x.ndim < 4 else tuple(range(x.ndim - 1))
