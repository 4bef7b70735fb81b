"""QK-Clip: attention logits held to a threshold by scaling the kernels of queries and keys."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import ARRAY, FINITE, Kind, checked
from jgd.core.errors import InputError
from jgd.core.tree import check_inexact, widen
from jgd.core.types import Scalar

ABOVE_ZERO = Kind("be a positive number", lambda x: ARRAY.admits(x) and not (FINITE.admits(x) and x <= 0))
EXPONENT = Kind("be a number in [0, 1]", lambda x: ARRAY.admits(x) and not (FINITE.admits(x) and not 0 <= x <= 1))


@checked(q_kernel=ARRAY, k_kernel=ARRAY, max_logits=ARRAY, threshold=ABOVE_ZERO, alpha=EXPONENT)
def qk_clip(
    q_kernel: Any, k_kernel: Any, max_logits: Any, threshold: Scalar = 100.0, alpha: Scalar = 0.5
) -> tuple[jax.Array, jax.Array]:
    """Scale the kernels of heads whose largest logit was above a threshold (Kimi Team 2025, arXiv:2507.20534, Alg. 1).

    W_q <- γ^alpha W_q and W_k <- γ^(1-alpha) W_k with γ = min(1, threshold / max_logits) of each head: call it after
    the optimizer's step, with the largest logits before the softmax that the forward pass saw, f[heads]. Kernels are
    flax's, f[in, heads, head_dim]; `max_logits` of stacked layers is f[layers, heads]. A key head that several query
    heads share is scaled by the smallest factor among them.
    """
    q, k = jnp.asarray(q_kernel), jnp.asarray(k_kernel)
    check_inexact("qk_clip", {"q_kernel": q, "k_kernel": k})
    logits = widen(jnp.asarray(max_logits))
    lead = logits.ndim - 1
    heads = logits.shape[-1] if logits.ndim else 0
    shared = k.shape[-2] if k.ndim > 1 else 0
    if min(q.ndim, k.ndim) < lead + 3 or q.shape[-2] != heads or not shared or heads % shared:
        raise InputError(
            f"qk_clip(q_kernel: {list(q.shape)}, k_kernel: {list(k.shape)}, max_logits: {list(logits.shape)}): "
            "expected kernels (in, heads, head_dim) and a logit for each head of the queries, whose number the keys' "
            "divides."
        )
    gamma = jnp.minimum(1.0, threshold / jnp.maximum(logits, threshold))
    of_keys = jnp.min((gamma ** (1 - alpha)).reshape(*logits.shape[:-1], shared, heads // shared), axis=-1)
    return _scaled(q, gamma**alpha), _scaled(k, of_keys)


def _scaled(kernel: jax.Array, factors: jax.Array) -> jax.Array:
    """Return a kernel times a factor f[..., heads] for each head."""
    lead = factors.shape[:-1]
    between = (1,) * (kernel.ndim - len(lead) - 2)
    return (widen(kernel) * factors.reshape(*lead, *between, factors.shape[-1], 1)).astype(kernel.dtype)
