"""A small decoder-only transformer as plain functions of a dict of arrays (Vaswani et al. 2017, arXiv:1706.03762)."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.record import record, static
from jgd.tasks.draws import normal_draws

HEADS = 4


@record
class InitTransformer:
    """First parameters: normal, with variance 1/inputs for kernels and 0.02^2 for embeddings; no biases."""

    vocabulary: int = static()
    context: int = static()
    width: int = static()
    blocks: int = static()

    def __call__(self, key: jax.Array) -> dict[str, Any]:
        """Return embeddings, `block0`, `block1`, ... and the `head`."""
        keys = jax.random.split(key, self.blocks + 3)
        return {
            "token_embedding": 0.02 * normal_draws(keys[0], (self.vocabulary, self.width)),
            "position_embedding": 0.02 * normal_draws(keys[1], (self.context, self.width)),
            **{f"block{i}": _init_block(keys[3 + i], self.width) for i in range(self.blocks)},
            "head": _kernel(keys[2], self.width, self.vocabulary),
        }


def apply_transformer(params: dict[str, Any], tokens: jax.Array) -> jax.Array:
    """Return the logits f[batch, length, vocabulary] for the token after each of i[batch, length]."""
    x = params["token_embedding"][tokens] + params["position_embedding"][None, : tokens.shape[1]]
    for name in sorted(name for name in params if name.startswith("block")):
        block = params[name]
        x = x + _attend(block, _normalize(x))
        x = x + jax.nn.gelu(_normalize(x) @ block["up"]) @ block["down"]
    return _normalize(x) @ params["head"]


def _attend(block: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Apply causal attention; the width is split among the heads."""
    batch, length, width = x.shape
    split = (batch, length, HEADS, width // HEADS)
    query, key, value = ((x @ block[name]).reshape(split) for name in ("query", "key", "value"))
    return jax.nn.dot_product_attention(query, key, value, is_causal=True).reshape(x.shape) @ block["out"]


def _normalize(x: jax.Array) -> jax.Array:
    """Scale to a root mean square of one (Zhang & Sennrich 2019, arXiv:1910.07467), without a learned scale."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)


def _init_block(key: jax.Array, width: int) -> dict[str, jax.Array]:
    shapes = dict.fromkeys(("query", "key", "value", "out"), (width, width))
    shapes |= {"up": (width, 4 * width), "down": (4 * width, width)}
    keys = jax.random.split(key, len(shapes))
    return {name: _kernel(k, *shape) for k, (name, shape) in zip(keys, shapes.items(), strict=True)}


def _kernel(key: jax.Array, inputs: int, outputs: int) -> jax.Array:
    return normal_draws(key, (inputs, outputs)) / inputs**0.5
